"""Promises on tickets, and the bugs other help desks have with them (S1–S4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from common.actors import ActorKind, automation_actor, system_actor
from sla import receivers
from sla.choices import Action, ClockState, TargetKind
from sla.models import Clock, Policy, Target
from sla.panels import dashboard_card, response_target, ticket_panel
from sla.selectors import spent_minutes
from sla.services import checks
from sla.services.checks import check_due
from sla.services.repair import clocks_repair
from sla.tests.support import MONDAY, ClockCase
from teams.models import BusinessCalendar, EscalationStep, Notification
from teams.services.keys import api_key_issue
from teams.services.notifications import News, notification_owe, notifications_deliver
from ticketing.models import Ticket
from ticketing.services.assignments import ticket_assign
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.tickets import TicketChanges, status_change, ticket_update


class PromiseTests(ClockCase):
    """What is promised when."""

    def test_a_new_ticket_promises_a_response_and_a_resolution(self) -> None:
        """S1: targets by severity; until it is known, medium."""
        ticket = self.ticket(severity="")
        self.assertEqual(self.clock(ticket).due_at, MONDAY + timedelta(hours=24))
        self.assertEqual(Clock.objects.filter(ticket=ticket).count(), 2)
        ticket.refresh_from_db()
        self.assertEqual(ticket.next_due_at, MONDAY + timedelta(hours=24))

    def test_triage_sharpens_the_promise_and_keeps_the_time_spent(self) -> None:
        """S3: recomputed on a severity change, counted from the start."""
        ticket = self.ticket(severity="")
        self.pass_time(minutes=30)
        ticket_update(ticket=ticket, changes=TicketChanges(severity="critical"), actor=self.agent)
        self.assertEqual(self.clock(ticket).due_at, MONDAY + timedelta(minutes=60))

    def test_triage_that_also_sets_the_team_moves_the_clocks_once(self) -> None:
        """C17, S3: severity and team come with one run; the assignment has told of both."""
        own = Policy.objects.create(
            slug="team", name="Team", team=self.world.network, severity="high", order=1
        )
        Target.objects.create(policy=own, kind=TargetKind.FIRST_RESPONSE, severity="high", minutes=10)
        ticket = self.ticket(severity="")
        with mock.patch.object(receivers, "clocks_retarget", wraps=receivers.clocks_retarget) as told:
            ticket = self.world.triage(ticket, state="applied", confidence=0.95)
        self.assertEqual((ticket.team, ticket.severity), (self.world.network, "high"))
        self.assertEqual((self.clock(ticket).minutes, told.call_count), (10, 1))

    def test_triage_without_a_team_moves_the_clocks(self) -> None:
        """S3: how bad it is, is enough."""
        ticket = self.ticket(severity="")
        self.world.triage(ticket, state="applied", category="nobodys", confidence=0.95)
        self.assertEqual(self.clock(ticket).minutes, 240)

    def test_a_draft_cites_the_real_target(self) -> None:
        """C16: the timeline is that of the clock."""
        self.assertEqual(response_target(self.ticket("high").pk), "4 hours")
        self.assertEqual(response_target(self.ticket("low").pk), "3 days")

    def test_a_clients_policy_goes_before_the_shared_one(self) -> None:
        """S1: ordered policies with conditions."""
        own = Policy.objects.create(client=self.world.client_a, slug="own", name="Own", severity="high")
        Target.objects.create(policy=own, kind=TargetKind.FIRST_RESPONSE, severity="high", minutes=10)
        self.assertEqual(self.clock(self.ticket("high")).minutes, 10)
        self.assertEqual(self.clock(self.ticket("low")).minutes, 4320)

    def test_a_ticket_whose_receiver_failed_gets_its_clocks_later(self) -> None:
        """S4: the sweeper repairs what is missing."""
        ticket = self.ticket()
        Clock.objects.all().delete()
        self.pass_time(minutes=5)
        self.assertEqual(clocks_repair(now=datetime.now(UTC)), 1)
        self.assertEqual(self.clock(ticket).started_at, MONDAY)


class ResponseTests(ClockCase):
    """What counts as an answer."""

    def test_a_persons_public_reply_answers(self) -> None:
        """S3: the first response is a person's public reply."""
        ticket = self.ticket()
        self.pass_time(hours=1)
        self.reply(ticket, self.agent)
        self.assertEqual(self.clock(ticket).state, ClockState.MET)

    def test_a_status_change_a_note_and_a_robot_do_not(self) -> None:
        """FACTS: none of them is a first response."""
        ticket = self.ticket()
        status_change(ticket=ticket, status="open", actor=self.agent)
        self.reply(ticket, self.agent, public=False)
        self.reply(ticket, automation_actor(ActorKind.SYSTEM, "Auto-reply"))
        self.assertEqual(self.clock(ticket).state, ClockState.RUNNING)

    def test_waiting_does_not_pause_the_first_response(self) -> None:
        """S3: only a reply stops it."""
        ticket = self.ticket()
        status_change(ticket=ticket, status="pending", actor=self.agent)
        self.assertEqual(self.clock(ticket).state, ClockState.RUNNING)
        self.assertEqual(self.clock(ticket, TargetKind.RESOLUTION).state, ClockState.PAUSED)

    def test_a_next_response_never_replaces_a_first_one_that_is_owed(self) -> None:
        """FACTS: the pending first-response deadline stands."""
        ticket = self.ticket()
        self.reply(ticket, self.requester)
        self.assertFalse(Clock.objects.filter(ticket=ticket, kind=TargetKind.NEXT_RESPONSE).exists())
        self.reply(ticket, self.agent)
        self.reply(Ticket.objects.get(pk=ticket.pk), self.requester)
        self.assertEqual(self.clock(ticket, TargetKind.NEXT_RESPONSE).state, ClockState.RUNNING)


class KeyReplyTests(ClockCase):
    """What a service sends."""

    def reply_by_key(self, **extra: Any) -> tuple[Ticket, str]:
        """A public reply through an API key; the ticket and who is said to have written."""
        ticket = self.ticket()
        client, scopes = self.world.client_a, ["tickets:read", "tickets:write"]
        issued = api_key_issue(client=client, name="inbox", scopes=scopes, actor=system_actor())
        api = APIClient()
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {issued.secret}")
        url = f"/api/v1/tickets/{ticket.reference}/messages"
        answer = api.post(url, {"body": "Hello.", **extra}, format="json")
        self.assertEqual(answer.status_code, 201)
        return Ticket.objects.get(pk=ticket.pk), answer.json()["author_kind"]

    def test_a_reply_marked_as_automated_answers_nothing(self) -> None:
        """S3: the receipt of a robot leaves the first response owed, and the ticket new."""
        ticket, kind = self.reply_by_key(automated=True)
        self.assertEqual((kind, ticket.first_response_at, ticket.status), ("automation", None, "new"))
        self.assertIsNone(self.clock(ticket).stopped_at)

    def test_a_reply_of_an_inbox_is_a_persons(self) -> None:
        """S3: people answer through keys too."""
        ticket, kind = self.reply_by_key()
        self.assertEqual((kind, ticket.status), ("agent", "open"))
        self.assertEqual(self.clock(ticket).state, ClockState.MET)

    def test_a_requester_cannot_hide_a_question(self) -> None:
        """S3: marked or not, what a requester writes is asked."""
        ticket = self.ticket()
        self.reply(ticket, self.agent)
        new = NewMessage(body="And now?", is_automated=True)
        message_add(ticket=Ticket.objects.get(pk=ticket.pk), new=new, actor=self.requester)
        self.assertIsNone(self.clock(ticket, TargetKind.NEXT_RESPONSE).stopped_at)


class PauseTests(ClockCase):
    """The ledger of segments."""

    def test_a_pause_over_a_weekend_is_not_counted_twice(self) -> None:
        """FACTS: the weekend is no working time, paused or not."""
        self.office_hours()
        ticket = self.ticket("high")
        self.pass_time(days=4, hours=7)
        status_change(ticket=ticket, status="pending", actor=self.agent)
        self.pass_time(days=2, hours=17)
        status_change(ticket=ticket, status="open", actor=self.agent)
        clock = self.clock(ticket, TargetKind.RESOLUTION)
        self.assertEqual(spent_minutes(clock=clock, now=datetime.now(UTC)), 39 * 60)

    def test_a_pause_survives_a_change_of_severity(self) -> None:
        """FACTS: pauses are not lost when the promise changes."""
        ticket = self.ticket("high")
        self.pass_time(hours=2)
        status_change(ticket=ticket, status="on_hold", actor=self.agent)
        self.pass_time(hours=10)
        status_change(ticket=ticket, status="open", actor=self.agent)
        ticket_update(ticket=ticket, changes=TicketChanges(severity="critical"), actor=self.agent)
        clock = self.clock(ticket, TargetKind.RESOLUTION)
        self.assertEqual(spent_minutes(clock=clock, now=datetime.now(UTC)), 120)
        self.assertEqual(clock.due_at, datetime.now(UTC) + timedelta(hours=6))

    def test_reopening_promises_again(self) -> None:
        """S3: a new generation, the old outcome kept."""
        ticket = self.ticket()
        status_change(ticket=ticket, status="resolved", actor=self.agent)
        status_change(ticket=ticket, status="open", actor=self.agent)
        clocks = Clock.objects.filter(ticket=ticket, kind=TargetKind.RESOLUTION).order_by("generation")
        self.assertEqual([clock.state for clock in clocks], [ClockState.MET, ClockState.RUNNING])

    def test_a_deadline_can_be_explained(self) -> None:
        """S3: the segments say why it is when it is."""
        ticket = self.ticket()
        status_change(ticket=ticket, status="pending", actor=self.agent)
        api = APIClient()
        api.force_authenticate(self.world.lead)
        answer = api.get(f"/api/v1/tickets/{ticket.reference}/sla").json()
        kinds = {clock["kind"]: [s["kind"] for s in clock["segments"]] for clock in answer["clocks"]}
        self.assertEqual(kinds["resolution"], ["running", "paused"])
        api.force_authenticate(self.world.stranger)
        self.assertEqual(api.get(f"/api/v1/tickets/{ticket.reference}/sla").status_code, 404)


class CheckTests(ClockCase):
    """Warnings and breaches."""

    def setUp(self) -> None:
        super().setUp()
        self.world.mail_target(self.world.network, "network@example.org")

    def owned(self, severity: str = "critical") -> Ticket:
        """A ticket of the network team."""
        ticket = self.ticket(severity)
        return ticket_assign(ticket=ticket, team=self.world.network, assignee=None, actor=system_actor())

    def test_nothing_due_costs_nothing(self) -> None:
        """S4: the cost grows with what is due."""
        self.owned()
        self.assertEqual(
            check_due(now=datetime.now(UTC)),
            {"breached": 0, "warned": 0, "acted": 0, "repaired": 0, "filled": 0},
        )

    def test_it_warns_once_and_breaches_once(self) -> None:
        """S4: one outbox row per clock, generation, level and recipient."""
        ticket = self.owned()
        self.pass_time(minutes=46)
        self.assertEqual(check_due(now=datetime.now(UTC))["warned"], 1)
        self.assertEqual(check_due(now=datetime.now(UTC))["warned"], 0)
        self.pass_time(minutes=15)
        self.assertEqual(check_due(now=datetime.now(UTC))["breached"], 1)
        self.assertEqual(check_due(now=datetime.now(UTC))["breached"], 0)
        self.assertEqual(Notification.objects.count(), 2)
        self.assertEqual(ticket_panel([ticket.pk])[ticket.pk]["state"], "breached")

    def test_a_late_answer_stays_late(self) -> None:
        """S3: breached is not undone by answering."""
        ticket = self.owned()
        self.pass_time(minutes=61)
        check_due(now=datetime.now(UTC))
        self.reply(ticket, self.agent)
        self.assertEqual(self.clock(ticket).state, ClockState.BREACHED)

    def test_a_breach_can_raise_the_priority_and_hand_over(self) -> None:
        """S1: escalation actions."""
        EscalationStep.objects.create(team=self.world.network, target=self.world.hardware, position=1)
        Policy.objects.update(actions=[Action.RAISE_PRIORITY, Action.ESCALATE])
        ticket = self.owned()
        self.pass_time(minutes=61)
        check_due(now=datetime.now(UTC))
        ticket.refresh_from_db()
        self.assertEqual((ticket.priority, ticket.team), ("high", self.world.hardware))
        self.assertEqual(Notification.objects.count(), 0)

    def test_mail_goes_out_with_a_constant_id_and_only_once(self) -> None:
        """S4: at least once with a constant Message-ID."""
        self.owned()
        self.pass_time(minutes=61)
        check_due(now=datetime.now(UTC))
        self.assertEqual(notifications_deliver(now=datetime.now(UTC)), 1)
        self.assertEqual(notifications_deliver(now=datetime.now(UTC)), 0)
        (sent,) = mail.outbox
        row = Notification.objects.get()
        self.assertIn(row.uuid.hex, sent.extra_headers["Message-ID"])
        self.assertEqual(sent.to, ["network@example.org"])

    def test_the_panel_costs_the_same_for_one_and_for_many(self) -> None:
        """STYLE 9: constant queries."""
        counts = []
        for total in (3, 12):
            while Ticket.objects.count() < total:
                self.ticket()
            ids = list(Ticket.objects.values_list("pk", flat=True))
            with CaptureQueriesContext(connection) as queries:
                ticket_panel(ids)
            counts.append(len(queries))
        self.assertEqual(counts[0], counts[1])

    def test_the_dashboard_counts_kept_and_broken_promises(self) -> None:
        """O5: attainment."""
        kept, broken = self.owned(), self.owned()
        self.reply(kept, self.agent)
        self.pass_time(minutes=61)
        check_due(now=datetime.now(UTC))
        self.reply(broken, self.agent)
        lead = self.world.actor(self.world.lead)
        since, until = MONDAY - timedelta(days=1), MONDAY + timedelta(days=1)
        card = dashboard_card({"actor": lead, "since": since, "until": until})
        self.assertEqual((card["met"], card["missed"], card["attainment"]), (1, 1, 0.5))


class RepairedBugTests(ClockCase):
    """Each of these was wrong once."""

    def test_an_unanswered_ticket_that_is_reopened_owes_its_response_again(self) -> None:
        """S3: resolving without an answer is no answer."""
        ticket = self.ticket()
        status_change(ticket=ticket, status="resolved", actor=self.agent)
        status_change(ticket=ticket, status="open", actor=self.agent)
        self.assertEqual(self.clock(ticket).state, ClockState.RUNNING)
        self.assertEqual(self.clock(ticket).generation, 2)

    def test_one_clock_that_fails_never_stops_the_others(self) -> None:
        """STYLE 11: one row failing never stops a batch."""
        self.world.mail_target(self.world.network, "network@example.org")
        tickets = [self.ticket("critical"), self.ticket("critical")]
        for ticket in tickets:
            ticket_assign(ticket=ticket, team=self.world.network, assignee=None, actor=system_actor())
        self.pass_time(minutes=61)

        told = checks._news

        def broken(notice: checks.Notice, ticket: dict[str, Any], now: datetime) -> News:
            if notice.ticket_id == tickets[0].pk:
                raise RuntimeError
            return told(notice, ticket, now)

        with mock.patch.object(checks, "_news", side_effect=broken):
            self.assertEqual(check_due(now=datetime.now(UTC))["breached"], 1)
        self.assertEqual(check_due(now=datetime.now(UTC))["breached"], 1)

    def test_an_answered_ticket_is_not_promised_an_answer_when_it_is_repaired(self) -> None:
        """S4: repairing makes no broken promise."""
        ticket = self.ticket()
        self.reply(ticket, self.agent)
        Clock.objects.all().delete()
        self.pass_time(minutes=5)
        self.assertEqual(clocks_repair(now=datetime.now(UTC)), 1)
        kinds = set(Clock.objects.filter(ticket=ticket).values_list("kind", flat=True))
        self.assertEqual(kinds, {TargetKind.RESOLUTION})

    def test_a_critical_ticket_is_not_due_soon_from_the_start(self) -> None:
        """DESIGN: due soon means the last quarter, at most an hour."""
        ticket = self.ticket("critical")
        self.assertEqual(ticket_panel([ticket.pk])[ticket.pk]["state"], "on_track")
        self.pass_time(minutes=50)
        self.assertEqual(ticket_panel([ticket.pk])[ticket.pk]["state"], "due_soon")

    def test_a_calendar_that_never_opens_stops_no_check(self) -> None:
        """S4: a mistake in one calendar is one ticket's problem."""
        ticket = self.ticket()
        Clock.objects.all().delete()
        Policy.objects.update(calendar=BusinessCalendar.objects.create(slug="shut", name="Shut"))
        self.pass_time(minutes=5)
        self.assertEqual(check_due(now=datetime.now(UTC))["repaired"], 0)
        self.assertFalse(Clock.objects.filter(ticket=ticket).exists())

    def test_what_cannot_be_mailed_fails_alone(self) -> None:
        """S5: another channel is no mail address, and its failure stops nothing."""
        for channel, to in (("webhook", "https://hooks.example.org"), ("email", "a@example.org")):
            notification_owe(
                event_key="x",
                kind="sla.breach",
                channel=channel,
                recipient=to,
                payload={"reference": "SW-1", "kind": "x", "level": "breach", "subject": "s", "due_at": ""},
            )
        self.assertEqual(notifications_deliver(now=datetime.now(UTC)), 1)
        self.assertEqual([message.to for message in mail.outbox], [["a@example.org"]])
