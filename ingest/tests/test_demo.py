"""The demo: only where it is asked for, complete, and safe to repeat (O1, C28)."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from classifier.models import Prediction
from common.actors import Role
from ingest.samples.samples import write_samples
from ingest.services.demo import demo_reference_load
from ingest.services.demo_people import DEMO_PASSWORD
from ingest.services.demo_summary import HeldOutFigures, SampleFigures, sample_figures, summary_lines
from ingest.services.demo_tickets import demo_tickets
from teams.models import TeamMember, User
from teams.selectors import actor_for_user
from ticketing.models import Macro, Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.once]
SAMPLES = 7


@pytest.fixture
def demo(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """DEMO is on, nobody works in the background, and rules stand in for trained models."""
    settings.DEMO = True
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr("ingest.services.demo._STALL_SECONDS", 0.0)
    monkeypatch.setattr("ingest.services.demo._POLL_SECONDS", 0.0)
    monkeypatch.setattr("ingest.services.demo.models_train", lambda *, taxonomy: [])
    return tmp_path


def load(samples: int = SAMPLES) -> str:
    out = io.StringIO()
    call_command("load_demo", samples=samples, stdout=out)
    return out.getvalue()


def test_it_exists_only_where_it_is_asked_for(settings: Any) -> None:
    """O1: accounts with a public password are never made by mistake."""
    for demo, production in ((False, False), (True, True)):
        settings.DEMO, settings.PRODUCTION = demo, production
        with pytest.raises(CommandError):
            load()
    assert not User.objects.exists()


def test_it_fills_an_empty_database(demo: Any) -> None:
    """O1: accounts with their roles and clients, tickets of both clients, all triaged."""
    printed = load()
    tickets = demo_tickets()
    assert len(tickets) == SAMPLES + 10
    assert all(ticket.triaged_at for ticket in tickets.values())
    assert {ticket.channel for name, ticket in tickets.items() if name.startswith("it-")} == {"file"}
    assert f"{SAMPLES} of {SAMPLES}" in printed
    roles = {
        "admin": Role.ADMINISTRATOR,
        "lead": Role.LEAD,
        "agent": Role.AGENT,
        "requester": Role.REQUESTER,
        "other-lead": Role.LEAD,
    }
    for username, role in roles.items():
        user = authenticate(RequestFactory().post("/"), username=username, password=DEMO_PASSWORD)
        assert actor_for_user(user).role is role
    staff = set(User.objects.filter(is_staff=True).values_list("username", flat=True))
    assert staff == {"admin", "lead", "other-lead"}
    assert TeamMember.objects.filter(user__username="agent", capacity__gt=0).count() >= 3
    foreign = Ticket.objects.visible_to(actor_for_user(User.objects.get(username="other-lead")))
    assert {ticket.client.slug for ticket in foreign} == {"fernfield"}


def test_three_macros_are_there_once_and_every_place_in_them_can_be_filled(demo: Any) -> None:
    """O1, T9: the key of the macros has something to show."""
    for _time in range(2):
        demo_reference_load(report=lambda _progress: None)
    macros = Macro.objects.filter(client__slug="harbour", scope="everyone")
    assert macros.count() == 3
    for macro in macros:
        macro.full_clean()


def test_a_sample_belongs_to_the_person_who_sent_it(demo: Any) -> None:
    """O1: the requester's account finds its own tickets in the portal."""
    load()
    own = Ticket.objects.visible_to(actor_for_user(User.objects.get(username="requester")))
    assert [ticket.metadata["sample"] for ticket in own] == ["it-0001-laptop-will-not-power-on.pdf"]


def test_repeating_keeps_what_is_there_and_adds_what_is_missing(demo: Any) -> None:
    """O1: a second start keeps the data."""
    load(3)
    before = {name: ticket.pk for name, ticket in demo_tickets().items()}
    Ticket.objects.filter(pk=before["fernfield-05"]).delete()
    load(5)
    after = {name: ticket.pk for name, ticket in demo_tickets().items()}
    assert len(after) == 5 + 10
    assert {name for name in before if after[name] != before[name]} == {"fernfield-05"}
    assert User.objects.count() == 5


def test_no_label_reaches_the_ticket(demo: Any) -> None:
    """C28: the figures would be worthless otherwise."""
    load(2)
    for ticket in Ticket.objects.filter(channel="file"):
        assert set(ticket.metadata) == {"sample"}


def test_the_figures_are_counted_from_first_runs(demo: Any) -> None:
    """C28: measured; a wrong prediction lowers them, a person's later correction does not raise them."""
    load()
    entries = write_samples(demo / "samples").entries[:SAMPLES]
    rows = Prediction.objects.filter(field="category", ticket__channel="file")
    labels = {demo_tickets()[entry.file].pk: entry.category for entry in entries}
    for row in rows:
        Prediction.objects.filter(pk=row.pk).update(state="applied", value=labels[row.ticket_id])
    wrong, suggested, held = list(rows.values_list("pk", flat=True))[:3]
    Prediction.objects.filter(pk=wrong).update(value="nonsense")
    Prediction.objects.filter(pk=suggested).update(state="suggested")
    Prediction.objects.filter(pk=held).update(state="held")
    assert sample_figures(entries=entries) == SampleFigures(
        samples=7, triaged=7, applied=5, applied_right=4, right_or_rightly_suggested=5
    )


def test_the_summary_says_what_was_not_measured() -> None:
    """C28: no figure without a measurement."""
    samples = SampleFigures(samples=0, triaged=0, applied=0, applied_right=0, right_or_rightly_suggested=0)
    assert "not measured" in summary_lines(samples=samples, held_out=None)[-1]
    assert "56 of 70 (80.0 %)" in summary_lines(samples=samples, held_out=HeldOutFigures(70, 56))[-1]
