"""Background triage. Every task takes ids; the rows say what is owed, the messages only nudge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from classifier.models import LlmCall, WorkflowStep
from classifier.services.bulk import bulk_claim, bulk_process
from classifier.services.drift import drift_check
from classifier.services.execution import run_process
from classifier.services.llm_return import providers_probe, returned_runs_request
from classifier.services.mining import rules_mine
from classifier.services.runs import due_runs, missing_runs_request, worn_out_stop
from classifier.services.spaces import space_ensure
from classifier.services.training import models_train
from classifier.services.trials import due_trials, old_trials_delete, trial_process
from classifier.services.vectors import vectors_fill
from common.queueing import enqueue
from common.turns import Turns
from teams.models import Client
from ticketing.models import Taxonomy

logger = structlog.get_logger(__name__)
_STEP_DAYS = 90
TURNS = Turns(settings.TRIAGE_TURNS)
"""Those of this process."""


def _alone(work: Callable[[], object], **named: str) -> None:
    """One row that fails never stops the batch; it is tried again the next time."""
    try:
        work()
    except Exception:
        logger.exception("batch_row_failed", **named)


@shared_task
def triage(run_id: int) -> None:
    """Execute a run, with others where it is one of many. At-least-once: a claim makes a repeat harmless."""
    with TURNS.taken():
        claimed = bulk_claim(run_id=run_id, now=timezone.now())
        if not claimed:
            run_process(run_id=run_id)
            return
        for alone in bulk_process(claimed=claimed):
            enqueue(triage, alone)


@shared_task
def sweep() -> None:
    """Find owed runs whose message was lost, whose worker died or whose receiver failed; nudge each again.

    At-least-once: a nudge too many finds the run claimed.
    """
    now = timezone.now()
    worn_out_stop(now=now)
    missing_runs_request(now=now)
    for run_id in due_runs(now=now):
        enqueue(triage, run_id)
    for trial_id in due_trials(now=now):
        enqueue(try_change, trial_id)


@shared_task
def watch_llm() -> None:
    """Probe paused models, and judge anew what had to do without. At-least-once: a run is owed once."""
    if not settings.ENABLE_ENGINE_LLM:
        return
    now = timezone.now()
    providers_probe(now=now)
    for run_id in returned_runs_request(now=now):
        enqueue(triage, run_id)


@shared_task(time_limit=1800, soft_time_limit=1700)
def retrain() -> None:
    """Train every taxonomy whose examples changed. At-least-once: an unchanged training set is skipped."""
    if not settings.ENABLE_ENGINE_LOCAL:
        return
    for taxonomy in Taxonomy.objects.filter(is_active=True):
        _alone(partial(models_train, taxonomy=taxonomy), taxonomy=taxonomy.slug)


@shared_task(time_limit=900, soft_time_limit=840)
def try_change(trial_id: int) -> None:
    """Judge stored tickets with a change. At-least-once: the claim makes a second delivery harmless."""
    trial_process(trial_id=trial_id)


@shared_task(time_limit=900, soft_time_limit=840)
def mine_rules() -> None:
    """Propose rules from what people confirmed. Repeating renews the figures and proposes nothing twice."""
    for client in Client.objects.active().filter(ticketing_settings__isnull=False):
        _alone(partial(rules_mine, client=client), client=client.slug)


@shared_task(time_limit=900, soft_time_limit=840)
def check_drift() -> None:
    """Compare the last week with the weeks before. At-least-once: an alert is raised once and counted."""
    now = timezone.now()
    for taxonomy in Taxonomy.objects.filter(is_active=True).select_related("client"):
        _alone(partial(drift_check, taxonomy=taxonomy, now=now), taxonomy=taxonomy.slug)


@shared_task(time_limit=900, soft_time_limit=840)
def fill_vectors() -> None:
    """Fit a space where one is due, write missing vectors. At-least-once: what is written is owed no more."""
    space_ensure()
    vectors_fill()


@shared_task
def housekeeping() -> None:
    """Drop details of old steps and calls, and old trials; what was decided stays. Repeating is safe."""
    now = timezone.now()
    old_trials_delete(now=now)
    before = now - timedelta(days=_STEP_DAYS)
    WorkflowStep.objects.filter(created_at__lt=before).exclude(input={}, output={}).update(
        input={}, output={}
    )
    LlmCall.objects.filter(created_at__lt=before).exclude(request=[]).update(request=[])
