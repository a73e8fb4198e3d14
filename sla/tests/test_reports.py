"""The report on deadlines: figures counted by hand on a small world (S8)."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from unittest import mock

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sla.choices import ClockState
from sla.models import Clock
from sla.panels import dashboard_card
from sla.reports import DueHour, Kept, attainment, forecast
from sla.services.checks import check_due
from sla.services.repair import times_fill
from sla.tests.support import ClockCase
from teams.models import User
from ticketing.services.assignments import ticket_assign


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

    def test_median_and_p90_are_times_in_working_minutes(self) -> None:
        """S8: ten resolutions took 10 to 100 minutes of work; nearest rank, pauses left out."""
        tickets = [self.ticket() for _ in range(10)]
        for ticket in tickets:
            self.pass_time(minutes=10)
            self.move(ticket, "resolved")
        waiting = self.move(self.ticket(), "pending")
        self.pass_time(days=2)
        self.move(waiting, "resolved")
        for dimension in ("policy", "team", "category", "severity"):
            (row,) = self.kept(dimension, "Resolution")
            self.assertEqual(row.cases, 11)
            self.assertEqual((row.median, row.p90), (timedelta(minutes=50), timedelta(minutes=90)))
        self.assertEqual((row.median_words, row.p90_words), ("50 min", "1 h 30 min"))

    def test_what_nobody_answered_has_no_time(self) -> None:
        """S8: late and open is missed, with nothing to take a median of."""
        self.ticket()
        self.pass_time(hours=5)
        check_due(now=datetime.now(UTC))
        (row,) = self.kept("policy", "First response")
        self.assertEqual((row.missed, row.median, row.median_words), (1, None, "–"))

    def test_clocks_that_ended_before_their_time_was_kept_are_filled_in(self) -> None:
        """S8: the check writes what the ledger says, once."""
        ticket = self.ticket()
        self.pass_time(minutes=25)
        self.reply(ticket, self.agent)
        Clock.objects.update(used=None)
        self.assertEqual(check_due(now=datetime.now(UTC))["filled"], 1)
        self.assertEqual(self.clock(ticket).used, timedelta(minutes=25))
        self.assertEqual(check_due(now=datetime.now(UTC))["filled"], 0)

    def test_a_clock_that_lives_again_meanwhile_is_not_filled_in(self) -> None:
        """S3: an undo between the read and the write wins; a live promise has taken no time yet."""
        ticket = self.ticket()
        self.reply(ticket, self.agent)
        Clock.objects.update(used=None)

        def revive(*_: object) -> timedelta:
            Clock.objects.update(stopped_at=None)
            return timedelta(minutes=1)

        with mock.patch("sla.services.repair.spent", revive):
            times_fill()
        self.assertIsNone(self.clock(ticket).used)

    def test_the_dashboard_and_the_report_count_the_same_rows(self) -> None:
        """S8, O5: one rule; resolved, reopened and resolved again is one case, not two."""
        ticket = self.ticket()
        self.reply(ticket, self.agent)
        for status in ("resolved", "open", "resolved"):
            self.pass_time(hours=1)
            ticket = self.move(ticket, status)
        now, lead = datetime.now(UTC), self.world.actor(self.world.lead)
        card = dashboard_card({"actor": lead, "since": now - timedelta(days=7), "until": now})
        rows = attainment(actor=lead, days=7, now=now)["policy"]
        self.assertEqual((card["met"], card["missed"]), (2, 0))
        self.assertEqual(sum(row.met for row in rows), card["met"])

    def test_each_row_opens_the_list_it_counts(self) -> None:
        """S8: with and without a team."""
        first, second = self.ticket(), self.ticket()
        ticket_assign(ticket=first, team=self.world.network, assignee=None, actor=self.agent)
        self.pass_time(hours=1)
        for ticket in (first, second):
            self.reply(ticket, self.agent)
        User.objects.filter(pk=self.world.lead.pk).update(is_staff=True)
        self.client.force_login(self.world.lead)
        page = self.client.get(reverse("sla:deadlines")).content.decode()
        links = re.findall(r'href="(/admin/sla/clock/[^"]+)">(\d+)<', page)
        self.assertEqual(len(links), 5)
        for link, count in links:
            answer = self.client.get(html.unescape(link))
            self.assertEqual(answer.context["cl"].queryset.count(), int(count), link)
        odd = re.sub(r"by=\w+&of=\w*", "by=policy&of=²", html.unescape(links[0][0]))
        self.assertEqual(self.client.get(odd).context["cl"].queryset.count(), 0)
        bad = self.client.get(reverse("admin:sla_clock_changelist"), {"by": "policy", "of": "1"})
        self.assertEqual(bad.context["cl"].queryset.count(), 0)

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
