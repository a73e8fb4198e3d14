"""Clocks follow their tickets: started, paused, resumed, stopped and promised anew (S3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from common.wording import recorded
from sla.choices import SegmentKind, TargetKind
from sla.ledger import (
    Ledger,
    Piece,
    begin,
    kind_in,
    ledger_of,
    percent_reached,
    promise_again,
    settle,
    spent,
    split,
    stop,
    switch,
)
from sla.models import Clock, Policy
from sla.selectors import Promises, ticket_history, unanswered_since
from sla.services.ledgers import SEGMENTS, ledgers_live, ledgers_save, next_dues_publish
from teams.models import CalendarVersion
from teams.services.calendars import version_current
from ticketing.choices import STATUS_CATEGORY, Channel, Status, StatusCategory
from ticketing.models import Ticket
from ticketing.services.tickets import ticket_lock

_ORDER = (TargetKind.FIRST_RESPONSE, TargetKind.NEXT_RESPONSE, TargetKind.RESOLUTION)


@transaction.atomic
def clocks_start(*, ticket: Ticket, now: datetime | None = None) -> list[Clock]:
    """Make the promises of a ticket that has none; starting twice changes nothing.

    Without a policy there are none, and none for imported history. A ticket that is found late is counted
    from its opening, with its pauses. Raises CalendarNeverOpens.
    """
    locked = ticket_lock(ticket_id=ticket.pk)
    if Clock.objects.filter(ticket=locked).exists():
        return []
    made = _start_missing(locked, Promises(), set(), now or timezone.now())
    if made:
        ledgers_save(ledgers=made)
    return [ledger.clock for ledger in made]


def clocks_retarget(*, ticket: Ticket, now: datetime | None = None) -> None:
    """Follow a change of severity, category or team; the time already spent and the pauses are kept.

    The caller holds the ticket's lock, as everybody does who publishes such a change.
    """
    now = now or timezone.now()
    tickets_recount(tickets=[ticket], promises=Promises(), since=now, now=now)


def tickets_recount(*, tickets: Sequence[Ticket], promises: Promises, since: datetime, now: datetime) -> int:
    """Let the clocks of tickets follow the policies and calendars as they are; returns how many were written.

    The caller holds the tickets' locks. Other hours count from ``since`` on. Raises CalendarNeverOpens.
    """
    live: dict[int, list[Ledger]] = defaultdict(list)
    for ledger in ledgers_live(ticket_ids=[ticket.pk for ticket in tickets]):
        live[ledger.clock.ticket_id].append(ledger)
    changed: list[Ledger] = []
    for ticket in tickets:
        policy = promises.policy_of(ticket)
        changed += [row for row in live[ticket.pk] if _follow(row, policy, ticket, since, now)]
        kinds = {ledger.clock.kind for ledger in live[ticket.pk]}
        changed += _start_missing(ticket, promises, kinds, now)
    if changed:
        ledgers_save(ledgers=changed)
    return len(changed)


def _follow(ledger: Ledger, policy: Policy | None, ticket: Ticket, since: datetime, now: datetime) -> bool:
    """One live clock under the policy that fits now; whether anything of it changed."""
    clock = ledger.clock
    minutes = policy.minutes_of(clock.kind, ticket.severity) if policy else None
    if policy is None or minutes is None:
        kind = recorded(TargetKind(clock.kind).label).lower()
        why = f"“{policy}” promises no {kind}." if policy else "No policy fits the ticket any more."
        stop(ledger, now, met=False, reason=why)
        return True
    before = _shape(ledger)
    _follow_hours(ledger, now)
    moved = policy.pk != clock.policy_id
    clock.policy, clock.minutes = policy, minutes
    split(ledger, since, _version(policy, now), f"“{policy}” applies." if moved else "Other hours apply.")
    promise_again(ledger, now)
    settle(ledger)
    return before != _shape(ledger)


def _shape(ledger: Ledger) -> tuple[object, ...]:
    """What a change of policy or calendar can change."""
    clock = ledger.clock
    versions = tuple(row.version_id for row in ledger.segments)
    told = (clock.generation, clock.warned_percent, clock.breached_at)
    return clock.policy_id, clock.minutes, clock.state, clock.due_at, clock.warn_at, told, versions


def _follow_hours(ledger: Ledger, now: datetime) -> None:
    """Versions that were published since the segment opened count from their own moment on.

    So it does not matter when the task that follows a calendar comes to a clock.
    """
    row = ledger.open
    if row is None or row.version is None:
        return
    number = row.version.number
    calendar_id = row.version.calendar_id
    newer = CalendarVersion.objects.filter(calendar=calendar_id, number__gt=number, since__lte=now)
    for version in newer.order_by("number"):
        split(ledger, version.since, version, f"The calendar changed to version {version.number}.")


def _version(policy: Policy, now: datetime) -> CalendarVersion | None:
    return version_current(calendar=policy.calendar, now=now) if policy.calendar else None


def _start_missing(ticket: Ticket, promises: Promises, live: set[str], now: datetime) -> list[Ledger]:
    """Clocks of the kinds that are promised and owed but not counted yet."""
    policy = promises.policy_of(ticket)
    if policy is None or not ticket.is_open or ticket.channel == Channel.IMPORT:
        return []
    made = []
    for kind in _ORDER:
        # A next response is owed only where the first one was given.
        owed = kind == TargetKind.RESOLUTION or (
            (kind == TargetKind.FIRST_RESPONSE) == (ticket.first_response_at is None)
        )
        minutes = policy.minutes_of(kind, ticket.severity)
        if owed and kind not in live and minutes is not None:
            ledger = _start(ticket, policy, kind, minutes, now)
            made += [ledger] if ledger else []
    return made


def _start(ticket: Ticket, policy: Policy, kind: str, minutes: int, now: datetime) -> Ledger | None:
    """A new generation. What an earlier one has spent of the same promise is carried over (reopening)."""
    begins = unanswered_since(ticket) if kind == TargetKind.NEXT_RESPONSE else ticket.created_at
    if begins is None:
        return None
    rows = Clock.objects.filter(ticket=ticket, kind=kind).order_by("-generation")
    latest = rows.select_related("policy").prefetch_related(SEGMENTS).first()
    clock = Clock(ticket=ticket, kind=kind, policy=policy, minutes=minutes, started_at=begins)
    ledger = Ledger(clock, [])
    if latest is not None:
        clock.generation = latest.generation + 1
        if latest.stopped_at is not None and latest.started_at >= begins:
            _carry(ledger, ledger_of(latest), latest.stopped_at)
    pieces = _pieces(ticket, kind, clock.started_at)
    begin(ledger, pieces, _versions(policy, now))
    return ledger


def _carry(ledger: Ledger, earlier: Ledger, stopped_at: datetime) -> None:
    """Count on from where the earlier generation stopped; what it told and what it broke stay so."""
    clock, before = ledger.clock, earlier.clock
    clock.carried = spent(earlier, stopped_at)
    clock.started_at = stopped_at
    if before.breached_at is not None and clock.carried >= ledger.target:
        clock.breached_at, clock.noticed_at = before.breached_at, before.noticed_at
    clock.warned_percent = percent_reached(ledger, stopped_at)


def _pieces(ticket: Ticket, kind: str, since: datetime) -> list[Piece]:
    """When a clock ran and rested since a moment, from the history of the ticket's status."""
    pieces: list[Piece] = []
    for status, label, starts, ends in ticket_history(ticket, since):
        runs = kind_in(STATUS_CATEGORY[status], kind)
        if pieces and pieces[-1].kind == runs:
            pieces[-1] = Piece(runs, pieces[-1].starts, ends, pieces[-1].reason)
        else:
            first = not pieces and runs == SegmentKind.RUNNING
            pieces.append(Piece(runs, starts, ends, "Started." if first else f"Ticket is {label.lower()}."))
    return pieces


def _versions(policy: Policy, now: datetime) -> list[CalendarVersion]:
    if policy.calendar is None:
        return []
    version_current(calendar=policy.calendar, now=now)
    return list(policy.calendar.versions.order_by("number"))


@transaction.atomic
def clocks_follow_status(*, ticket: Ticket, now: datetime | None = None) -> None:
    """Waiting pauses, but never the first response; resolved and closed stop; open again resumes (S3).

    Reopening is a new generation that counts on with the time already spent; the time in between is none.
    """
    now = now or timezone.now()
    category = ticket.status_category
    ledgers = ledgers_live(ticket_ids=[ticket.pk])
    label = recorded(Status(ticket.status).label).lower()
    for ledger in ledgers:
        _follow_hours(ledger, now)
        if category in {StatusCategory.RESOLVED, StatusCategory.CLOSED}:
            _end(ledger, ticket, now)
        else:
            switch(ledger, kind_in(category, ledger.clock.kind), now, f"Ticket is {label}.")
            settle(ledger)
    kinds = {ledger.clock.kind for ledger in ledgers}
    if TargetKind.RESOLUTION not in kinds:
        ledgers += _start_missing(ticket, Promises(), kinds, now)
    if ledgers:
        ledgers_save(ledgers=ledgers)
    else:
        next_dues_publish(ticket_ids=[ticket.pk])


@transaction.atomic
def clocks_follow_merge(*, ticket: Ticket, now: datetime | None = None) -> None:
    """A merged ticket promises nothing: its clocks pause, so that no promise counts as kept or broken."""
    _switch_all(ticket, "Merged into another ticket.", now or timezone.now(), paused=True)


@transaction.atomic
def clocks_follow_unmerge(*, ticket: Ticket, now: datetime | None = None) -> None:
    """The promises go on where they paused; what had been spent before stays spent."""
    _switch_all(ticket, "The merge was taken back.", now or timezone.now(), paused=False)


def _switch_all(ticket: Ticket, reason: str, now: datetime, *, paused: bool) -> None:
    ledgers = ledgers_live(ticket_ids=[ticket.pk])
    for ledger in ledgers:
        _follow_hours(ledger, now)
        kind = SegmentKind.PAUSED if paused else kind_in(ticket.status_category, ledger.clock.kind)
        switch(ledger, kind, now, reason)
        settle(ledger)
    ledgers_save(ledgers=ledgers)


def _end(ledger: Ledger, ticket: Ticket, now: datetime) -> None:
    """Resolving keeps the resolution; a response that nobody wrote is neither kept nor, in time, broken."""
    kind = ledger.clock.kind
    if kind == TargetKind.FIRST_RESPONSE and ticket.first_response_at is not None:
        stop(ledger, ticket.first_response_at, met=True)
    else:
        why = f"The ticket was {recorded(Status(ticket.status).label).lower()} without a response."
        stop(ledger, now, met=kind == TargetKind.RESOLUTION, reason=why)


@transaction.atomic
def clocks_follow_reply(*, ticket: Ticket, by_requester: bool, by_person: bool, now: datetime) -> None:
    """A person's public reply answers; a requester's asks again. Automated replies count for nothing.

    A next-response promise never replaces a first response that is still owed, and of several messages before
    the answer the first one's deadline stands.
    """
    responses = {TargetKind.FIRST_RESPONSE, TargetKind.NEXT_RESPONSE}
    live = [row for row in ledgers_live(ticket_ids=[ticket.pk]) if row.clock.kind in responses]
    changed: list[Ledger] = []
    if by_person:
        for ledger in live:
            _follow_hours(ledger, now)
            stop(ledger, now, met=True)
        changed = live
    elif by_requester and not live and ticket.first_response_at is not None:
        changed = _ask_again(ticket, now)
    if changed:
        ledgers_save(ledgers=changed)


def _ask_again(ticket: Ticket, now: datetime) -> list[Ledger]:
    """The next response, owed from this message on, whatever the ticket waited for before."""
    policy = Promises().policy_of(ticket)
    kind = TargetKind.NEXT_RESPONSE
    minutes = policy.minutes_of(kind, ticket.severity) if policy else None
    if policy is None or minutes is None:
        return []
    latest = Clock.objects.filter(ticket=ticket, kind=kind).order_by("-generation").first()
    clock = Clock(
        ticket=ticket,
        kind=kind,
        generation=latest.generation + 1 if latest else 1,
        policy=policy,
        minutes=minutes,
        started_at=now,
    )
    ledger = Ledger(clock, [])
    begin(ledger, [Piece(SegmentKind.RUNNING, now, None, "The requester wrote.")], _versions(policy, now))
    return [ledger]
