"""Clocks after a change of status that was taken back: as if it had never been made (S3, T9)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from sla.choices import TargetKind
from sla.ledger import Ledger, ledger_of, settle
from sla.models import Clock, Segment
from sla.selectors import unanswered_since
from sla.services.clocks import clocks_follow_status, clocks_retarget
from sla.services.ledgers import SEGMENTS, ledgers_save
from ticketing.models import Ticket
from ticketing.services.tickets import ticket_lock


@transaction.atomic
def clocks_take_back(*, ticket: Ticket, since: datetime, now: datetime | None = None) -> None:
    """Undo what a change of status did to a ticket's clocks; ``since`` is when it was made.

    Promises that it ended live again, those it paused or resumed go on as before, so that the time in between
    counts as it would have; generations that a reopening began are removed. What was told stays told, and an
    answer that was given meanwhile stays an answer. Raises CalendarNeverOpens.
    """
    now = now or timezone.now()
    locked = ticket_lock(ticket_id=ticket.pk)
    if locked.is_open:
        ledgers_save(ledgers=[_as_before(clock, since) for clock in _touched(locked, since)])
    else:
        begun = Clock.objects.filter(ticket=locked, stopped_at=None, created_at__gte=since, generation__gt=1)
        begun.exclude(kind=TargetKind.NEXT_RESPONSE, carried=Clock().carried).delete()
    clocks_follow_status(ticket=locked, now=now)
    clocks_retarget(ticket=locked, now=now)


def _touched(ticket: Ticket, since: datetime) -> list[Clock]:
    """Live clocks, and the latest of each other kind where the change of status ended it unanswered."""
    by_status = Q(kind=TargetKind.RESOLUTION) | ~Q(reason="")
    rows = Clock.objects.filter(ticket=ticket).filter(
        Q(stopped_at=None) | (Q(stopped_at__gte=since) & by_status)
    )
    locked = rows.select_for_update(of=("self",), no_key=True).select_related("policy__calendar")
    latest: dict[str, Clock] = {}
    for clock in locked.order_by("generation").prefetch_related(SEGMENTS):
        latest[clock.kind] = clock
    answered: dict[str, bool] = {
        TargetKind.FIRST_RESPONSE: ticket.first_response_at is not None,
        TargetKind.NEXT_RESPONSE: unanswered_since(ticket) is None,
    }
    return [
        clock for kind, clock in latest.items() if clock.stopped_at is None or not answered.get(kind, False)
    ]


def _as_before(clock: Clock, since: datetime) -> Ledger:
    """The ledger without what came after a moment, its last segment open again."""
    ledger = ledger_of(clock)
    later = [row.pk for row in ledger.segments[1:] if row.started_at >= since]
    if later:
        Segment.objects.filter(pk__in=later).delete()
        ledger.segments = [row for row in ledger.segments if row.pk not in later]
    if ledger.segments:
        ledger.segments[-1].ended_at = None
    clock.stopped_at, clock.used, clock.reason = None, None, ""
    if clock.noticed_at is None:
        clock.breached_at = None
    settle(ledger)
    return ledger
