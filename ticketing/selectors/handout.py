"""Who of a team can take a ticket now, and which ticket is next (C17, R1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from teams.choices import AssignmentStrategy, SkillsMode
from teams.models import Team, TeamMember
from teams.selectors import calendar_is_open
from ticketing.choices import PRIORITY_ORDER
from ticketing.models import Assignment, Ticket
from ticketing.querysets import statuses_in

WAIT_PER_PRIORITY = timedelta(days=2)
"""One step of priority counts like this much waiting: a low ticket goes before an urgent one that came six
days later. So the order is settled once and for all, and nobody starves."""
REST = timedelta(hours=1)
"""A ticket that somebody put back into the queue is not given to the same person again for so long."""
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Seat:
    """A member at work with the room left; ``load`` may exceed the capacity where people assigned by hand."""

    member: TeamMember
    load: int

    @property
    def has_room(self) -> bool:
        """Whether one more ticket may be given automatically."""
        return self.load < self.member.capacity


def loads(*, team: Team) -> QuerySet[TeamMember]:
    """The team's members with ``load``: their tickets of this team that take up capacity."""
    kinds = ("open", "waiting") if team.waiting_counts else ("open",)
    counted = (
        Ticket.objects.filter(
            assignee=OuterRef("user"), team=OuterRef("team"), status__in=statuses_in(*kinds)
        )
        .order_by()
        .values("assignee")
        .annotate(count=Count("pk"))
        .values("count")
    )
    return TeamMember.objects.filter(team=team).annotate(
        load=Coalesce(Subquery(counted, output_field=IntegerField()), 0)
    )


def load_of(member: TeamMember) -> int:
    """The annotation of ``loads``."""
    load: int = member.load  # type: ignore[attr-defined]  # annotated
    return load


def is_at_work(member: TeamMember, team: Team, *, now: datetime) -> bool:
    """Present, and within the person's hours, else the team's; without either calendar always."""
    if not (member.user.is_active and member.user.is_present(now=now)):
        return False
    calendar = member.user.calendar or team.calendar
    return calendar is None or calendar_is_open(calendar, now=now)


def seats_at_work(*, team: Team, now: datetime) -> list[Seat]:
    """Members who can be given tickets now, with their load, in a constant number of queries."""
    rows = (
        loads(team=team)
        .select_related("user__calendar")
        .prefetch_related("user__clients", "user__calendar__intervals", "user__calendar__days")
        .order_by("pk")
    )
    return [Seat(member=row, load=load_of(row)) for row in rows if is_at_work(row, team, now=now)]


def needs_of(ticket: Ticket) -> frozenset[str]:
    """What a ticket could need of a person: its category, its language, its severity."""
    category = ticket.category.slug if ticket.category else ""
    return frozenset(word.casefold() for word in (category, ticket.language, ticket.severity) if word)


def skills_of(member: TeamMember) -> frozenset[str]:
    """What a member lists."""
    return frozenset(str(word).strip().casefold() for word in member.skills)


def skills_listed(*, team: Team) -> frozenset[str]:
    """Every skill that any member of the team lists, at work or not: others are needed by no ticket."""
    rows = TeamMember.objects.filter(team=team, user__is_active=True).values_list("skills", flat=True)
    return frozenset(str(word).strip().casefold() for skills in rows for word in skills)


def fitting(
    *, ticket: Ticket, seats: Iterable[Seat], team: Team, listed: frozenset[str], resting: frozenset[int]
) -> list[Seat]:
    """The seats with room that may take the ticket, best first.

    ``listed`` are the skills of the team, ``resting`` the people who have just put the ticket back.
    """
    needs = needs_of(ticket) & listed
    found = [
        seat
        for seat in seats
        if seat.has_room
        and seat.member.user_id not in resting
        and any(client.pk == ticket.client_id for client in seat.member.user.clients.all())
        and (team.skills_mode != SkillsMode.REQUIRE or needs <= skills_of(seat.member))
    ]
    return sorted(found, key=lambda seat: _turn(seat, team, needs))


def _turn(seat: Seat, team: Team, needs: frozenset[str]) -> tuple[Any, ...]:
    """More matching skills first; then by turn, or the emptiest desk and then by turn."""
    last = seat.member.last_assigned_at
    by_turn = (last is not None, last or _NEVER, seat.member.pk)
    matches = -len(needs & skills_of(seat.member))
    if team.strategy == AssignmentStrategy.LEAST_LOAD:
        return (matches, seat.load, *by_turn)
    return (matches, *by_turn)


def place_in_queue(ticket: Ticket) -> tuple[datetime, int]:
    """What waiting tickets are sorted by: the time of arrival, put earlier by the priority."""
    steps = PRIORITY_ORDER.index(ticket.priority)
    return ticket.created_at - steps * WAIT_PER_PRIORITY, ticket.pk


def waiting_rows(*, team_id: int) -> QuerySet[Ticket]:
    """Open tickets of a team that nobody has."""
    return Ticket.objects.filter(team=team_id, assignee=None, status__in=statuses_in("open"))


def waiting_tickets(*, team: Team) -> list[Ticket]:
    """The team's waiting tickets, the next one first."""
    rows = waiting_rows(team_id=team.pk).select_related("category")
    needed = (
        "priority", "created_at", "client_id", "team_id", "language", "severity", "category__slug",
    )  # fmt: skip
    return sorted(rows.only(*needed), key=place_in_queue)


def teams_with_waiting() -> list[Team]:
    """Teams in use that have a waiting ticket."""
    ids = (
        Ticket.objects.filter(assignee=None, status__in=statuses_in("open"), team__is_active=True)
        .order_by()
        .values_list("team_id", flat=True)
        .distinct()
    )
    return list(Team.objects.filter(pk__in=list(ids)).select_related("calendar").order_by("pk"))


def resting_people(*, tickets: Sequence[Ticket], now: datetime) -> Mapping[int, frozenset[int]]:
    """By ticket: who put it back within the last hour, or had it taken away by a person."""
    given_up = Assignment.objects.filter(
        ticket__in=[ticket.pk for ticket in tickets],
        assignee=None,
        actor_kind="user",
        created_at__gt=now - REST,
    ).values_list("ticket_id", flat=True)
    rows = (
        Assignment.objects.filter(ticket__in=set(given_up))
        .order_by("ticket_id", "created_at", "pk")
        .values_list("ticket_id", "team_id", "assignee_id", "actor_kind", "created_at")
    )
    found: dict[int, set[int]] = {}
    before: tuple[int, int | None, int | None] | None = None
    for ticket_id, team_id, assignee_id, kind, at in rows:
        lately_by_hand = assignee_id is None and kind == "user" and at > now - REST
        if lately_by_hand and before is not None and before[:2] == (ticket_id, team_id) and before[2]:
            found.setdefault(ticket_id, set()).add(before[2])
        before = (ticket_id, team_id, assignee_id)
    return {ticket_id: frozenset(people) for ticket_id, people in found.items()}


def is_anybody_waiting(*, team_id: int) -> bool:
    """Whether a team has a waiting ticket."""
    return waiting_rows(team_id=team_id).exists()
