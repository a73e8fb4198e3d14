"""A bulk change that was taken back leaves the clocks as they were (S3, T9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine

from sla.models import Clock, Segment
from sla.services.checks import check_due
from sla.tests.support import MONDAY, ClockCase
from ticketing.models import BulkAction, Macro, Ticket
from ticketing.services.bulk import BulkChange, BulkResult, bulk_undo, tickets_change

_STANDING = (
    "kind", "generation", "state", "minutes", "due_at", "warn_at", "warned_percent", "breached_at",
    "stopped_at", "used", "reason", "carried",
)  # fmt: skip


class UndoTests(ClockCase):
    """Every direction."""

    def bulk(self, ticket: Ticket, status: str, macro: Macro | None = None) -> BulkAction:
        """One bulk change of status."""
        change = BulkChange(status=status, macro=macro)
        done = tickets_change(tickets=[Ticket.objects.get(pk=ticket.pk)], change=change, actor=self.agent)
        self.assertEqual(done.failures, {})
        assert done.action is not None
        return done.action

    def undo(self, action: BulkAction, ticket: Ticket) -> BulkResult:
        """Take it back."""
        tickets = Ticket.objects.filter(pk=ticket.pk)
        done = bulk_undo(action=BulkAction.objects.get(pk=action.pk), tickets=tickets, actor=self.agent)
        self.assertEqual(done.failures, {})
        return done

    def standing(self, ticket: Ticket) -> tuple[list[Any], list[Any], Any]:
        """Clocks, segments and the deadline on the ticket."""
        clocks = Clock.objects.filter(ticket=ticket).order_by("pk")
        rows = Segment.objects.filter(clock__ticket=ticket).order_by("pk")
        due = Ticket.objects.get(pk=ticket.pk).next_due_at
        return list(clocks.values(*_STANDING)), list(rows.values("kind", "started_at", "ended_at")), due

    def check(self, ticket: Ticket, status: str) -> None:
        """Half an hour in, changed and taken back a quarter later."""
        self.pass_time(minutes=30)
        before = self.standing(ticket)
        action = self.bulk(ticket, status)
        self.assertNotEqual(self.standing(ticket), before)
        self.pass_time(minutes=15)
        self.undo(action, ticket)
        self.assertEqual(self.standing(ticket), before)

    def test_resolving_taken_back(self) -> None:
        """S3: both promises live on in their first generation, with the time in between."""
        ticket = self.ticket()
        self.check(ticket, "resolved")
        self.assertEqual(self.spent(self.resolution(ticket)), 45)

    def test_waiting_taken_back_and_resuming_taken_back(self) -> None:
        """S3: a pause that was a mistake is none, and the other way round."""
        self.check(self.ticket(), "pending")
        ticket = self.move(self.ticket(), "pending")
        self.check(ticket, "open")
        self.assertEqual(self.spent(self.resolution(ticket)), 0)

    def test_two_changes_of_status_at_once_are_taken_back_together(self) -> None:
        """S3: a macro sets it waiting, the bulk change resolves it; the time in between counts."""
        ticket = self.ticket()
        macro = Macro.objects.create(client=ticket.client, name="Wait", scope="everyone", status="pending")
        self.pass_time(minutes=30)
        before = self.standing(ticket)
        self.traveller.stop()
        ticking = time_machine.travel(MONDAY + timedelta(minutes=30))
        ticking.start()
        action = self.bulk(ticket, "resolved", macro=macro)
        ticking.stop()
        self.clockwork = self.traveller.start()
        self.clockwork.move_to(MONDAY + timedelta(minutes=45))
        self.undo(action, ticket)
        self.assertEqual(self.standing(ticket), before)

    def test_resolving_a_waiting_ticket_taken_back(self) -> None:
        """S3: it rests as before."""
        self.check(self.move(self.ticket(), "pending"), "resolved")

    def test_reopening_taken_back(self) -> None:
        """S3: the generation that the reopening began is gone."""
        ticket = self.move(self.ticket(), "resolved")
        self.check(ticket, "open")
        self.assertEqual(Clock.objects.filter(ticket=ticket).count(), 2)

    def test_a_next_response_lives_again(self) -> None:
        """S3: the requester's question waits still."""
        ticket = self.ticket()
        self.reply(ticket, self.agent)
        self.pass_time(minutes=5)
        self.reply(ticket, self.requester)
        self.check(ticket, "resolved")

    def test_an_answer_in_between_stays_an_answer(self) -> None:
        """S3: written while the ticket was resolved, it ends the first response for good."""
        ticket = self.ticket()
        action = self.bulk(ticket, "resolved")
        self.pass_time(minutes=5)
        self.reply(ticket, self.agent)
        self.undo(action, ticket)
        self.assertIsNotNone(self.clock(ticket).stopped_at)
        self.assertIsNone(self.resolution(ticket).stopped_at)

    def test_a_breach_that_was_told_is_not_told_again(self) -> None:
        """S4: late before, late after, one notice."""
        ticket = self.ticket()
        self.pass_time(hours=5)
        self.assertEqual(check_due(now=datetime.now(UTC))["breached"], 1)
        self.check(ticket, "resolved")
        self.assertEqual(check_due(now=datetime.now(UTC))["breached"], 0)

    def test_a_deadline_that_passed_in_between_is_found(self) -> None:
        """S4: as if it had never been resolved, it is late now."""
        ticket = self.ticket()
        action = self.bulk(ticket, "resolved")
        self.pass_time(hours=5)
        self.undo(action, ticket)
        self.assertEqual(check_due(now=datetime.now(UTC))["breached"], 1)
