"""Warnings and breaches: found by due time, taken once, told through the outbox (S4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from django.db import OperationalError, transaction

from common.actors import ActorKind, automation_actor
from sla.choices import Action, ClockState
from sla.models import Clock
from sla.services.clocks import clocks_repair, next_warning_set, warning_reached
from teams.services.notifications import notification_tell
from ticketing.choices import PRIORITY_ORDER, Severity
from ticketing.models import Ticket
from ticketing.services.assignments import AssignmentReason, ticket_assign
from ticketing.services.tickets import TicketChanges, ticket_lock, ticket_update

logger = structlog.get_logger(__name__)
_BATCH = 500
_ACTOR = automation_actor(ActorKind.RULE, "SLA")


def check_due(*, now: datetime) -> dict[str, int]:
    """Take every warning and breach that is due; two schedulers at once take each only once.

    The cost grows with what is due, not with what is open.
    """
    breached = sum(_alone(_breach, pk, now) for pk in _ids(Clock.objects.to_breach(now=now)))
    warned = sum(_alone(_warn, pk, now) for pk in _ids(Clock.objects.to_warn(now=now)))
    return {"breached": breached, "warned": warned, "repaired": clocks_repair(now=now)}


def _alone(take: Callable[[int, datetime], bool], clock_id: int, now: datetime) -> bool:
    """One clock that fails never stops the others; it stays due and is tried again."""
    try:
        return take(clock_id, now)
    except Exception:
        logger.exception("sla_check_failed", clock=clock_id)
        return False


def _ids(rows: object) -> list[int]:
    return list(rows.order_by("pk").values_list("pk", flat=True)[:_BATCH])  # type: ignore[attr-defined]


@transaction.atomic
def _breach(clock_id: int, now: datetime) -> bool:
    """The update that changes the row decides who tells.

    The ticket is locked before its clock, as everywhere: whoever answers it at this moment waits or is waited
    for. An action that a rule forbids is left out; when the database gives up, the clock stays due.
    """
    _lock_ticket(clock_id)
    taken = (
        Clock.objects.to_breach(now=now)
        .filter(pk=clock_id)
        .update(state=ClockState.BREACHED, breached_at=now, warn_at=None)
    )
    if not taken:
        return False
    clock = Clock.objects.select_related("ticket__client", "ticket__team", "policy").get(pk=clock_id)
    actions = clock.policy.actions if clock.policy else []
    if Action.NOTIFY in actions:
        _tell(clock, "breach")
    try:
        with transaction.atomic():
            _act(clock, actions)
    except OperationalError:
        raise
    except Exception:  # A promise that was broken is told, whatever an action of its policy does.
        logger.exception("sla_action_failed", ticket=clock.ticket.reference)
    return True


@transaction.atomic
def _warn(clock_id: int, now: datetime) -> bool:
    """Each percentage warns once."""
    _lock_ticket(clock_id)
    taken = Clock.objects.to_warn(now=now).filter(pk=clock_id).update(warn_at=None)
    if not taken:
        return False
    clock = Clock.objects.select_related("ticket__client", "ticket__team", "policy__calendar").get(
        pk=clock_id
    )
    percent = warning_reached(clock=clock)
    _tell(clock, f"warning-{percent}")
    next_warning_set(clock=clock, percent=percent)
    return True


def _lock_ticket(clock_id: int) -> None:
    ticket_id = Clock.objects.filter(pk=clock_id).values_list("ticket_id", flat=True).first()
    if ticket_id is not None:
        ticket_lock(ticket_id=ticket_id)


def _act(clock: Clock, actions: list[str]) -> None:
    ticket = clock.ticket
    if Action.RAISE_PRIORITY in actions:
        place = PRIORITY_ORDER.index(ticket.priority)
        if place + 1 < len(PRIORITY_ORDER):
            changes = TicketChanges(priority=PRIORITY_ORDER[place + 1])
            ticket_update(ticket=ticket, changes=changes, actor=_ACTOR)
    if Action.ESCALATE in actions:
        _escalate(ticket)


def _escalate(ticket: Ticket) -> None:
    """Hand over to the next team of the path; a team without one keeps the ticket."""
    if ticket.team is None:
        return
    step = ticket.team.escalation_steps.select_related("target").order_by("position").first()
    if step is not None and step.target.is_active:
        reason = AssignmentReason(text="The promise to the requester was not kept.")
        ticket_assign(ticket=ticket, team=step.target, assignee=None, actor=_ACTOR, reason=reason)


def _tell(clock: Clock, level: str) -> None:
    """One outbox row per clock, generation, level, channel and recipient, however often it is owed."""
    ticket = clock.ticket
    notification_tell(
        event_key=f"sla:{clock.pk}:{clock.generation}:{clock.minutes}:{level}",
        kind="sla.breach" if level == "breach" else "sla.warning",
        payload={
            "ticket": str(ticket.uuid),
            "reference": ticket.reference,
            "subject": ticket.subject,
            "kind": clock.get_kind_display().lower(),
            "level": level,
            "due_at": clock.due_at.isoformat() if clock.due_at else "",
        },
        client=ticket.client,
        team=ticket.team,
        people=[ticket.assignee] if ticket.assignee is not None else [],
        urgent=level == "breach" and ticket.severity == Severity.CRITICAL,
    )
