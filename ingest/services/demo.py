"""Filling a demo: reference data, people, models, tickets, and waiting until all are triaged (O1)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy

from classifier.choices import ModelState, Purpose
from classifier.models import LocalModel, WorkflowRun
from classifier.services.examples import starter_examples_load
from classifier.services.execution import run_process
from classifier.services.runs import due_runs
from classifier.services.training import models_train
from common.exceptions import Conflict
from ingest.samples.samples import ManifestEntry
from ingest.services.demo_people import demo_people_ensure
from ingest.services.demo_tickets import customer_tickets_open, demo_tickets, sample_tickets_open
from sla.services.defaults import defaults_load as sla_load
from teams.services.defaults import defaults_load as teams_load
from ticketing.choices import TriageField
from ticketing.models import Taxonomy
from ticketing.services.defaults import defaults_load as ticketing_load

Report = Callable[["Progress"], None]
_POLL_SECONDS = 0.4
_STALL_SECONDS = 8.0


class NotADemo(Conflict):
    """Demo accounts have a public password; they exist only where they are asked for."""

    code = "not_a_demo"
    default_message = gettext_lazy("Demo data is loaded only where DEMO=1 is set.")


@dataclass(frozen=True, slots=True)
class Progress:
    """What is being done, and how far it is."""

    phase: str
    done: int
    total: int


def demo_required() -> None:
    """Raises NotADemo unless the settings say that this is one, outside production."""
    if not settings.DEMO or settings.PRODUCTION:
        raise NotADemo


def demo_reference_load(*, report: Report) -> None:
    """Load shipped teams, taxonomies, rules and articles, then the demo's people. Raises NotADemo."""
    demo_required()
    report(Progress("Loading teams, categories, rules and articles", 0, 1))
    teams_load()
    ticketing_load()
    sla_load()
    demo_people_ensure()
    report(Progress("Loading teams, categories, rules and articles", 1, 1))


def demo_models_train(*, report: Report) -> None:
    """Train a model for each shipped taxonomy that has none in use. Raises NotADemo."""
    demo_required()
    taxonomies = list(Taxonomy.objects.filter(client=None, is_active=True).order_by("slug"))
    for number, taxonomy in enumerate(taxonomies):
        report(Progress("Training the local engine", number, len(taxonomies)))
        active = LocalModel.objects.filter(
            taxonomy=taxonomy, field=TriageField.CATEGORY, state=ModelState.ACTIVE
        )
        if not active.exists():
            starter_examples_load(taxonomy=taxonomy)
            models_train(taxonomy=taxonomy)
    report(Progress("Training the local engine", len(taxonomies), len(taxonomies)))


def demo_tickets_open(*, folder: Path, entries: tuple[ManifestEntry, ...], report: Report) -> None:
    """Send in the samples and the shop's tickets that are missing. Raises NotADemo."""
    demo_required()
    for _ in customer_tickets_open():
        pass
    present = demo_tickets()
    done = sum(entry.file in present for entry in entries)
    report(Progress("Reading files and opening tickets", done, len(entries)))
    for number, _ in enumerate(sample_tickets_open(folder=folder, entries=entries), start=done + 1):
        report(Progress("Reading files and opening tickets", number, len(entries)))


def demo_triage_wait(*, report: Report, timeout_seconds: float) -> bool:
    """Wait until every demo ticket is triaged; False when the time is over.

    Where no worker makes progress this process lends a hand; claims keep each run with one of the two.
    """
    ends = time.monotonic() + timeout_seconds
    moved, before = time.monotonic(), -1
    while True:
        tickets = demo_tickets().values()
        done = sum(ticket.triaged_at is not None for ticket in tickets)
        report(Progress("Triage", done, len(tickets)))
        if done == len(tickets):
            return True
        if done != before:
            moved, before = time.monotonic(), done
        if time.monotonic() > ends:
            return False
        if time.monotonic() - moved > _STALL_SECONDS:
            _lend_a_hand()
        else:
            time.sleep(_POLL_SECONDS)


def _lend_a_hand() -> None:
    """Execute some owed triage runs here."""
    due = due_runs(now=timezone.now())
    rows = WorkflowRun.objects.filter(pk__in=due, purpose=Purpose.TRIAGE).order_by("pk")
    ids = list(rows.values_list("pk", flat=True)[:5])
    for run_id in ids:
        run_process(run_id=run_id)
    if not ids:
        time.sleep(_POLL_SECONDS)
