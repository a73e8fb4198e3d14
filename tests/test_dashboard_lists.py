"""Every figure of the dashboard opens exactly the list it counts (O5)."""

from __future__ import annotations

from datetime import timedelta

from django.test import TestCase
from django.utils import timezone

from classifier.choices import Purpose
from classifier.models import LlmCall, Prediction, ResponseDraft, ReviewItem, WorkflowRun
from config.dashboard import Figure, dashboard
from sla.models import Clock
from teams.choices import AlertSeverity
from teams.models import User
from teams.services.alerts import alert_raise
from ticketing.models import Ticket
from ticketing.services.assignments import ticket_assign
from ticketing.services.feedback import feedback_give
from ticketing.services.tickets import next_due_set, status_change
from ticketing.tests.world import World

COUNTED = 18
"""Figures that count rows; fewer would mean that one lost its list."""


class DashboardListsTest(TestCase):
    """O5."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = world = World()
        User.objects.filter(pk=world.lead.pk).update(is_staff=True)
        lead, now = world.actor(world.lead), timezone.now()
        cls.now = now
        world.ticket("Foreign", client=world.client_b, user=world.stranger)
        tickets = [world.ticket(f"Ticket {number}") for number in range(9)]
        old = now - timedelta(days=40)
        Ticket.objects.filter(pk=tickets[8].pk).update(created_at=old)
        Ticket.objects.filter(pk__in=[tickets[0].pk, tickets[1].pk]).update(
            severity="critical", triaged_at=now
        )
        next_due_set(ticket_id=tickets[1].pk, next_due_at=now - timedelta(hours=1))
        ticket_assign(ticket=tickets[2], team=world.network, assignee=None, actor=lead)
        ticket_assign(ticket=tickets[3], team=world.network, assignee=world.agent, actor=lead)
        ticket_assign(ticket=tickets[3], team=world.hardware, assignee=None, actor=lead)
        status_change(ticket=tickets[4], status="resolved", actor=lead)
        for number, state in enumerate(("applied", "applied", "suggested", "held", "applied")):
            cls.run_of(tickets[number], state, now)
        cls.run_of(tickets[0], "suggested", now)
        cls.run_of(tickets[8], "applied", old)
        WorkflowRun.objects.filter(ticket=tickets[3]).update(state="stuck")
        cls.reviews(tickets, now)
        for number, state in enumerate(("accepted", "edited", "rejected", "proposed")):
            ResponseDraft.objects.create(ticket=tickets[number], content="x", state=state)
        LlmCall.objects.create(client=world.client_a, ticket=tickets[0])
        LlmCall.objects.create(client=world.client_a, purpose="evaluation", outcome="refusal")
        LlmCall.objects.create(client=world.client_b)
        alert_raise(rule="house", subject="", severity=AlertSeverity.WARNING, message="House", now=now)
        alert_raise(
            rule="b", subject="", severity=AlertSeverity.WARNING, message="B", now=now, client=world.client_b
        )
        cls.clocks(tickets, now)

    @classmethod
    def run_of(cls, ticket: Ticket, state: str, at: object) -> None:
        run = WorkflowRun.objects.create(
            ticket=ticket, client=ticket.client, purpose=Purpose.TRIAGE, state="completed", duration_ms=10,
            created_at=at, content_hash=f"{state}{at}", configuration_hash="x",
        )  # fmt: skip
        Prediction.objects.create(
            run=run, ticket=ticket, field="category", value="network", state=state, source="local",
            confidence=0.9, created_at=at,
        )  # fmt: skip

    @classmethod
    def reviews(cls, tickets: list[Ticket], now: object) -> None:
        for ticket, blind, state in zip(
            tickets, (True, True, False, False), ("accepted", "open", "open", "corrected"), strict=False
        ):
            ReviewItem.objects.create(
                ticket=ticket, client=ticket.client, urgency=1.0, is_blind=blind, state=state,
                reviewed_at=now - timedelta(minutes=1) if state != "open" else None,
                frozen={"category": {"value": "network"}},
            )  # fmt: skip

    @classmethod
    def clocks(cls, tickets: list[Ticket], now: object) -> None:
        minute = timedelta(minutes=1)
        for ticket, state, due, stopped in (
            (tickets[0], "met", now, now - minute),
            (tickets[1], "breached", now - 9 * minute, now - minute),
            (tickets[2], "running", now + 30 * minute, None),
            (tickets[3], "running", now + 300 * minute, None),
        ):
            Clock.objects.create(
                ticket=ticket, kind="resolution", state=state, minutes=60, due_at=due, stopped_at=stopped,
                breached_at=now - minute if state == "breached" else None,
            )  # fmt: skip

    def figures(self, user: User) -> list[Figure]:
        found = dashboard(actor=self.world.actor(user), now=timezone.now(), days=7)
        return [figure for section in found["sections"] for figure in section["figures"]]

    def test_an_unknown_period_is_a_week(self) -> None:
        """O5: whatever the address says; a superscript two is a digit and no number."""
        self.client.force_login(self.world.lead)
        for days in ("²", "9" * 40, "x"):
            self.assertEqual(self.client.get("/admin/", {"days": days}).status_code, 200)

    def test_calls_of_an_evaluation_are_no_daily_work(self) -> None:
        """C25: a prompt on trial that is refused says nothing about tickets."""
        (calls,) = [row for row in self.figures(self.world.lead) if row.label == "LLM calls"]
        self.assertEqual((calls.value, calls.note), ("1", "0 failed"))

    def test_the_number_on_a_figure_is_that_of_the_rows_behind_it(self) -> None:
        """O5: for a lead; foreign tickets are in neither."""
        self.client.force_login(self.world.lead)
        figures = [figure for figure in self.figures(self.world.lead) if figure.count is not None]
        self.assertGreaterEqual(len(figures), COUNTED)
        self.assertGreaterEqual(sum(bool(figure.count) for figure in figures), COUNTED - 2)
        for figure in figures:
            with self.subTest(figure=figure.label):
                answer = self.client.get(figure.link)
                self.assertEqual(answer.status_code, 200, figure.link)
                self.assertEqual(answer.context["cl"].queryset.count(), figure.count, figure.link)

    def test_a_ticket_judged_twice_counts_once(self) -> None:
        """O5: five tickets were judged, three were applied; one of these was also judged otherwise."""
        notes = {figure.label: figure.note for figure in self.figures(self.world.lead)}
        self.assertEqual(notes["Applied automatically"], "3 of 5 tickets")

    def test_charts_and_bars_open_their_lists(self) -> None:
        """O5: volume, mood and every bar of a mix."""
        self.client.force_login(self.world.lead)
        week = dashboard(actor=self.world.actor(self.world.lead), now=timezone.now(), days=7)["week"]
        lines = [(line["count"], line["link"]) for mix in week["mixes"] for line in mix["lines"]]
        lines.append((sum(count for _, count in week["volume"]["rows"]), week["volume"]["link"]))
        for count, link in lines:
            with self.subTest(link=link):
                self.assertEqual(self.client.get(link).context["cl"].queryset.count(), count)

    def test_satisfaction_stands_among_the_promises(self) -> None:
        """O5, T11: the mean beside its target, and the groups below."""
        ticket = Ticket.objects.filter(client=self.world.client_a, status="resolved").first()
        assert ticket is not None
        rita = self.world.actor(self.world.requester)
        feedback_give(ticket=ticket, rating=5, comment="", source="portal", actor=rita)
        figure = next(row for row in self.figures(self.world.lead) if row.label == "Satisfaction")
        told = (figure.value, figure.tone, figure.target, figure.note)
        self.assertEqual(told, ("5.0", "good", "over 4.5", "1 rating"))
        found = dashboard(actor=self.world.actor(self.world.lead), now=timezone.now(), days=7)
        self.assertEqual(found["satisfaction"][0]["lines"][0].count, 1)
        self.client.force_login(self.world.lead)
        self.assertEqual(self.client.get(figure.link).context["cl"].queryset.count(), 1)

    def test_the_page_shows_everything_a_lead_asks_for(self) -> None:
        """O5: each figure of the list, and the icon of the tab."""
        self.client.force_login(self.world.lead)
        page = self.client.get("/admin/?days=7").content.decode()
        for words in (
            "Open alerts", "Deadlines met", "First team kept", "Time to route", "Review rate", "Drafts used",
            "Accuracy, blind sample", "By category", "By file type", "False alarms", "Missed alarms",
            "Processing time", "Cost a ticket", "LLM calls", "sound unhappy", "pie__0", "over 95 %",
        ):  # fmt: skip
            self.assertIn(words, page)
        icon = self.client.get("/favicon.ico")
        self.assertEqual((icon.status_code, icon["Content-Type"]), (200, "image/svg+xml"))
