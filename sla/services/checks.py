"""Warnings and breaches: found by due time, claimed in sets, told through the outbox (S4).

Whoever holds a ticket's lock decides about its clocks, here as everywhere. A batch locks the tickets that
nobody holds, reads again which of their clocks are due and marks those with one statement: five schedulers at
once share the work and never wait for each other. A ticket that somebody is just answering is left for the
next round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import OperationalError, transaction
from django.db.models import F

from common.actors import ActorKind, automation_actor
from common.wording import recorded
from sla.choices import Action, ClockState, TargetKind
from sla.ledger import LATE_CHECK, ledger_of, percent_reached, settle
from sla.models import Clock
from sla.querysets import ClockQuerySet
from sla.services.ledgers import SEGMENTS
from sla.services.repair import clocks_repair, times_fill
from teams.services.notifications import News, notifications_tell
from ticketing.choices import PRIORITY_ORDER, Severity
from ticketing.models import Ticket
from ticketing.selectors.escalation import escalation_next
from ticketing.services.escalation import ticket_escalate
from ticketing.services.tickets import TicketChanges, ticket_lock, ticket_update, tickets_lock_free

logger = structlog.get_logger(__name__)
BATCH = 500
LIMIT = 20_000
"""Clocks a call takes at most; what is left is due a minute later."""

ACTIONS = 500
_ACTOR = automation_actor(ActorKind.RULE, "SLA")

Due = Sequence[tuple[int, int]]
"""Clock and ticket ids."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell of a clock: the level, and since when it holds."""

    clock_id: int
    generation: int
    kind: str
    ticket_id: int
    level: str
    due_at: datetime | None
    since: datetime | None


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
        "filled": times_fill(),
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


class ClaimLost(RuntimeError):
    """Somebody changed a clock without its ticket's lock; the batch is undone and tried again in parts."""


def _due_still(rows: ClockQuerySet, due: Due) -> ClockQuerySet:
    """Those of the clocks that are due still, now that their tickets are locked."""
    locked = tickets_lock_free(ticket_ids=[ticket_id for _, ticket_id in due])
    return rows.filter(pk__in=[pk for pk, _ in due], ticket__in=locked).order_by("pk")


def _breach(due: Due, now: datetime) -> int:
    """A promise is broken at its deadline, whenever that is noticed. Other actions than telling are owed."""
    rows = _due_still(Clock.objects.to_breach(now=now), due)
    names = ("pk", "generation", "kind", "ticket_id", "due_at", "policy__actions")
    claimed = [
        (Notice(pk, generation, kind, ticket_id, "breach", due_at, since=due_at), actions or [])
        for pk, generation, kind, ticket_id, due_at, actions in rows.values_list(*names)
    ]
    if not claimed:
        return 0
    acting = [notice.clock_id for notice, actions in claimed if set(actions) - {Action.NOTIFY}]
    mine = Clock.objects.to_breach(now=now).filter(pk__in=[notice.clock_id for notice, _ in claimed])
    taken = mine.update(
        state=ClockState.BREACHED, breached_at=F("due_at"), noticed_at=now, warn_at=None, updated_at=now
    )
    if taken != len(claimed):
        raise ClaimLost
    if acting:
        Clock.objects.filter(pk__in=acting).update(actions_owed=True)
    _tell([notice for notice, actions in claimed if Action.NOTIFY in actions], now)
    return taken


def _warn(due: Due, now: datetime) -> int:
    """Each percentage warns once; when no scheduler ran for a while, only the highest reached does."""
    rows = _due_still(Clock.objects.to_warn(now=now), due).select_related("policy")
    told: list[Notice] = []
    moved: dict[tuple[int, timedelta | None], list[int]] = defaultdict(list)
    for clock in rows.prefetch_related(SEGMENTS):
        ledger, since = ledger_of(clock), clock.warn_at
        reached = max(percent_reached(ledger, now), clock.warned_percent)
        if reached > clock.warned_percent:
            level = f"warning-{reached}"
            facts = (clock.pk, clock.generation, clock.kind, clock.ticket_id)
            told.append(Notice(*facts, level, clock.due_at, since))
            clock.warned_percent = reached
        settle(ledger)
        ahead = clock.warn_at - since if clock.warn_at and since else None
        moved[reached, ahead].append(clock.pk)
    # Clocks with the same target go on by the same time: few statements for many clocks.
    for (reached, ahead), ids in moved.items():
        following = F("warn_at") + ahead if ahead is not None else None
        mine = Clock.objects.to_warn(now=now).filter(pk__in=ids)
        if mine.update(warned_percent=reached, warn_at=following, updated_at=now) != len(ids):
            raise ClaimLost
    _tell(told, now)
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
            _act(ticket, clock.policy.actions if clock.policy else [])
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
    """Hand over to the next team of the path; at its end the ticket stays where it is."""
    if ticket.is_open and escalation_next(ticket=ticket) is not None:
        ticket_escalate(ticket=ticket, actor=_ACTOR, reason="The promise to the requester was not kept.")


def _tell(notices: Sequence[Notice], now: datetime) -> None:
    """One outbox row per clock, generation, level, channel and recipient, however often it is owed."""
    names = ("pk", "uuid", "reference", "subject", "severity", "client_id", "team_id", "assignee_id")
    tickets = Ticket.objects.filter(pk__in={notice.ticket_id for notice in notices}).values(*names)
    facts = {row["pk"]: row for row in tickets}
    notifications_tell(news=[_news(notice, facts[notice.ticket_id], now) for notice in notices])


def _news(notice: Notice, ticket: Mapping[str, Any], now: datetime) -> News:
    is_breach = notice.level == "breach"
    return News(
        event_key=f"sla:{notice.clock_id}:{notice.generation}:{notice.level}",
        kind="sla.breach" if is_breach else "sla.warning",
        payload=_payload(notice, ticket, now),
        client_id=ticket["client_id"],
        team_id=ticket["team_id"],
        user_ids={ticket["assignee_id"]} - {None},
        urgent=is_breach and ticket["severity"] == Severity.CRITICAL,
    )


def _payload(notice: Notice, ticket: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What the notice says; ``noticed_late_seconds`` only when the checks had stopped."""
    payload = {
        "ticket": str(ticket["uuid"]),
        "reference": ticket["reference"],
        "subject": ticket["subject"],
        "kind": recorded(TargetKind(notice.kind).label).lower(),
        "level": notice.level,
        "due_at": notice.due_at.isoformat() if notice.due_at else "",
    }
    if notice.since is not None and now - notice.since > LATE_CHECK:
        payload["noticed_late_seconds"] = round((now - notice.since).total_seconds())
    return payload
