"""A day of a help desk, through the real services with the clock turned by hand; its report has to add up.

Run: ``python -m bench.day [--tickets 500] [--agents 12] [--seed 7]``. Takes a database of its own: a
temporary SQLite file, or one beside TEST_DATABASE_URL. Answers 1 where a promise was broken: a ticket lost, a
capacity exceeded, work given to somebody who was not there, a ticket passed over by one behind it.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import logging
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import django
import time_machine

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.test_settings"
    django.setup()

from django.conf import settings
from django.db import transaction
from django.test.runner import DiscoverRunner

from common.actors import Actor, system_actor
from teams.choices import AbsencePolicy, AssignmentStrategy, Group, Presence, SkillsMode, TeamKind
from teams.models import BusinessCalendar, CalendarInterval, Client, Team, TeamMember, User
from teams.selectors import actor_for_user
from teams.services.presence import presence_set
from teams.services.users import NewUser, user_create
from ticketing import events
from ticketing.choices import PRIORITY_OF_SEVERITY, TriageIntent
from ticketing.models import Assignment, Category, ClientSettings, RoutingRule, Taxonomy, Ticket
from ticketing.selectors.handout import (
    fitting,
    load_of,
    loads,
    place_in_queue,
    resting_people,
    seats_at_work,
    skills_listed,
    waiting_tickets,
)
from ticketing.services.assignments import ticket_assign
from ticketing.services.requesters import RequesterIdentity, requester_resolve
from ticketing.services.routing import RoutingInput, route_decide, rule_hit
from ticketing.services.tickets import NewTicket, status_change, ticket_lock, ticket_open
from ticketing.services.triage import FieldOutcome, TriageOutcome, triage_apply
from ticketing.tasks import hand_out, sweep_queues

MORNING = datetime(2027, 6, 7, 9, 0, tzinfo=UTC)
OPENS, CLOSES = time(9), time(17)
LAST_ARRIVAL = 450
"""Minutes after nine."""
MINUTE = timedelta(minutes=1)
SWEEP = MINUTE
"""As often as the scheduler does it."""
LIMIT = timedelta(days=9)
_NAMES = ("ada", "ben", "cleo", "dan", "eva", "finn", "gro", "hal", "ines", "jon", "kai", "lea")
_SEVERITIES = ("critical", "high", "medium", "low")
_WEIGHTS = (4, 16, 50, 30)


@dataclass
class Report:
    """What happened, and what should not have."""

    tickets: int = 0
    ended: datetime = MORNING
    closed: Counter[str] = field(default_factory=Counter)
    waits: dict[str, list[float]] = field(default_factory=dict)
    """Minutes from opening to the first person, by priority."""
    full: Counter[str] = field(default_factory=Counter)
    highest: Counter[str] = field(default_factory=Counter)
    by_hand: Counter[str] = field(default_factory=Counter)
    hits: int = 0
    routed: int = 0
    violations: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The report in words."""
        yield f"{self.tickets} tickets opened, {self.closed.total()} solved by {self.ended:%A %H:%M}."
        yield f"Routing: {self.routed} by rules, counted {self.hits} times."
        for name, number in sorted(self.by_hand.items()):
            yield f"{name}: {number}."
        yield "Minutes until somebody had it, nights included:"
        for priority in ("urgent", "high", "normal", "low"):
            found = sorted(self.waits.get(priority, []))
            if found:
                middle, longest = found[len(found) // 2], found[-1]
                yield f"  {priority:8} {len(found):4} tickets   median {middle:6.1f}   longest {longest:7.1f}"
        yield "Solved by each, and the most they had at once of what they may have:"
        for name in sorted(self.highest):
            yield f"  {name:8} {self.closed[name]:4} solved   {self.highest[name]:2} of {self.full[name]}"
        yield "Everything adds up." if not self.violations else f"{len(self.violations)} promises broken:"
        yield from (f"  {text}" for text in self.violations[:20])


class Day:
    """The house, the clock, and what people do."""

    def __init__(self, *, tickets: int, agents: int, seed: int, clock: Any) -> None:
        self.random = random.Random(seed)
        self.clock, self.count, self.names = clock, tickets, _NAMES[:agents]
        self.queue: list[tuple[datetime, int, Callable[[], None]]] = []
        self.order = itertools.count()
        self.busy: set[int] = set()
        self.report = Report(tickets=tickets)
        self.now = MORNING
        self._house()

    # -- the house

    def _house(self) -> None:
        actor = system_actor("Simulation")
        hours = BusinessCalendar.objects.create(slug="day-hours", name="Nine to five")
        CalendarInterval.objects.bulk_create(
            CalendarInterval(calendar=hours, weekday=day, starts=OPENS, ends=CLOSES) for day in range(7)
        )
        self.client = Client.objects.create(slug="day", name="A day")
        self.taxonomy = Taxonomy.objects.create(slug="day", name="A day")
        shapes: tuple[tuple[str, dict[str, Any]], ...] = (
            ("day_technical", {"strategy": AssignmentStrategy.LEAST_LOAD}),
            ("day_billing", {"skills_mode": SkillsMode.REQUIRE, "absence_policy": AbsencePolicy.AT_ONCE}),
            ("day_general", {"kind": TeamKind.FALLBACK, "absence_policy": AbsencePolicy.AFTER,
                             "absence_hours": 1}),
        )  # fmt: skip
        self.teams = [Team.objects.create(slug=s, name=s, calendar=hours, **v) for s, v in shapes]
        for slug, team in zip(("technical", "billing", "question"), self.teams, strict=True):
            Category.objects.create(taxonomy=self.taxonomy, slug=slug, name=slug, default_team=team)
        ClientSettings.objects.create(client=self.client, taxonomy=self.taxonomy, fallback_team=self.teams[2])
        RoutingRule.objects.create(
            client=self.client, slug="refunds", name="Refunds", team=self.teams[1], priority_modifier=1,
            conditions={"keywords": ["refund"]},
        )  # fmt: skip
        self.people: list[User] = []
        for number, name in enumerate(self.names):
            new = NewUser(username=name, password=str(uuid4()), group=Group.AGENTS, clients=[self.client])
            user = user_create(new=new, actor=actor)
            skills = ["de"] if number % 5 == 1 else []
            TeamMember.objects.create(
                team=self.teams[number % 3], user=user, capacity=3 + number % 3, skills=skills
            )
            self.people.append(user)
        self.members = {row.user_id: row for row in TeamMember.objects.select_related("user", "team")
                        .filter(team__in=self.teams)}  # fmt: skip
        self.requester = requester_resolve(
            client=self.client, identity=RequesterIdentity(external_id="somebody")
        )

    def actor(self, user: User) -> Actor:
        """The acting agent."""
        return actor_for_user(user)

    # -- the clock

    def at(self, when: datetime, what: Callable[[], None]) -> None:
        """Put something on the list; within the hours of the house, else next morning."""
        heapq.heappush(self.queue, (_within_hours(when), next(self.order), what))

    def run(self) -> Report:
        """Turn the clock until every ticket is solved."""
        for _ in range(self.count):
            self.at(MORNING + MINUTE * self.random.uniform(0, LAST_ARRIVAL), self.arrives)
        for number, user in enumerate(self.people):
            self.at(MORNING + timedelta(hours=2, minutes=10 * number), lambda user=user: self.lunch(user))
        self.at(MORNING + timedelta(hours=1), lambda: self.leaves(self.people[1]))
        self.at(MORNING + timedelta(hours=6), lambda: self.returns(self.people[1]))
        self.at(MORNING + timedelta(hours=3), lambda: self.leaves(self.people[2]))
        self.at(MORNING + timedelta(days=1), lambda: self.returns(self.people[2]))
        self.at(MORNING + MINUTE, self.sweep)
        while self.queue:
            when, _, what = heapq.heappop(self.queue)
            self.now = max(self.now, when)
            if self.now > MORNING + LIMIT:
                self.report.violations.append("The day does not end: tickets wait for ever.")
                break
            self.clock.move_to(self.now)
            what()
            self.watch()
        self.close()
        return self.report

    def sweep(self) -> None:
        """What the scheduler does, as long as a ticket is open."""
        sweep_queues()
        self.work()
        if Ticket.objects.filter(client=self.client).open().exists() or self.arrived < self.count:
            self.at(self.now + SWEEP, self.sweep)

    # -- what happens

    arrived = 0

    def arrives(self) -> None:
        """A ticket is opened, judged and routed."""
        self.arrived += 1
        severity = self.random.choices(_SEVERITIES, _WEIGHTS)[0]
        category = self.random.choices(("technical", "billing", "question"), (4, 3, 3))[0]
        language = "de" if self.random.random() < 0.15 else "en"
        text = "I want a refund." if self.random.random() < 0.06 else "Please help."
        actor = system_actor("Simulation")
        new = NewTicket(client=self.client, requester=self.requester, subject=f"Case {self.arrived}",
                        body=text, intent=TriageIntent.NONE)  # fmt: skip
        ticket = ticket_open(new=new, actor=actor)
        decision = route_decide(
            given=RoutingInput(
                client=self.client, taxonomy=self.taxonomy, category=category, category_confidence=0.9,
                severity=severity, severity_confidence=0.9, text=text, now=self.now,
            )
        )  # fmt: skip
        if decision.rule_id is not None:
            rule_hit(rule_id=decision.rule_id)
            self.report.routed += 1
        assert decision.team is not None
        values = {"category": category, "severity": severity, "language": language,
                  "priority": decision.priority or PRIORITY_OF_SEVERITY[severity],
                  "team": decision.team.slug}  # fmt: skip
        outcome = [FieldOutcome(field=name, value=value, state="applied", source="rules", confidence=0.9)
                   for name, value in values.items()]  # fmt: skip
        with transaction.atomic():
            locked = ticket_lock(ticket_id=ticket.pk)
            triage_apply(ticket=locked, outcome=TriageOutcome(run_uuid=uuid4(), fields=outcome))
        self.work()

    def work(self) -> None:
        """Everybody who is there and idle takes the own most pressing open ticket."""
        for user in User.objects.filter(pk__in=[user.pk for user in self.people]).order_by("pk"):
            if user.pk in self.busy or not user.is_present(now=self.now) or not _open_at(self.now):
                continue
            mine = Ticket.objects.filter(assignee=user, client=self.client, status__in=("new", "open"))
            ticket = min(mine, key=place_in_queue, default=None)
            if ticket is not None:
                self.busy.add(user.pk)
                spent = MINUTE * min(40.0, self.random.lognormvariate(1.9, 0.6))
                self.at(self.now + spent, lambda user=user, pk=ticket.pk: self.done(user, pk))

    def done(self, user: User, pk: int) -> None:
        """Solved, answered with a question, or put back; nothing where it was handed on meanwhile."""
        self.busy.discard(user.pk)
        ticket, actor = Ticket.objects.get(pk=pk), self.actor(user)
        if ticket.assignee_id == user.pk and ticket.status in {"new", "open"}:
            dice = self.random.random()
            if dice < 0.15:
                status_change(ticket=ticket, status="pending", actor=actor)
                wait = timedelta(minutes=self.random.uniform(15, 90))
                self.at(self.now + wait, lambda: self.answered(pk))
            elif dice < 0.19:
                ticket_assign(ticket=ticket, team=ticket.team, assignee=None, actor=actor)
                self.report.by_hand["put back into the queue"] += 1
            else:
                status_change(ticket=ticket, status="resolved", actor=actor)
                self.report.closed[user.username] += 1
        self.work()

    def answered(self, pk: int) -> None:
        """The requester writes back."""
        ticket = Ticket.objects.get(pk=pk)
        status_change(ticket=ticket, status="open", actor=system_actor("Simulation"))
        self.work()

    def lunch(self, user: User) -> None:
        """Three quarters of an hour, and back by itself."""
        fresh = User.objects.get(pk=user.pk)
        if fresh.is_present(now=self.now):
            presence_set(user=fresh, presence=Presence.AWAY, actor=self.actor(user), now=self.now,
                         until=self.now + timedelta(minutes=45))  # fmt: skip
            self.report.by_hand["lunches"] += 1

    def leaves(self, user: User) -> None:
        """Gone until further notice."""
        presence_set(user=user, presence=Presence.OFFLINE, actor=self.actor(user), now=self.now)
        self.report.by_hand["left during the day"] += 1

    def returns(self, user: User) -> None:
        """Back."""
        presence_set(user=user, presence=Presence.AVAILABLE, actor=self.actor(user), now=self.now)
        self.work()

    # -- what must hold

    def watch(self) -> None:
        """At every moment: nobody has more than the capacity."""
        for team in self.teams:
            for member in loads(team=team).select_related("user"):
                name, load = member.user.username, load_of(member)
                self.report.full[name] = member.capacity
                self.report.highest[name] = max(self.report.highest[name], load)
                if load > member.capacity:
                    self._broken(f"{name} has {load} of {member.capacity}")

    def assigned(self, *, ticket: Ticket, assignment: Assignment, **_: Any) -> None:
        """At every assignment: the person was there, in the team, and nobody was passed over."""
        person, team = assignment.assignee, assignment.team
        if person is None or team is None:
            return
        member = self.members[person.pk]
        present = User.objects.get(pk=person.pk).is_present(now=self.now)
        if not present or not _open_at(self.now) or member.team_id != team.pk:
            self._broken(f"{ticket.reference} went to {person.username}, who was not at work there")
        seats = [seat for seat in seats_at_work(team=team, now=self.now) if seat.member.pk == member.pk]
        for seat in seats:
            seat.load = 0
        ahead = [row for row in waiting_tickets(team=team) if place_in_queue(row) < place_in_queue(ticket)]
        resting, listed = resting_people(tickets=ahead, now=self.now), skills_listed(team=team)
        for row in ahead:
            rest = resting.get(row.pk, frozenset())
            if fitting(ticket=row, seats=seats, team=team, listed=listed, resting=rest):
                self._broken(f"{ticket.reference} was given out before ticket {row.pk}")

    def close(self) -> None:
        """In the evening: every ticket is accounted for."""
        report, rows = self.report, Ticket.objects.filter(client=self.client)
        report.ended = self.now
        states = Counter(rows.values_list("status", flat=True))
        if rows.count() != report.tickets or states != {"resolved": report.tickets}:
            self._broken(f"{report.tickets} opened, but {dict(states)}")
        if report.closed.total() != states["resolved"]:
            self._broken(f"{report.closed.total()} solved by somebody, {states['resolved']} in all")
        first: dict[int, datetime] = {}
        given = Assignment.objects.filter(ticket__client=self.client, assignee__isnull=False)
        for pk, at in given.order_by("created_at").values_list("ticket_id", "created_at"):
            first.setdefault(pk, at)
        for ticket in rows:
            if ticket.pk not in first:
                self._broken(f"{ticket.reference} never had anybody")
                continue
            waited = (first[ticket.pk] - ticket.created_at) / MINUTE
            report.waits.setdefault(ticket.priority, []).append(waited)
        report.hits = sum(RoutingRule.objects.filter(client=self.client).values_list("hit_count", flat=True))
        if report.hits != report.routed:
            self._broken(f"{report.routed} routed by rules, {report.hits} counted")

    def _broken(self, text: str) -> None:
        self.report.violations.append(f"{self.now:%H:%M} {text}.")


def _open_at(moment: datetime) -> bool:
    return OPENS <= moment.time() < CLOSES


def _within_hours(moment: datetime) -> datetime:
    """The moment, or the next one at which the house is open."""
    if moment.time() < OPENS:
        return datetime.combine(moment.date(), OPENS, UTC)
    if moment.time() >= CLOSES:
        return datetime.combine(moment.date() + timedelta(days=1), OPENS, UTC)
    return moment


@contextmanager
def _messages_arrive() -> Iterator[None]:
    """What is owed to the broker after a commit is done at once, as by a worker without a queue."""

    def deliver(*, args: tuple[Any, ...], retry: bool) -> None:
        hand_out(*args)

    with patch.object(hand_out, "apply_async", deliver):
        yield


def simulate(*, tickets: int, agents: int = 12, seed: int = 7) -> Report:
    """Play the day in the current database; returns the report. Its transactions must really commit."""
    with time_machine.travel(MORNING, tick=False) as clock, _messages_arrive():
        day = Day(tickets=tickets, agents=agents, seed=seed, clock=clock)
        events.ticket_assigned.connect(day.assigned, dispatch_uid="bench.day", weak=False)
        try:
            return day.run()
        finally:
            events.ticket_assigned.disconnect(dispatch_uid="bench.day")


def main() -> int:
    """Print the report; 1 where something was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=500)
    parser.add_argument("--agents", type=int, default=12, choices=range(3, 13))
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    runner = DiscoverRunner(verbosity=0, interactive=False)
    logging.disable(logging.INFO)
    databases = runner.setup_databases()
    try:
        report = simulate(tickets=options.tickets, agents=options.agents, seed=options.seed)
    finally:
        runner.teardown_databases(databases)
    print(f"Database: {settings.DATABASES['default']['ENGINE'].rsplit('.', 1)[-1]}, seed {options.seed}.")
    print("\n".join(report.lines()))
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
