"""The report on deadlines: figures counted by hand on a small world (S8)."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sla.choices import ClockState
from sla.models import Clock
from sla.reports import DueHour, Kept, attainment, forecast
from sla.services.checks import check_due
from sla.tests.support import ClockCase
from teams.models import User


class ReportCase(ClockCase):
    """What the reports say to somebody."""

    def kept(self, dimension: str, kind: str, *, user: User | None = None, days: int = 30) -> list[Kept]:
        """The rows of one dimension and kind."""
        actor = self.world.actor(user or self.world.lead)
        found = attainment(actor=actor, days=days, now=datetime.now(UTC))
        return [row for row in found[dimension] if row.kind == kind]

    def ahead(self, user: User | None = None) -> list[DueHour]:
        """The next hours."""
        return forecast(actor=self.world.actor(user or self.world.lead), now=datetime.now(UTC))


class AttainmentTests(ReportCase):
    """Each promise is judged once."""

    def test_met_and_missed_are_counted_with_how_late(self) -> None:
        """S8: of two first responses within 4 hours one is kept; the other is an hour late."""
        first, second = self.ticket(), self.ticket()
        self.pass_time(hours=1)
        self.reply(first, self.agent)
        self.pass_time(hours=4)
        check_due(now=datetime.now(UTC))
        self.reply(second, self.agent)
        (row,) = self.kept("policy", "First response")
        self.assertEqual((row.name, row.met, row.missed, row.cases), (self.policy.name, 1, 1, 2))
        self.assertEqual((row.attainment, row.mean_late_minutes), (0.5, 60.0))

    def test_a_reopened_ticket_counts_once(self) -> None:
        """S8: the second resolution is judged, the first is not counted as well."""
        ticket = self.ticket()
        self.reply(ticket, self.agent)
        self.pass_time(hours=1)
        ticket = self.move(ticket, "resolved")
        self.pass_time(hours=1)
        ticket = self.move(ticket, "open")
        self.assertEqual(self.kept("severity", "Resolution"), [])
        self.pass_time(hours=1)
        self.move(ticket, "resolved")
        self.assertEqual(Clock.objects.filter(kind="resolution").count(), 2)
        (row,) = self.kept("severity", "Resolution")
        self.assertEqual((row.name, row.met, row.missed), ("High", 1, 0))

    def test_every_next_response_counts(self) -> None:
        """S8: two questions answered are two promises kept."""
        ticket = self.ticket()
        for author in (self.agent, self.requester, self.agent, self.requester, self.agent):
            self.pass_time(minutes=10)
            self.reply(ticket, author)
        (row,) = self.kept("category", "Next response")
        self.assertEqual((row.name, row.met, row.missed), ("No category", 2, 0))

    def test_a_cancelled_promise_is_left_out(self) -> None:
        """S8: a ticket resolved without an answer says nothing on first responses."""
        self.move(self.ticket(), "resolved")
        self.assertTrue(Clock.objects.filter(kind="first_response", state=ClockState.CANCELLED).exists())
        self.assertEqual(self.kept("team", "First response"), [])

    def test_the_period_bounds_what_is_counted(self) -> None:
        """S8: eight days later it is in 30 days and no longer in 7."""
        self.reply(self.ticket(), self.agent)
        self.pass_time(days=8)
        self.assertEqual(self.kept("team", "First response", days=7), [])
        self.assertEqual(self.kept("team", "First response", days=30)[0].cases, 1)

    def test_the_lead_of_another_client_sees_nothing(self) -> None:
        """S8, A2: neither what was kept nor what is due."""
        self.reply(self.ticket(), self.agent)
        self.assertEqual(self.kept("team", "First response", user=self.world.stranger), [])
        self.assertEqual(sum(hour.due for hour in self.ahead(self.world.stranger)), 0)
        self.assertEqual(sum(hour.due for hour in self.ahead()), 0)
        self.pass_time(hours=1)
        self.assertEqual(sum(hour.due for hour in self.ahead()), 1)


class ForecastTests(ReportCase):
    """What is due when, and how often such clocks were missed."""

    def test_clocks_stand_in_the_hour_they_are_due(self) -> None:
        """S8: an answer owed within 4 hours is due in the fifth hour from now, and nobody has the ticket."""
        self.ticket()
        hour = self.ahead()[4]
        self.assertEqual((hour.due, hour.unassigned, hour.by_team), (1, 1, [("No team", 1)]))
        self.assertIsNone(hour.expected)

    def test_the_expected_rest_on_clocks_that_were_as_close(self) -> None:
        """S8: of two that were open two hours before, one was missed; so half of the one that is due is."""
        first, _second = self.ticket(), self.ticket()
        self.pass_time(hours=3)
        self.reply(first, self.agent)
        self.pass_time(hours=2)
        check_due(now=datetime.now(UTC))
        self.ticket()
        self.pass_time(hours=2, minutes=30)
        hour = self.ahead()[1]
        self.assertEqual((hour.due, hour.cases, hour.expected), (1, 2, 0.5))


class DeadlinesPageTests(ReportCase):
    """The page under the back office."""

    def test_leads_see_it_and_agents_do_not(self) -> None:
        """S8: 404 for who is no lead."""
        self.reply(self.ticket(), self.agent)
        url = reverse("sla:deadlines")
        self.client.force_login(self.world.lead)
        self.assertContains(self.client.get(url), self.policy.name)
        for user in (self.world.agent, self.world.requester):
            self.client.force_login(user)
            self.assertEqual(self.client.get(url).status_code, 404)
        self.client.force_login(self.world.stranger)
        self.assertNotContains(self.client.get(url), self.policy.name)

    def test_queries_do_not_grow_with_tickets(self) -> None:
        """S8: 3 and 30 tickets take the same queries."""
        self.client.force_login(self.world.lead)
        counts = []
        self.client.get(reverse("sla:deadlines"))
        for tickets in (3, 27):
            for _ in range(tickets):
                self.reply(self.ticket(), self.agent)
            with CaptureQueriesContext(connection) as seen:
                self.client.get(reverse("sla:deadlines"), {"days": "7"})
            counts.append(len(seen))
        self.assertEqual(counts[0], counts[1])
