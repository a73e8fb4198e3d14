"""Warnings and breaches: found by due time, claimed in sets, told through the outbox (S4).

Whoever holds a ticket's lock decides about its clocks, here as everywhere. A batch locks the tickets that
nobody holds, reads again which of their clocks are due and marks those with one statement: five schedulers at
once share the work and never wait for each other. A ticket that somebody is just answering is left for the
next round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from django.db import OperationalError, transaction
from django.db.models import F

from common.actors import ActorKind, automation_actor
from sla.choices import Action, ClockState
from sla.ledger import LATE_CHECK, ledger_of, percent_reached, settle
from sla.models import Clock
from sla.querysets import ClockQuerySet
from sla.services.ledgers import SEGMENTS
from sla.services.repair import clocks_repair
from teams.services.outbox import NewNotification, notifications_owe
from ticketing.choices import PRIORITY_ORDER
from ticketing.models import Ticket
from ticketing.services.assignments import AssignmentReason, ticket_assign
from ticketing.services.tickets import TicketChanges, ticket_lock, ticket_update, tickets_lock_free

logger = structlog.get_logger(__name__)
BATCH = 500
LIMIT = 20_000
"""Clocks a call takes at most; what is left is due a minute later."""

ACTIONS = 500
_ACTOR = automation_actor(ActorKind.RULE, "SLA")

Due = Sequence[tuple[int, int]]
"""Clock and ticket ids."""


def check_due(*, now: datetime) -> dict[str, int]:
    """Take every warning and breach that is due, the oldest first; any number of schedulers take each only
    once.

    The cost grows with what is due, not with what is open. ``acted`` counts breaches whose escalation was
    done.
    """
    breached = _take(_breach, Clock.objects.to_breach(now=now).order_by("due_at"), now)
    warned = _take(_warn, Clock.objects.to_warn(now=now).order_by("warn_at"), now)
    return {
        "breached": breached,
        "warned": warned,
        "acted": actions_do(),
        "repaired": clocks_repair(now=now),
    }


def _take(work: Callable[[Due, datetime], int], rows: ClockQuerySet, now: datetime) -> int:
    due = list(rows.values_list("pk", "ticket_id")[:LIMIT])
    return sum(_batch(work, due[start : start + BATCH], now) for start in range(0, len(due), BATCH))


def _batch(work: Callable[[Due, datetime], int], due: Due, now: datetime) -> int:
    """One clock that fails stops no other: the batch is halved until it stands alone, and stays due."""
    try:
        with transaction.atomic():
            return work(due, now)
    except Exception:
        if len(due) == 1:
            logger.exception("sla_check_failed", clock=due[0][0])
            return 0
    middle = len(due) // 2
    return _batch(work, due[:middle], now) + _batch(work, due[middle:], now)


def _claimed(rows: ClockQuerySet, due: Due) -> tuple[list[Clock], dict[int, Ticket]]:
    """The clocks that are still due, under the locks of their tickets and their own; and those tickets."""
    tickets = {row.pk: row for row in tickets_lock_free(ticket_ids=[ticket for _, ticket in due])}
    mine = rows.filter(pk__in=[pk for pk, _ in due], ticket__in=tickets)
    locked = mine.select_for_update(of=("self",), no_key=True).select_related("policy").order_by("pk")
    return list(locked), tickets


def _breach(due: Due, now: datetime) -> int:
    """A promise is broken at its deadline, whenever that is noticed. Other actions than telling are owed."""
    clocks, tickets = _claimed(Clock.objects.to_breach(now=now), due)
    if not clocks:
        return 0
    Clock.objects.filter(pk__in=[clock.pk for clock in clocks]).update(
        state=ClockState.BREACHED, breached_at=F("due_at"), noticed_at=now, warn_at=None, updated_at=now
    )
    acting = [clock.pk for clock in clocks if set(_actions(clock)) - {Action.NOTIFY}]
    if acting:
        Clock.objects.filter(pk__in=acting).update(actions_owed=True)
    told = [clock for clock in clocks if Action.NOTIFY in _actions(clock)]
    _tell([(clock, "breach", clock.due_at) for clock in told], tickets, now)
    return len(clocks)


def _actions(clock: Clock) -> list[str]:
    return list(clock.policy.actions) if clock.policy else []


def _warn(due: Due, now: datetime) -> int:
    """Each percentage warns once; when no scheduler ran for a while, only the highest reached does."""
    clocks, tickets = _claimed(Clock.objects.to_warn(now=now).prefetch_related(SEGMENTS), due)
    told = []
    for clock in clocks:
        ledger, since = ledger_of(clock), clock.warn_at
        reached = percent_reached(ledger, now)
        if reached > clock.warned_percent:
            told.append((clock, f"warning-{reached}", since))
            clock.warned_percent = reached
        clock.updated_at = now
        settle(ledger)
    if clocks:
        Clock.objects.bulk_update(clocks, ["warned_percent", "warn_at", "updated_at"])
        _tell(told, tickets, now)
    return len(told)


def actions_do() -> int:
    """Escalate the breaches that are owed it, each once; returns how many."""
    owed = Clock.objects.filter(actions_owed=True).order_by("pk")
    return sum(_act_alone(*row) for row in list(owed.values_list("pk", "ticket_id")[:ACTIONS]))


def _act_alone(clock_id: int, ticket_id: int) -> bool:
    """The mark goes with the actions in one transaction; when the database gives up, they stay owed.

    An action that a rule forbids is left out: a promise that was broken is told, whatever its policy asks.
    """
    try:
        with transaction.atomic():
            ticket = ticket_lock(ticket_id=ticket_id)
            mine = Clock.objects.filter(pk=clock_id, actions_owed=True)
            if not mine.update(actions_owed=False):
                return False
            _act_allowed(ticket, Clock.objects.select_related("policy").get(pk=clock_id))
    except OperationalError:
        logger.exception("sla_action_postponed", clock=clock_id)
        return False
    return True


def _act_allowed(ticket: Ticket, clock: Clock) -> None:
    try:
        with transaction.atomic():
            _act(ticket, _actions(clock))
    except OperationalError:
        raise
    except Exception:  # What forbids one action costs no other ticket its own.
        logger.exception("sla_action_failed", ticket=ticket.reference)


def _act(ticket: Ticket, actions: list[str]) -> None:
    if Action.RAISE_PRIORITY in actions:
        place = PRIORITY_ORDER.index(ticket.priority)
        if place + 1 < len(PRIORITY_ORDER):
            changes = TicketChanges(priority=PRIORITY_ORDER[place + 1])
            ticket = ticket_update(ticket=ticket, changes=changes, actor=_ACTOR)
    if Action.ESCALATE in actions:
        _escalate(ticket)


def _escalate(ticket: Ticket) -> None:
    """Hand over to the next team of the path; a team without one keeps the ticket."""
    if ticket.team is None:
        return
    steps = ticket.team.escalation_steps.select_related("target").order_by("position")
    step = steps.filter(target__is_active=True).first()
    if step is not None:
        reason = AssignmentReason(text="The promise to the requester was not kept.")
        ticket_assign(ticket=ticket, team=step.target, assignee=None, actor=_ACTOR, reason=reason)


Told = tuple[Clock, str, datetime | None]
"""A clock, the level that is told of it, and since when that holds."""


def _tell(told: Sequence[Told], tickets: dict[int, Ticket], now: datetime) -> None:
    """One outbox row per clock, generation, level, channel and recipient, however often it is owed."""
    notifications_owe(
        new=[
            NewNotification(
                event_key=f"sla:{clock.pk}:{clock.generation}:{level}",
                kind="sla.breach" if level == "breach" else "sla.warning",
                channel="email",
                recipient=address,
                payload=_payload(clock, level, tickets[clock.ticket_id], since, now),
                client_id=tickets[clock.ticket_id].client_id,
            )
            for clock, level, since in told
            for address in sorted(_recipients(tickets[clock.ticket_id]))
        ]
    )


def _payload(
    clock: Clock, level: str, ticket: Ticket, since: datetime | None, now: datetime
) -> dict[str, object]:
    """What the notice says; ``noticed_late_seconds`` only when the checks had stopped."""
    payload: dict[str, object] = {
        "reference": ticket.reference,
        "subject": ticket.subject,
        "kind": clock.get_kind_display().lower(),
        "level": level,
        "due_at": clock.due_at.isoformat() if clock.due_at else "",
    }
    if since is not None and now - since > LATE_CHECK:
        payload["noticed_late_seconds"] = round((now - since).total_seconds())
    return payload


def _recipients(ticket: Ticket) -> set[str]:
    addresses: set[str] = set()
    if ticket.team is not None:
        addresses |= {str(address) for address in ticket.team.notify_addresses if "@" in str(address)}
    if ticket.assignee is not None and ticket.assignee.email:
        addresses.add(ticket.assignee.email)
    return addresses
