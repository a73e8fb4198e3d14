"""Two writers at once: each claim of "only once" is tried with real threads and connections."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from django.db import connection
from django.test import TransactionTestCase
from django.utils import timezone

from classifier.services.chat import Question, chat_ask, chat_ticket_open
from common.exceptions import Conflict
from sla.models import Clock
from sla.services.checks import check_due
from sla.services.defaults import defaults_load
from teams.choices import Group
from teams.models import Alert, Notification, TeamMember
from teams.services.alerts import alert_raise
from ticketing.models import (
    Article,
    ArticleFeedback,
    Message,
    RoutingRule,
    Ticket,
    TicketEvent,
    TicketFeedback,
    TicketMerge,
)
from ticketing.services.articles import article_feedback_give
from ticketing.services.assignments import ticket_assign
from ticketing.services.audit import chain_verify
from ticketing.services.desk import ticket_hand_over
from ticketing.services.feedback import feedback_give
from ticketing.services.handout import waiting_hand_out
from ticketing.services.merging import ticket_merge, ticket_unmerge
from ticketing.services.routing import rule_hit
from ticketing.services.tickets import TicketChanges, status_change, ticket_update
from ticketing.tests.world import World, make_user


def together(*works: Callable[[], object]) -> list[object]:
    """Run all at the same moment, each on a connection of its own; give back what each returned or raised."""
    start, results = threading.Barrier(len(works)), []

    def run(work: Callable[[], object]) -> None:
        start.wait()
        try:
            results.append(work())
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class TwoWriterTests(TransactionTestCase):
    """Rows under concurrent writes."""

    def setUp(self) -> None:
        self.world = World()
        defaults_load()

    def test_an_alert_of_the_house_that_two_raise_is_one(self) -> None:
        """S7: drift and watch run in any number of processes; without a client too there is one open row."""

        def sighted() -> object:
            return alert_raise(rule="drift_mix", subject="shared/x", message="Shifted.", now=timezone.now())

        results = together(*[sighted] * 4)
        self.assertEqual([row for row in results if isinstance(row, Exception)], [])
        (alert,) = Alert.objects.filter(rule="drift_mix")
        self.assertEqual((alert.client, alert.count), (None, 4))

    def test_two_changes_make_one_unbroken_history(self) -> None:
        """T6: the row lock keeps the chain from forking."""
        ticket = self.world.ticket()
        actor = self.world.actor(self.world.lead)

        def change(name: str) -> Callable[[], object]:
            return lambda: ticket_update(ticket=ticket, changes=TicketChanges(subject=name), actor=actor)

        results = together(*(change(f"Subject {number}") for number in range(4)))
        self.assertEqual([item for item in results if isinstance(item, Exception)], [])
        self.assertIsNone(chain_verify(ticket=ticket))
        self.assertEqual(TicketEvent.objects.filter(ticket=ticket, verb="ticket.changed").count(), 4)

    def test_two_assignments_end_with_one_owner_and_a_history_of_both(self) -> None:
        """T7: the last one stands, both are told."""
        other = make_user("second", Group.AGENTS, self.world.client_a)
        TeamMember.objects.create(team=self.world.network, user=other)
        ticket, actor = self.world.ticket(), self.world.actor(self.world.lead)

        def assign(person: object) -> Callable[[], object]:
            return lambda: ticket_assign(
                ticket=ticket,
                team=self.world.network,
                assignee=person,
                actor=actor,  # type: ignore[arg-type]
            )

        together(assign(self.world.agent), assign(other))
        ticket.refresh_from_db()
        newest = ticket.assignments.first()
        assert newest is not None
        self.assertEqual(newest.assignee, ticket.assignee)
        self.assertEqual(ticket.assignments.count(), 2)

    def test_a_capacity_is_never_exceeded_and_no_ticket_given_twice(self) -> None:
        """C17: two sweeps, a hand-over and an ended triage at the same moment share six places."""
        team, lead = self.world.network, self.world.actor(self.world.lead)
        other = make_user("second", Group.AGENTS, self.world.client_a)
        TeamMember.objects.create(team=team, user=other)
        TeamMember.objects.update(capacity=3)
        waiting = [
            ticket_assign(ticket=self.world.ticket(f"{number}"), team=team, assignee=None, actor=lead)
            for number in range(8)
        ]
        new = [self.world.ticket("New"), self.world.ticket("Newer")]
        now = timezone.now()
        results = together(
            lambda: waiting_hand_out(team=team, now=now),
            lambda: waiting_hand_out(team=team, now=now),
            lambda: ticket_hand_over(ticket=new[0], team=team, actor=lead),
            lambda: self.world.triage(new[1], state="applied"),
        )
        self.assertEqual([item for item in results if isinstance(item, Exception)], [])
        waiting_hand_out(team=team, now=now)
        for user in (self.world.agent, other):
            self.assertEqual(user.assigned_tickets.count(), 3)
        for ticket in waiting:
            self.assertLessEqual(ticket.assignments.exclude(assignee=None).count(), 1)

    def test_no_hit_of_a_rule_is_lost(self) -> None:
        """R2: counters are exact when many count at once."""
        rule = RoutingRule.objects.create(name="Rule", slug="rule", team=self.world.network)

        def count() -> None:
            for _ in range(5):
                rule_hit(rule_id=rule.pk)

        together(*[count] * 4)
        rule.refresh_from_db()
        self.assertEqual(rule.hit_count, 20)

    def test_two_merges_of_one_ticket_end_with_one(self) -> None:
        """T8: whoever comes second is told; no message is in two places, no lock waits for ever."""
        first, second, third = (self.world.ticket(name) for name in ("One", "Two", "Three"))
        actor = self.world.actor(self.world.lead)
        results = together(
            lambda: ticket_merge(source=first, target=second, actor=actor),
            lambda: ticket_merge(source=second, target=first, actor=actor),
            lambda: ticket_merge(source=first, target=third, actor=actor),
        )
        made = TicketMerge.objects.filter(undone_at=None)
        refused = [item for item in results if isinstance(item, Exception)]
        self.assertEqual(made.count() + len(refused), 3)
        self.assertTrue(all(isinstance(item, Conflict) for item in refused), refused)
        self.assertEqual(made.filter(source=first).count() + made.filter(source=second).count(), made.count())
        self.assertEqual(Message.objects.count(), 3)
        for ticket in (first, second, third):
            self.assertIsNone(chain_verify(ticket=ticket))

    def test_two_undos_restore_once(self) -> None:
        """T8: the second is told that there is nothing to take back."""
        first, second = self.world.ticket("One"), self.world.ticket("Two")
        actor = self.world.actor(self.world.lead)
        ticket_merge(source=first, target=second, actor=actor)
        results = together(*[lambda: ticket_unmerge(ticket=first, actor=actor)] * 2)
        self.assertEqual(sum(isinstance(item, Conflict) for item in results), 1)
        self.assertEqual((first.messages.count(), second.messages.count()), (1, 1))
        self.assertIsNone(chain_verify(ticket=first))

    def test_two_schedulers_warn_and_breach_once(self) -> None:
        """S4: safe when two schedulers run at once."""
        self.world.mail_target(self.world.network, "network@example.org")
        ticket = self.world.ticket()
        ticket_assign(
            ticket=ticket, team=self.world.network, assignee=None, actor=self.world.actor(self.world.lead)
        )
        late = timezone.now() + timedelta(days=2)
        results = together(*[lambda: check_due(now=late)] * 3)
        breached = sum(item["breached"] for item in results if isinstance(item, dict))
        self.assertEqual(breached, Clock.objects.filter(state="breached").count())
        keys = list(Notification.objects.values_list("event_key", "recipient"))
        self.assertEqual(len(keys), len(set(keys)))
        self.assertEqual(breached, 1)

    def test_two_clicks_turn_a_conversation_into_one_ticket(self) -> None:
        """C22: whoever comes second is led to the first one's ticket."""
        actor = self.world.actor(self.world.requester)
        asked = chat_ask(client=self.world.client_a, question=Question(text="The VPN drops"), actor=actor)
        results = together(*[lambda: chat_ticket_open(convo=asked.convo, actor=actor)] * 3)
        self.assertEqual([item for item in results if isinstance(item, Exception)], [])
        self.assertEqual(sorted(item[1] for item in results if isinstance(item, tuple)), [False, False, True])
        self.assertEqual(Ticket.objects.count(), 1)

    def test_two_ratings_and_two_answers_leave_one_of_each(self) -> None:
        """T11, C23: once a ticket, once a reader and article."""
        actor = self.world.actor(self.world.requester)
        lead = self.world.actor(self.world.lead)
        ticket = status_change(ticket=self.world.ticket(), status="resolved", actor=lead)
        article = Article.objects.create(client=self.world.client_a, slug="a", title="A", body="A")

        def rate() -> object:
            return feedback_give(ticket=ticket, rating=4, comment="", source="portal", actor=actor)

        def answer() -> object:
            return article_feedback_give(article=article, helped=True, actor=actor)

        results = together(rate, rate, answer, answer)
        self.assertEqual([item for item in results if isinstance(item, Exception)], [])
        self.assertEqual((TicketFeedback.objects.count(), ArticleFeedback.objects.count()), (1, 1))
        self.assertIsNone(chain_verify(ticket=ticket))
