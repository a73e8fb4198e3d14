"""What a run may still change when it ends later than something else (C2, C3)."""

from __future__ import annotations

from django.test import TestCase
from django.utils import timezone

from classifier.choices import ReviewState, RunState
from classifier.models import ReviewItem, WorkflowRun
from classifier.services import execution
from classifier.services.execution import compute, run_process
from classifier.services.runs import run_claim, run_request
from classifier.tests.support import load_world, open_ticket, service_actor
from ticketing.models import TicketEvent
from ticketing.services.tickets import status_change
from ticketing.services.triage import ticket_confirm


class LateRunTests(TestCase):
    """Time passes between computing and keeping."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.client_row, _ = load_world()

    def setUp(self) -> None:
        self.ticket = open_ticket(self.client_row)
        self.actor = service_actor(self.client_row)

    def computed(self) -> tuple[WorkflowRun, object]:
        """A claimed run with its result, which is not kept yet."""
        run = run_request(ticket=self.ticket)
        self.token = run_claim(run_id=run.pk, now=timezone.now())
        run.refresh_from_db()
        return run, compute(run=run, llm_seconds=0)

    def keep(self, run: WorkflowRun, result: object) -> bool:
        """Write the result as the worker does."""
        return execution._finish(run, self.token, result)  # type: ignore[arg-type]

    def test_a_run_that_was_overtaken_changes_nothing(self) -> None:
        """C2: the newer generation stands, however late the older one ends."""
        run, result = self.computed()
        newer = run_request(ticket=self.ticket, again=True)
        self.assertTrue(run_process(run_id=newer.pk))
        events = TicketEvent.objects.filter(ticket=self.ticket).count()
        self.assertFalse(self.keep(run, result))
        run.refresh_from_db()
        self.assertEqual(run.state, RunState.SUPERSEDED)
        self.assertTrue(run.predictions.exists())
        self.assertEqual(TicketEvent.objects.filter(ticket=self.ticket).count(), events)
        decided = self.ticket.decisions.values_list("run_uuid", flat=True)
        self.assertEqual(set(decided), {newer.uuid})

    def test_a_ticket_closed_meanwhile_stays_as_it_is(self) -> None:
        """C3: the run is kept for the record; the ticket, its people and its queue are left alone."""
        run, result = self.computed()
        status_change(ticket=self.ticket, status="closed", actor=self.actor)
        self.assertTrue(self.keep(run, result))
        self.ticket.refresh_from_db()
        self.assertEqual(
            (self.ticket.category, self.ticket.team, self.ticket.needs_review), (None, None, False)
        )
        self.assertFalse(self.ticket.decisions.exists())
        self.assertFalse(ReviewItem.objects.filter(ticket=self.ticket).exists())

    def test_what_a_person_decided_meanwhile_asks_for_no_review(self) -> None:
        """C3: the run began before the person answered."""
        self.ticket = open_ticket(self.client_row, body="Hello, it does not work, please have a look.")
        run, result = self.computed()
        self.assertTrue(result.needs_review)  # type: ignore[attr-defined]
        decisions = {"category": "network", "severity": "low", "team": "network_team"}
        ticket_confirm(ticket=self.ticket, decisions=decisions, actor=self.actor)
        self.keep(run, result)
        self.ticket.refresh_from_db()
        self.assertFalse(self.ticket.needs_review)
        self.assertEqual(self.ticket.category.slug, "network")
        waiting = ReviewItem.objects.filter(ticket=self.ticket, state=ReviewState.OPEN, is_blind=False)
        self.assertFalse(waiting.exists())
