"""What the tests of promises stand on: a world with the shipped policy and a clock that stands still."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import time_machine
from django.test import TestCase

from sla.choices import TargetKind
from sla.models import Clock, Policy
from sla.selectors import clocks_explained
from sla.services.defaults import defaults_load
from sla.services.recounts import recount_run, recounts_owed
from teams.models import BusinessCalendar, CalendarInterval
from ticketing.models import Ticket
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.tickets import TicketChanges, status_change, ticket_update
from ticketing.tests.world import World

MONDAY = datetime(2027, 6, 7, 9, 0, tzinfo=UTC)


class ClockCase(TestCase):
    """A world with the shipped policy; the clock stands still on a Monday morning."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        defaults_load()
        cls.policy = Policy.objects.get(slug="standard")

    def setUp(self) -> None:
        self.traveller = time_machine.travel(MONDAY, tick=False)
        self.clockwork = self.traveller.start()
        self.addCleanup(self.traveller.stop)
        self.agent = self.world.actor(self.world.agent)
        self.requester = self.world.actor(self.world.requester)

    def pass_time(self, **parts: float) -> None:
        """Let time pass."""
        self.clockwork.shift(timedelta(**parts))

    def ticket(self, severity: str = "high") -> Ticket:
        """A ticket of a severity a person has set."""
        ticket = self.world.ticket()
        if severity:
            ticket = self.change(ticket, severity=severity)
        return ticket

    def change(self, ticket: Ticket, **changes: Any) -> Ticket:
        """Fields changed by a person."""
        return ticket_update(ticket=ticket, changes=TicketChanges(**changes), actor=self.agent)

    def move(self, ticket: Ticket, status: str) -> Ticket:
        """Another status, set by a person."""
        return status_change(ticket=ticket, status=status, actor=self.agent)

    def clock(self, ticket: Ticket, kind: str = TargetKind.FIRST_RESPONSE) -> Clock:
        """The newest clock of a kind."""
        return Clock.objects.filter(ticket=ticket, kind=kind).order_by("-generation")[0]

    def resolution(self, ticket: Ticket) -> Clock:
        """The newest clock of the resolution."""
        return self.clock(ticket, TargetKind.RESOLUTION)

    def spent(self, clock: Clock) -> float:
        """Minutes used, as the explanation adds them up."""
        told = clocks_explained(ticket_id=clock.ticket_id, now=datetime.now(UTC))
        return next(row.spent_minutes for row in told if row.clock.pk == clock.pk)

    def reply(self, ticket: Ticket, actor: Any, *, public: bool = True) -> None:
        """A message on the ticket."""
        fresh = Ticket.objects.get(pk=ticket.pk)
        message_add(ticket=fresh, new=NewMessage(body="Hello.", is_public=public), actor=actor)

    def calendar(self, slug: str, opens: int, closes: int, *days: int) -> BusinessCalendar:
        """Whole hours of UTC on the given weekdays, Monday to Friday unless said otherwise."""
        calendar = BusinessCalendar.objects.create(slug=slug, name=slug.title())
        for day in days or range(5):
            row = {"weekday": day, "starts": time(opens), "ends": time(closes)}
            CalendarInterval.objects.create(calendar=calendar, **row)
        return calendar

    def office_hours(self) -> BusinessCalendar:
        """Monday to Friday, nine to five, UTC, for every policy."""
        calendar = self.calendar("office", 9, 17)
        Policy.objects.update(calendar=calendar)
        return calendar

    def recount(self) -> int:
        """Do what is owed; how many clocks changed."""
        changed = 0
        for pk in recounts_owed(now=datetime.now(UTC)):
            self.assertFalse(recount_run(recount_id=pk, now=datetime.now(UTC)))
            changed += 1
        return changed
