"""A policy tried on past tickets: the recorded past comes out of the unchanged policy (S8)."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as PropertyCase

from sla.choices import TargetKind
from sla.forms import values_of
from sla.ledger import ledger_of, measured_by, spent
from sla.models import Clock, Policy, Segment
from sla.services.checks import check_due
from sla.simulation import MISSED, Rule, Simulation, Window, rule_of, simulate
from sla.tests.support import MONDAY, ClockCase
from teams.models import CalendarVersion, Notification, User
from ticketing.choices import ALLOWED_TRANSITIONS, Severity
from ticketing.models import Ticket, TicketEvent
from ticketing.services.assignments import ticket_assign

ALL = Window(days=365)


class SimulationCase(ClockCase):
    """Simulations as a lead runs them."""

    def rule(self) -> Rule:
        """The shipped policy, as it stands."""
        return rule_of(Policy.objects.prefetch_related("targets").get(pk=self.policy.pk))

    def simulated(self, draft: Rule, *, user: User | None = None, window: Window = ALL) -> Simulation:
        """What a draft would have done."""
        actor = self.world.actor(user or self.world.lead)
        return simulate(draft=draft, window=window, actor=actor, now=datetime.now(UTC))

    def lives(self, seed: int, tickets: int = 3, steps: int = 8) -> None:
        """Tickets that live at random: replies, questions, other severities, teams, statuses, and time."""
        chance = random.Random(seed)
        rows = [self.ticket(severity=chance.choice(["", *Severity.values])) for _ in range(tickets)]
        for _ in range(tickets * steps):
            self.pass_time(minutes=chance.choice([1, 30, 90, 400, 2000]))
            check_due(now=datetime.now(UTC))
            ticket = Ticket.objects.get(pk=chance.choice(rows).pk)
            self.live(ticket, chance)
        self.pass_time(minutes=1)
        check_due(now=datetime.now(UTC))

    def live(self, ticket: Ticket, chance: random.Random) -> None:
        """One thing that happens to a ticket."""
        match chance.randrange(6):
            case 0 | 1:
                allowed = sorted(ALLOWED_TRANSITIONS[ticket.status])
                if allowed:
                    self.move(ticket, chance.choice(allowed))
            case 2:
                self.reply(ticket, self.agent)
            case 3:
                self.reply(ticket, self.requester)
            case 4:
                self.change(ticket, severity=chance.choice(Severity.values))
            case _:
                team = chance.choice([self.world.network, self.world.hardware])
                ticket_assign(ticket=ticket, team=team, assignee=None, actor=self.agent)


class PastTests(SimulationCase, PropertyCase):
    """What was, told again."""

    @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, 10**6), office=st.booleans())
    @example(seed=9, office=True)
    def test_the_unchanged_policy_reproduces_every_outcome(self, seed: int, office: bool) -> None:
        """S8: clock by clock and in the sums, with reopenings, pauses, breaches and office hours."""
        self.clockwork.move_to(MONDAY)
        if office:
            self.office_hours()
        self.lives(seed)
        found = self.simulated(self.rule())
        for line in found.lines:
            self.assertEqual((line.met, line.missed), (line.met_then, line.missed_then), line)
            self.assertEqual((line.improved, line.worsened, line.other_then), (0, 0, 0))
            self.assertEqual(line.times, line.times_then)
        judged = Clock.objects.judged(since=MONDAY - timedelta(days=1), until=datetime.now(UTC))
        self.assertEqual(sum(line.met + line.missed for line in found.lines), judged.count())

    @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, 10**6), factor=st.integers(2, 5))
    def test_longer_targets_never_keep_less(self, seed: int, factor: int) -> None:
        """S8: with twice the time no promise that was kept is missed."""
        self.clockwork.move_to(MONDAY)
        self.lives(seed)
        rule = self.rule()
        longer = replace(rule, minutes={key: minutes * factor for key, minutes in rule.minutes.items()})
        for line in self.simulated(longer).lines:
            self.assertEqual(line.worsened, 0)
            if line.attainment is not None and line.attainment_then is not None:
                self.assertGreaterEqual(line.attainment_then, line.attainment)


class DraftTests(SimulationCase):
    """What a draft changes, counted by hand."""

    def answered_after(self, **parts: float) -> Ticket:
        """A ticket of severity high whose first answer came after a while."""
        ticket = self.ticket()
        self.pass_time(**parts)
        self.reply(ticket, self.agent)
        check_due(now=datetime.now(UTC))
        return ticket

    def first(self, found: Simulation) -> tuple[int, ...]:
        """Met, missed, met then, missed then, better, worse: of the first response of severity high."""
        (line,) = [
            row for row in found.lines if (row.kind, row.severity) == (TargetKind.FIRST_RESPONSE, "high")
        ]
        return line.met, line.missed, line.met_then, line.missed_then, line.improved, line.worsened

    def test_shorter_and_longer_targets_flip_the_right_tickets(self) -> None:
        """S8: one and six hours of four promised: half an hour loses one more, eight hours win one."""
        quick, slow = self.answered_after(hours=1), self.answered_after(hours=6)
        rule = self.rule()
        key = (TargetKind.FIRST_RESPONSE.value, "high")
        for minutes, told in ((240, (1, 1, 1, 1, 0, 0)), (30, (1, 1, 0, 2, 0, 1)), (480, (1, 1, 2, 0, 1, 0))):
            found = self.simulated(replace(rule, minutes={**rule.minutes, key: minutes}))
            self.assertEqual(self.first(found), told)
            flips = {row.ticket.pk for line in found.lines for row in (*line.improves, *line.worsens)}
            self.assertEqual(flips, {30: {quick.pk}, 480: {slow.pk}}.get(minutes, set()))

    def test_other_hours_count_by_the_versions_of_their_calendar(self) -> None:
        """S8: opened at 16:00, answered at 10:00 next day: 18 hours around the clock, 2 in the office."""
        self.clockwork.move_to(MONDAY + timedelta(hours=7))
        office = self.calendar("office", 9, 17)
        self.answered_after(hours=18)
        draft = replace(self.rule(), calendar_id=office.pk)
        found = self.simulated(draft)
        self.assertEqual(self.first(found), (0, 1, 1, 0, 1, 0))
        (line,) = [row for row in found.lines if row.kind == TargetKind.FIRST_RESPONSE]
        self.assertEqual(line.medians, "18 h → 2 h")
        self.assertFalse(CalendarVersion.objects.filter(calendar=office).exists())

    def test_a_reopened_ticket_counts_on_by_the_other_hours(self) -> None:
        """S8: the time before the reopening is measured anew as well."""
        office = self.calendar("office", 9, 17)
        ticket = self.ticket()
        self.pass_time(hours=10)
        ticket = self.move(ticket, "resolved")
        self.pass_time(hours=14)
        ticket = self.move(ticket, "open")
        self.pass_time(hours=3)
        self.move(ticket, "resolved")
        (line,) = [
            row
            for row in self.simulated(replace(self.rule(), calendar_id=office.pk)).lines
            if row.kind == TargetKind.RESOLUTION
        ]
        self.assertEqual(line.medians, "13 h → 11 h")

    def test_what_a_draft_lets_go_is_the_next_policys(self) -> None:
        """S8: with a condition that does not hold nothing fits, so that no promise would have been made."""
        self.answered_after(hours=1)
        found = self.simulated(replace(self.rule(), team_id=self.world.network.pk))
        (line,) = [row for row in found.lines if row.kind == TargetKind.FIRST_RESPONSE]
        self.assertEqual((line.met, line.met_then, line.missed_then, line.other_then), (1, 0, 0, 1))

    def test_a_later_severity_does_not_judge_an_earlier_answer(self) -> None:
        """S8: what was answered as high within four hours is not measured by critical."""
        ticket = self.answered_after(hours=2)
        self.pass_time(hours=1)
        self.change(ticket, severity="critical")
        self.assertEqual(self.first(self.simulated(self.rule())), (1, 0, 1, 0, 0, 0))

    def test_an_open_promise_can_be_missed_by_a_draft(self) -> None:
        """S8: five hours without an answer are late by four, and open again by eight."""
        self.ticket()
        self.pass_time(hours=5)
        check_due(now=datetime.now(UTC))
        rule = self.rule()
        longer = replace(rule, minutes={key: 2 * minutes for key, minutes in rule.minutes.items()})
        (line,) = self.simulated(longer).lines
        self.assertEqual((line.missed, line.missed_then, line.other_then), (1, 0, 1))

    def test_nothing_is_written_and_nobody_is_told(self) -> None:
        """S8: no row of any table comes or goes, and none of the clocks changes."""
        self.answered_after(hours=1)
        office = self.calendar("office", 9, 17)
        tables = [model for kind in ContentType.objects.all() if (model := kind.model_class())]
        before = [model._base_manager.count() for model in tables]
        clocks = list(Clock.objects.order_by("pk").values())
        with CaptureQueriesContext(connection) as seen:
            self.simulated(replace(self.rule(), calendar_id=office.pk))
        written = [row["sql"] for row in seen if not row["sql"].lstrip().upper().startswith("SELECT")]
        self.assertEqual(written, [])
        self.assertEqual(before, [model._base_manager.count() for model in tables])
        self.assertEqual(clocks, list(Clock.objects.order_by("pk").values()))
        self.assertFalse(Notification.objects.filter(kind="sla.breach", created_at__gt=MONDAY).exists())

    def test_it_is_bounded_and_says_so(self) -> None:
        """S8: of three tickets the newest two, and no more."""
        for _ in range(3):
            self.answered_after(minutes=5)
        found = self.simulated(self.rule(), window=Window(tickets=2))
        self.assertEqual((found.tickets, found.capped), (2, False))
        with self.settings():
            import sla.simulation as module

            kept, module.MOST_TICKETS = module.MOST_TICKETS, 2
            self.addCleanup(setattr, module, "MOST_TICKETS", kept)
            self.assertTrue(self.simulated(self.rule()).capped)

    def test_an_erased_history_still_simulates(self) -> None:
        """S8, A6: values that were erased are unknown, not an error."""
        self.answered_after(hours=1)
        TicketEvent.objects.update(old_value=None, new_value=None, salt=None)
        self.assertEqual(self.simulated(self.rule()).tickets, 1)

    def test_a_clock_without_segments_has_used_what_it_carried(self) -> None:
        """S3: a ledger may be empty where its rows were removed."""
        clock = self.clock(self.ticket())
        Segment.objects.filter(clock=clock).delete()
        ledger = measured_by(ledger_of(clock), 7, [], timedelta(minutes=3))
        self.assertEqual(spent(ledger, datetime.now(UTC)), timedelta(minutes=3))
        self.assertNotEqual(MISSED, "")


class PageTests(SimulationCase):
    """The page in the back office."""

    def query(self, **changes: object) -> dict[str, object]:
        """The form as it is filled in at first, sent."""
        policy = Policy.objects.prefetch_related("targets").get(pk=self.policy.pk)
        values = {name: value for name, value in values_of(policy).items() if value is not None}
        return {**values, "last": 30, "run": 1, **changes}

    def test_the_page_shows_both_sides_and_links_the_tickets(self) -> None:
        """S8: choose, fill in, see."""
        ticket = self.ticket()
        self.pass_time(hours=1)
        self.reply(ticket, self.agent)
        self.client.force_login(self.world.lead)
        url = reverse("sla:simulation")
        self.assertEqual(self.client.get(url).status_code, 200)
        chosen = self.client.get(url, {"policy": self.policy.pk})
        self.assertContains(chosen, "Simulate")
        done = self.client.get(url, self.query(**{"first_response-high": 30}))
        self.assertContains(done, "100 % → 0 %")
        self.assertContains(done, reverse("desk:ticket", args=[ticket.uuid]))
        wrong = self.client.get(url, self.query(**{"first_response-high": "-3"}))
        self.assertEqual(wrong.status_code, 200)
        self.assertIsNone(wrong.context["outcome"])

    def test_only_leads_and_only_their_tickets(self) -> None:
        """S8, A2: 404 for who is no lead; a lead of another client counts none, nor a foreign policy."""
        self.reply(self.ticket(), self.agent)
        url, query = reverse("sla:simulation"), self.query()
        for user in (self.world.agent, self.world.requester):
            self.client.force_login(user)
            self.assertEqual(self.client.get(url, query).status_code, 404)
        self.client.force_login(self.world.stranger)
        self.assertEqual(self.client.get(url, query).context["outcome"].tickets, 0)
        Policy.objects.filter(pk=self.policy.pk).update(client=self.world.client_a)
        self.assertIsNone(self.client.get(url, query).context["outcome"])

    def test_queries_do_not_grow_with_tickets(self) -> None:
        """S8: 3 and 30 tickets take the same queries."""
        self.client.force_login(self.world.lead)
        counts = []
        self.client.get(reverse("sla:simulation"), self.query())
        for tickets in (3, 27):
            for _ in range(tickets):
                self.reply(self.ticket(), self.agent)
                self.pass_time(minutes=1)
            with CaptureQueriesContext(connection) as seen:
                self.client.get(reverse("sla:simulation"), self.query())
            counts.append(len(seen))
        self.assertEqual(counts[0], counts[1])

    def test_a_policy_links_to_its_simulation(self) -> None:
        """S8: the button on the policy's page."""
        User.objects.filter(pk=self.world.lead.pk).update(is_staff=True)
        self.client.force_login(self.world.lead)
        page = self.client.get(reverse("admin:sla_policy_change", args=[self.policy.pk]))
        self.assertContains(page, "Try on past tickets")
        link = reverse("admin:sla_policy_simulation", args=[self.policy.pk])
        self.assertContains(page, link)
        self.assertRedirects(self.client.get(link), f"{reverse('sla:simulation')}?policy={self.policy.pk}")
