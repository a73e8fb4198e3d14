"""Giving tickets to people: the next one in a team, and the queue of those that wait (C17, R1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from common.actors import system_actor
from teams.choices import AssignmentStrategy
from teams.models import Team, TeamMember, User
from ticketing.models import Ticket
from ticketing.querysets import statuses_in
from ticketing.selectors.handout import (
    Seat,
    fitting,
    place_in_queue,
    resting_people,
    seats_at_work,
    skills_listed,
    teams_with_waiting,
    waiting_tickets,
)
from ticketing.services.assignments import AssignmentReason, ticket_assign
from ticketing.services.tickets import ticket_lock

logger = structlog.get_logger(__name__)
_FROM_QUEUE = AssignmentReason(text="Somebody has room again; this ticket was the next in the queue.")


@transaction.atomic
def person_pick(
    *, team: Team, ticket: Ticket, now: datetime | None = None, in_order: bool = True
) -> User | None:
    """The member who gets ``ticket``: at work, serving the client, with room and skills; None for nobody.

    Round robin takes who waited longest since the last assignment; least load takes the emptiest desk. The
    members stay locked until the caller's transaction ends, so the caller assigns in it: two at once never
    exceed a capacity. With ``in_order`` the ticket does not jump the queue: where one that waits goes before
    it and fits, nobody is picked, and the queue is given out after the commit.
    """
    if team.strategy == AssignmentStrategy.MANUAL or not team.is_active:
        return None
    now = now or timezone.now()
    # Always the ticket before the members: the other way round two writers wait for each other for ever.
    ticket_lock(ticket_id=ticket.pk)
    _members_lock(team)
    seats, listed = seats_at_work(team=team, now=now), skills_listed(team=team)
    resting = resting_people(tickets=[ticket], now=now)
    found = fitting(
        ticket=ticket, seats=seats, team=team, listed=listed, resting=resting.get(ticket.pk, frozenset())
    )
    if not found or (in_order and _others_go_first(ticket, found, team, listed, now)):
        return None
    member = found[0].member
    TeamMember.objects.filter(pk=member.pk).update(last_assigned_at=now)
    return member.user


def _members_lock(team: Team) -> None:
    """In the order of their keys; on SQLite the immediate transaction is the lock."""
    rows = TeamMember.objects.select_for_update(of=("self",), no_key=True).filter(team=team)
    list(rows.order_by("pk").values_list("pk", flat=True))


def _others_go_first(
    ticket: Ticket, found: list[Seat], team: Team, listed: frozenset[str], now: datetime
) -> bool:
    place = place_in_queue(ticket)
    ahead = [row for row in waiting_tickets(team=team) if row.pk != ticket.pk and place_in_queue(row) < place]
    resting = resting_people(tickets=ahead, now=now) if ahead else {}
    return any(
        fitting(ticket=row, seats=found, team=team, listed=listed, resting=resting.get(row.pk, frozenset()))
        for row in ahead
    )


def waiting_hand_out(*, team: Team, now: datetime) -> int:
    """Give every waiting ticket of the team that fits to somebody, in order; returns how many.

    Each in a transaction of its own: one that fails never stops the others. Safe to run twice at once: a
    ticket somebody else is changing is left for the next time.
    """
    if team.strategy == AssignmentStrategy.MANUAL or not team.is_active:
        return 0
    waiting = waiting_tickets(team=team)
    if not waiting:
        return 0
    resting = resting_people(tickets=waiting, now=now)
    listed, seats, given = skills_listed(team=team), seats_at_work(team=team, now=now), 0
    for ticket in waiting:
        if not any(seat.has_room for seat in seats):
            break
        if not fitting(
            ticket=ticket, seats=seats, team=team, listed=listed, resting=resting.get(ticket.pk, frozenset())
        ):
            continue
        person = _try_to_give(ticket.pk, team, now)
        if person is None:
            continue
        given += 1
        _seat_taken(seats, person, now)
    return given


def _seat_taken(seats: list[Seat], person: User, now: datetime) -> None:
    """What the assignment changed, without asking for every seat again: it was asked for under the lock."""
    for seat in seats:
        if seat.member.user_id == person.pk:
            seat.load += 1
            seat.member.last_assigned_at = now


def _try_to_give(ticket_id: int, team: Team, now: datetime) -> User | None:
    try:
        return _give(ticket_id, team, now)
    except Exception:  # the outer edge of a loop: one ticket never stops the queue
        logger.exception("hand_out_failed", ticket=ticket_id, team=team.slug)
        return None


@transaction.atomic
def _give(ticket_id: int, team: Team, now: datetime) -> User | None:
    """Claim the ticket if it still waits, and assign it; None when it no longer does or nobody fits."""
    claimed = (
        Ticket.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
        .filter(pk=ticket_id, team=team, assignee=None, status__in=statuses_in("open"))
        .first()
    )
    if claimed is None:
        return None
    person = person_pick(team=team, ticket=claimed, now=now, in_order=False)
    if person is None:
        return None
    ticket_assign(
        ticket=claimed, team=team, assignee=person, actor=system_actor("Routing"), reason=_FROM_QUEUE
    )
    return person


def queues_hand_out(*, now: datetime) -> Mapping[str, int]:
    """Give out the waiting tickets of every team; how many, by team. A broken team stops no other."""
    given: dict[str, int] = {}
    for team in teams_with_waiting():
        try:
            given[team.slug] = waiting_hand_out(team=team, now=now)
        except Exception:  # the outer edge of a loop: one team never stops the sweep
            logger.exception("queue_hand_out_failed", team=team.slug)
    return given
