"""Who gets a ticket, and when the ones that wait are given out (C17, R1)."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from unittest.mock import patch

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from common.actors import system_actor
from common.exceptions import NotAllowed, ValidationFailed
from teams.choices import AbsencePolicy, AssignmentStrategy, Group, Presence, SkillsMode
from teams.models import BusinessCalendar, CalendarInterval, EscalationStep, Team, TeamMember, User
from teams.services.presence import presence_set, presences_return
from teams.services.users import member_set
from ticketing.models import Ticket
from ticketing.selectors.handout import seats_at_work
from ticketing.services.absence import absences_hand_on, absent_hand_on
from ticketing.services.assignments import ticket_assign
from ticketing.services.escalation import ticket_escalate
from ticketing.services.handout import person_pick, queues_hand_out, waiting_hand_out
from ticketing.services.tickets import status_change
from ticketing.tasks import hand_out, sweep_queues
from ticketing.tests.world import World, make_user

MONDAY_NOON = datetime(2027, 6, 7, 12, 0, tzinfo=UTC)
MONDAY_NIGHT = datetime(2027, 6, 7, 22, 0, tzinfo=UTC)


class HandOutCase(TestCase):
    """The network team with one agent who takes one ticket."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.team = cls.world.network
        cls.member = TeamMember.objects.get(user=cls.world.agent)
        cls.member.capacity = 1
        cls.member.save()

    def setUp(self) -> None:
        self.actor = system_actor()

    def waiting(self, count: int = 1, **values: Any) -> list[Ticket]:
        """Tickets of the team that nobody has; ``values`` are written past the services."""
        found = []
        for number in range(count):
            ticket = ticket_assign(
                ticket=self.world.ticket(f"Waiting {number}"), team=self.team, assignee=None, actor=self.actor
            )
            if values:
                Ticket.objects.filter(pk=ticket.pk).update(**values)
            found.append(Ticket.objects.get(pk=ticket.pk))
        return found

    def held(self) -> Ticket:
        """A ticket the agent has."""
        return ticket_assign(
            ticket=self.world.ticket("Held"), team=self.team, assignee=self.world.agent, actor=self.actor
        )

    def second(self, **values: Any) -> TeamMember:
        """One more agent."""
        user = make_user("second", Group.AGENTS, self.world.client_a)
        return TeamMember.objects.create(team=self.team, user=user, **{"capacity": 1, **values})

    def owner(self, ticket: Ticket) -> User | None:
        """Who has it now."""
        return Ticket.objects.get(pk=ticket.pk).assignee

    def after(self, work: Any) -> list[tuple[Any, ...]]:
        """Do ``work``, commit, and do what it told the broker to do; gives back the messages."""
        sent: list[tuple[Any, ...]] = []

        def deliver(*, args: tuple[Any, ...], retry: bool) -> None:
            sent.append(args)
            hand_out(*args)

        with patch.object(hand_out, "apply_async", deliver), self.captureOnCommitCallbacks(execute=True):
            work()
        return sent


class DrainTests(HandOutCase):
    """Capacity that becomes free is used at once."""

    def test_freed_capacity_drains_the_queue(self) -> None:
        """C17, FACTS: solving or closing a ticket gives the next one out, with nobody doing anything more."""
        for status in ("resolved", "closed"):
            with self.subTest(status=status):
                held, (ticket,) = self.held(), self.waiting()
                self.after(lambda held=held, status=status: status_change(
                    ticket=held, status=status, actor=self.actor))  # fmt: skip
                self.assertEqual(self.owner(ticket), self.world.agent)
                status_change(ticket=ticket, status="resolved", actor=self.actor)

    def test_handing_a_ticket_away_frees_capacity(self) -> None:
        """C17: the other team's gain is the queue's as well."""
        held, (ticket,) = self.held(), self.waiting()
        self.after(lambda: ticket_assign(
            ticket=held, team=self.world.hardware, assignee=None, actor=self.actor))  # fmt: skip
        self.assertEqual(self.owner(ticket), self.world.agent)

    def test_waiting_for_the_requester_frees_capacity_where_the_team_says_so(self) -> None:
        """R1: ``waiting_counts`` decides."""
        held, (ticket,) = self.held(), self.waiting()
        self.after(lambda: status_change(ticket=held, status="pending", actor=self.actor))
        self.assertIsNone(self.owner(ticket))
        Team.objects.filter(pk=self.team.pk).update(waiting_counts=False)
        queues_hand_out(now=timezone.now())
        self.assertEqual(self.owner(ticket), self.world.agent)

    def test_all_that_fit_are_given_out(self) -> None:
        """C17: not only one; and none beyond the capacity."""
        tickets = self.waiting(4)
        self.after(lambda: member_set(
            team=self.team, user=self.world.agent, actor=self.actor, capacity=3))  # fmt: skip
        owners = [self.owner(ticket) for ticket in tickets]
        self.assertEqual(owners, [self.world.agent] * 3 + [None])

    def test_who_comes_back_gets_what_waits(self) -> None:
        """R1: by saying so, and by itself when the absence ends."""
        now = timezone.now()
        actor = self.world.actor(self.world.agent)
        away = {"user": self.world.agent, "presence": Presence.AWAY, "actor": actor, "now": now}
        presence_set(**away)
        (ticket,) = self.waiting()
        self.assertEqual(waiting_hand_out(team=self.team, now=now), 0)
        self.after(lambda: presence_set(**{**away, "presence": Presence.AVAILABLE}))
        self.assertEqual(self.owner(ticket), self.world.agent)

    def test_an_absence_ends_by_itself(self) -> None:
        """R1: the sweeper says so to everybody, and the queue is given out."""
        now = timezone.now()
        actor = self.world.actor(self.world.agent)
        presence_set(
            user=self.world.agent, presence="away", actor=actor, now=now, until=now + timedelta(hours=1)
        )
        (ticket,) = self.waiting()
        sweep_queues()
        self.assertIsNone(self.owner(ticket))
        with patch("ticketing.tasks.timezone.now", return_value=now + timedelta(hours=2)):
            sweep_queues()
        self.assertEqual(self.owner(ticket), self.world.agent)
        user = User.objects.get(pk=self.world.agent.pk)
        self.assertEqual((user.presence, user.away_until, user.absent_since), ("available", None, None))
        self.assertEqual(presences_return(now=now), 0)

    def test_nobody_is_told_where_nothing_waits(self) -> None:
        """A solved ticket of a team without a queue costs no message."""
        held = self.held()
        self.assertEqual(
            self.after(lambda: status_change(ticket=held, status="resolved", actor=self.actor)), []
        )

    def test_who_puts_a_ticket_back_does_not_get_it_at_once_again(self) -> None:
        """C17: somebody else does, or it waits an hour."""
        held = self.held()
        agent = self.world.actor(self.world.agent)
        self.after(lambda: ticket_assign(ticket=held, team=self.team, assignee=None, actor=agent))
        self.assertIsNone(self.owner(held))
        self.second()
        waiting_hand_out(team=self.team, now=timezone.now())
        self.assertEqual(getattr(self.owner(held), "username", ""), "second")

    def test_a_broken_ticket_stops_no_other(self) -> None:
        """STYLE 11: one row failing never stops a batch."""
        first, second = self.waiting(2)
        real = ticket_assign

        def broken(*, ticket: Ticket, **values: Any) -> Ticket:
            if ticket.pk == first.pk:
                raise RuntimeError
            return real(ticket=ticket, **values)

        with patch("ticketing.services.handout.ticket_assign", broken):
            self.assertEqual(queues_hand_out(now=timezone.now()), {"network_team": 1})
        self.assertEqual((self.owner(first), self.owner(second)), (None, self.world.agent))


class OrderTests(HandOutCase):
    """Which ticket is next."""

    def test_priority_first_and_then_age(self) -> None:
        """C17: within one priority the oldest."""
        now = timezone.now()
        (old,) = self.waiting(created_at=now - timedelta(hours=5))
        (older,) = self.waiting(created_at=now - timedelta(hours=6))
        (urgent,) = self.waiting(priority="urgent", created_at=now)
        given = []
        for _ in range(3):
            waiting_hand_out(team=self.team, now=now)
            ticket = Ticket.objects.get(assignee=self.world.agent, status="new")
            given.append(ticket.pk)
            status_change(ticket=ticket, status="resolved", actor=self.actor)
        self.assertEqual(given, [urgent.pk, older.pk, old.pk])

    def test_the_seats_are_asked_for_once_a_round(self) -> None:
        """C17: besides once under the lock for each ticket that is given, not again after it."""
        self.member.capacity = 5
        self.member.save()
        self.waiting(4)
        with patch("ticketing.services.handout.seats_at_work", wraps=seats_at_work) as asked:
            self.assertEqual(waiting_hand_out(team=self.team, now=timezone.now()), 4)
        self.assertEqual(asked.call_count, 1 + 4)

    def test_round_robin_takes_turns_within_one_round(self) -> None:
        """C17: the turn that was just taken counts, although the seats are not read again."""
        other = make_user("second", Group.AGENTS, self.world.client_a)
        member_set(team=self.team, user=other, actor=self.actor, capacity=5)
        TeamMember.objects.filter(team=self.team).update(capacity=2)
        tickets = self.waiting(4)
        self.assertEqual(waiting_hand_out(team=self.team, now=timezone.now()), 4)
        owners = [self.owner(ticket) for ticket in tickets]
        self.assertEqual(sorted(owners.count(user) for user in {*owners}), [2, 2])

    def test_nobody_starves(self) -> None:
        """C17: two days of waiting weigh as much as one step of priority."""
        now = timezone.now()
        (low,) = self.waiting(priority="low", created_at=now - timedelta(days=6, hours=1))
        self.waiting(priority="urgent", created_at=now)
        waiting_hand_out(team=self.team, now=now)
        self.assertEqual(self.owner(low), self.world.agent)

    def test_a_new_ticket_does_not_jump_the_queue(self) -> None:
        """C17: where somebody has room and an older ticket waits, that one is next."""
        (old,) = self.waiting(created_at=timezone.now() - timedelta(hours=3))
        new = self.world.ticket("New")
        self.assertIsNone(person_pick(team=self.team, ticket=new))
        self.assertEqual(waiting_hand_out(team=self.team, now=timezone.now()), 1)
        self.assertEqual(self.owner(old), self.world.agent)

    def test_one_that_nobody_can_take_holds_up_no_other(self) -> None:
        """C17: the order is among those that fit."""
        Team.objects.filter(pk=self.team.pk).update(skills_mode=SkillsMode.REQUIRE)
        self.second(skills=["de"], capacity=0)
        (german,) = self.waiting(language="de", created_at=timezone.now() - timedelta(hours=3))
        (english,) = self.waiting(language="en")
        queues_hand_out(now=timezone.now())
        self.assertEqual((self.owner(german), self.owner(english)), (None, self.world.agent))


class PickTests(HandOutCase):
    """Who of the team."""

    def pick(self, **values: Any) -> str:
        """Whose turn it is, by name; empty for nobody."""
        ticket = self.world.ticket()
        Ticket.objects.filter(pk=ticket.pk).update(**values)
        team = Team.objects.get(pk=self.team.pk)
        now = values.pop("now", None)
        person = person_pick(team=team, ticket=Ticket.objects.get(pk=ticket.pk), now=now)
        return person.username if person else ""

    def at(self, now: datetime) -> str:
        """Whose turn it is at a moment."""
        person = person_pick(
            team=Team.objects.get(pk=self.team.pk), ticket=self.world.ticket(), now=now, in_order=False
        )
        return person.username if person else ""

    def test_round_robin_takes_turns_and_least_load_the_emptiest_desk(self) -> None:
        """C17: both within the capacity."""
        TeamMember.objects.update(capacity=5)
        self.second(capacity=5)
        self.assertEqual([self.pick() for _ in range(3)], ["agent", "second", "agent"])
        Team.objects.update(strategy=AssignmentStrategy.LEAST_LOAD)
        self.held()
        self.assertEqual([self.pick() for _ in range(2)], ["second", "second"])

    def test_skills_are_preferred_or_required(self) -> None:
        """C17: category, language and severity; what nobody lists is needed by no ticket."""
        TeamMember.objects.update(capacity=5)
        self.second(skills=["DE"], capacity=5)
        self.assertEqual([self.pick(language="de") for _ in range(3)], ["second"] * 3)
        TeamMember.objects.filter(user__username="second").update(capacity=0)
        self.assertEqual(self.pick(language="de"), "agent")
        Team.objects.filter(pk=self.team.pk).update(skills_mode=SkillsMode.REQUIRE)
        self.assertEqual(self.pick(language="de"), "")
        self.assertEqual(self.pick(language="fr"), "agent")

    def test_nobody_is_given_work_outside_working_hours(self) -> None:
        """R1: the person's own hours, else the team's; a team without a calendar always works."""
        self.assertEqual(self.at(MONDAY_NIGHT), "agent")
        day = BusinessCalendar.objects.create(slug="day", name="Day")
        CalendarInterval.objects.create(calendar=day, weekday=0, starts=time(9), ends=time(17))
        Team.objects.filter(pk=self.team.pk).update(calendar=day)
        self.assertEqual((self.at(MONDAY_NOON), self.at(MONDAY_NIGHT)), ("agent", ""))
        night = BusinessCalendar.objects.create(slug="night", name="Night")
        CalendarInterval.objects.create(calendar=night, weekday=0, starts=time(20), ends=time(4))
        User.objects.filter(pk=self.world.agent.pk).update(calendar=night)
        self.assertEqual((self.at(MONDAY_NOON), self.at(MONDAY_NIGHT)), ("", "agent"))

    def test_the_queue_is_given_out_when_working_hours_begin(self) -> None:
        """C17: no message tells of it, the sweeper does it."""
        day = BusinessCalendar.objects.create(slug="day", name="Day")
        CalendarInterval.objects.create(calendar=day, weekday=0, starts=time(9), ends=time(17))
        Team.objects.filter(pk=self.team.pk).update(calendar=day)
        (ticket,) = self.waiting()
        with patch("ticketing.tasks.timezone.now", return_value=MONDAY_NOON - timedelta(hours=4)):
            self.assertEqual(sweep_queues(), 0)
        with patch("ticketing.tasks.timezone.now", return_value=MONDAY_NOON):
            self.assertEqual(sweep_queues(), 1)
        self.assertEqual(self.owner(ticket), self.world.agent)

    def test_only_who_serves_the_client_is_asked(self) -> None:
        """T10: a ticket never reaches a person of another client."""
        ticket = self.world.ticket("Theirs", user=self.world.stranger, client=self.world.client_b)
        self.assertIsNone(person_pick(team=self.team, ticket=ticket))

    def test_the_number_of_queries_is_constant(self) -> None:
        """STYLE 9: a team of ten costs as much as a team of one."""
        ticket = self.world.ticket()
        day = BusinessCalendar.objects.create(slug="day", name="Day", always_open=True)
        User.objects.update(calendar=day)
        alone = self.cost(ticket)
        for number in range(9):
            user = make_user(f"p{number}", Group.AGENTS, self.world.client_a)
            User.objects.filter(pk=user.pk).update(calendar=day)
            TeamMember.objects.create(team=self.team, user=user)
        self.assertEqual(self.cost(ticket), alone)
        self.assertLessEqual(alone, 12)

    def cost(self, ticket: Ticket) -> int:
        """Queries of one pick."""
        with CaptureQueriesContext(connection) as seen:
            person_pick(team=self.team, ticket=ticket)
        return len(seen)


class PresenceTests(HandOutCase):
    """Who may say whether somebody takes work."""

    def test_the_person_and_the_leads_of_the_client_may(self) -> None:
        """R1, R3: a stranger may not."""
        now = timezone.now()
        for user in (self.world.agent, self.world.lead):
            presence_set(user=self.world.agent, presence="offline", actor=self.world.actor(user), now=now)
        for user in (self.world.stranger, self.world.requester):
            with self.assertRaises(NotAllowed):
                presence_set(
                    user=self.world.agent, presence="available", actor=self.world.actor(user), now=now
                )

    def test_an_end_must_lie_ahead_and_belong_to_an_absence(self) -> None:
        """R1: whole sentences say what is wrong."""
        now, actor = timezone.now(), self.world.actor(self.world.agent)
        for presence, until in (("away", now), ("available", now + timedelta(hours=1)), ("asleep", None)):
            with self.assertRaises(ValidationFailed):
                presence_set(user=self.world.agent, presence=presence, actor=actor, now=now, until=until)

    def test_a_longer_absence_began_with_the_first(self) -> None:
        """R1: saying it again does not begin it anew."""
        now, actor = timezone.now(), self.world.actor(self.world.agent)
        presence_set(user=self.world.agent, presence="away", actor=actor, now=now)
        later = now + timedelta(hours=1)
        user = presence_set(user=self.world.agent, presence="offline", actor=actor, now=later)
        self.assertEqual(user.absent_since, now)


class AbsenceTests(HandOutCase):
    """Tickets of people who are away."""

    def away(self, now: datetime) -> None:
        """The agent goes."""
        presence_set(
            user=self.world.agent, presence="away", actor=self.world.actor(self.world.agent), now=now
        )

    def test_the_policy_says_when_they_are_handed_on(self) -> None:
        """R1: never, after some hours, or at once; with a line in the history and in the audit."""
        now, held = timezone.now(), self.held()
        self.second()
        self.away(now)
        self.assertEqual(absences_hand_on(now=now + timedelta(days=9)), 0)
        Team.objects.update(absence_policy=AbsencePolicy.AFTER, absence_hours=4)
        self.assertEqual(absences_hand_on(now=now + timedelta(hours=3)), 0)
        self.assertEqual(absences_hand_on(now=now + timedelta(hours=4)), 1)
        self.assertEqual(getattr(self.owner(held), "username", ""), "second")
        newest = held.assignments.first()
        assert newest is not None
        self.assertIn("is away", newest.reason)
        self.assertTrue(held.events.filter(field="assignee", old_value="agent", new_value="second").exists())

    def test_at_once_and_into_the_queue_where_nobody_else_can(self) -> None:
        """R1: nobody owns it, so the next one free gets it."""
        now, held = timezone.now(), self.held()
        Team.objects.update(absence_policy=AbsencePolicy.AT_ONCE)
        self.away(now)
        absences_hand_on(now=now)
        self.assertIsNone(self.owner(held))

    def test_what_waits_for_the_requester_stays(self) -> None:
        """R1: the answer may well come after the return."""
        now, held = timezone.now(), self.held()
        Team.objects.update(absence_policy=AbsencePolicy.AT_ONCE)
        status_change(ticket=held, status="pending", actor=self.actor)
        self.away(now)
        self.assertEqual(absences_hand_on(now=now), 0)

    def test_who_may_no_longer_log_in_is_away(self) -> None:
        """R1: whatever the presence says."""
        held = self.held()
        User.objects.filter(pk=self.world.agent.pk).update(is_active=False)
        Team.objects.update(absence_policy=AbsencePolicy.AT_ONCE)
        absences_hand_on(now=timezone.now())
        self.assertIsNone(self.owner(held))

    def test_only_leads_hand_on_by_hand(self) -> None:
        """R3: a shared team is an administrator's, a client's own team its leads'."""
        now = timezone.now()
        self.held()
        self.away(now)
        for user in (self.world.agent, self.world.stranger, self.world.lead):
            with self.assertRaises(NotAllowed):
                absent_hand_on(team=self.team, now=now, actor=self.world.actor(user))
        Team.objects.filter(pk=self.team.pk).update(client=self.world.client_a)
        self.team.refresh_from_db()
        self.assertEqual(absent_hand_on(team=self.team, now=now, actor=self.world.actor(self.world.lead)), 1)


class EscalationTests(HandOutCase):
    """The steps of a path."""

    def test_each_step_follows_the_one_before(self) -> None:
        """R1, R4: from the team to its first step, from there to the second, and no further."""
        path = [Team.objects.create(slug=f"step{number}", name=f"Step {number}") for number in (1, 2)]
        for number, target in enumerate(path, start=1):
            EscalationStep.objects.create(team=self.team, position=number, target=target)
        (ticket,) = self.waiting()
        lead = self.world.actor(self.world.lead)
        for target in path:
            ticket = ticket_escalate(ticket=ticket, actor=lead, reason="The VPN is down for all.")
            self.assertEqual(ticket.team, target)
        with self.assertRaises(Exception) as caught:
            ticket_escalate(ticket=ticket, actor=lead)
        self.assertEqual(getattr(caught.exception, "code", ""), "conflict")

    def test_a_team_out_of_use_is_passed_over(self) -> None:
        """R1: the path goes on behind it."""
        gone = Team.objects.create(slug="gone", name="Gone", is_active=False)
        there = Team.objects.create(slug="there", name="There")
        EscalationStep.objects.create(team=self.team, position=1, target=gone)
        EscalationStep.objects.create(team=self.team, position=2, target=there)
        (ticket,) = self.waiting()
        self.assertEqual(ticket_escalate(ticket=ticket, actor=self.actor).team, there)
