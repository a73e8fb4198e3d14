"""Tickets whose clocks a failed receiver left out: found in order, so that none is passed over (S4)."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef

from sla.ledger import ledger_of, spent
from sla.models import Clock, ClockProblem, RepairProgress
from sla.services.clocks import clocks_retarget, clocks_start
from sla.services.ledgers import SEGMENTS
from teams.calendar import CalendarNeverOpens
from ticketing.choices import Channel
from ticketing.models import Ticket
from ticketing.services.tickets import ticket_lock

logger = structlog.get_logger(__name__)
_LOOK_BACK = timedelta(days=30)
_SETTLED = timedelta(minutes=2)
_ROUND = timedelta(days=1)
_BACKOFF = timedelta(minutes=10)


def clocks_repair(*, now: datetime, limit: int = 2000) -> int:
    """Start the clocks that are missing; returns how many tickets were repaired.

    Looks at so many tickets a call, oldest first, from where the last call ended; a day after it began it
    starts again. What cannot be counted is kept as a ``ClockProblem``, tried again later, and holds up
    nothing.
    """
    progress, _ = RepairProgress.objects.get_or_create(pk=1, defaults={"began_at": now})
    position = progress.position
    if now - progress.began_at >= _ROUND:
        position = 0
        RepairProgress.objects.filter(pk=1).update(began_at=now)
    rows = Ticket.objects.filter(pk__gt=position, created_at__gte=now - _LOOK_BACK).order_by("pk")
    seen = list(rows.values_list("pk", "created_at")[:limit])
    settled = [pk for pk, created_at in seen if created_at <= now - _SETTLED]
    # Up to the first that is still being opened; later rows wait for it.
    young = next((pk for pk, created_at in seen if created_at > now - _SETTLED), None)
    ids = [pk for pk in settled if young is None or pk < young]
    repaired = sum(_repair(ticket, now) for ticket in _without_clocks(ids))
    # The place is kept after the work: a kill in between repeats it, which changes nothing.
    RepairProgress.objects.filter(pk=1).update(position=ids[-1] if ids else position)
    return repaired + _again(now)


def _without_clocks(ids: list[int]) -> list[Ticket]:
    rows = Ticket.objects.open().filter(~Exists(Clock.objects.filter(ticket=OuterRef("pk"))), pk__in=ids)
    return list(rows.exclude(channel=Channel.IMPORT).order_by("pk")) if ids else []


def _again(now: datetime) -> int:
    """Tickets that could not be counted before, when it is their turn."""
    due = ClockProblem.objects.filter(next_at__lte=now).select_related("ticket").order_by("next_at")[:200]
    return sum(_repair(problem.ticket, now) for problem in due)


def _repair(ticket: Ticket, now: datetime) -> bool:
    """One ticket that fails never stops the others; a person sees it in the back office."""
    try:
        made = clocks_start(ticket=ticket, now=now)
        if not made:
            with transaction.atomic():
                clocks_retarget(ticket=ticket_lock(ticket_id=ticket.pk), now=now)
    except Exception as error:  # A calendar that never opens, a row with a mistake: kept, and tried later.
        never = isinstance(error, CalendarNeverOpens)
        if not never:
            logger.exception("clock_repair_failed", ticket=ticket.reference)
        problem_keep(ticket=ticket, reason=str(error) if never else type(error).__name__, now=now)
        return False
    ClockProblem.objects.filter(ticket=ticket).delete()
    return bool(made)


def times_fill(*, limit: int = 500) -> int:
    """Keep the time used with clocks that ended before it was kept there; returns how many."""
    owed = Clock.objects.filter(used=None, stopped_at__isnull=False)
    ended = list(owed.order_by("pk").prefetch_related(SEGMENTS)[:limit])
    for clock in ended:
        clock.used = spent(ledger_of(clock), clock.stopped_at or clock.updated_at)
    if ended:
        # Through the same filter: one that lives again since it was read is left alone.
        owed.bulk_update(ended, ["used"], batch_size=200)
    return len(ended)


def problem_keep(*, ticket: Ticket, reason: str, now: datetime) -> None:
    """Remember that a ticket's promises cannot be counted; tried again with growing pauses, at most a day."""
    known = ClockProblem.objects.filter(ticket=ticket).first()
    attempts = known.attempts + 1 if known else 1
    wait = min(_BACKOFF * 2 ** min(attempts - 1, 10), timedelta(days=1))
    ClockProblem.objects.update_or_create(
        ticket=ticket, defaults={"reason": reason[:300], "attempts": attempts, "next_at": now + wait}
    )
