"""Reading ledgers under their tickets' locks and writing them back, many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Min, Prefetch
from django.utils import timezone

from sla.ledger import Ledger, ledger_of
from sla.models import Clock, Segment
from ticketing.services.tickets import next_due_set

SEGMENTS = Prefetch(
    "segments", queryset=Segment.objects.select_related("version").order_by("started_at", "pk")
)
_CLOCK_FIELDS = (
    "generation", "policy", "minutes", "state", "due_at", "warn_at", "warned_percent", "breached_at",
    "noticed_at", "actions_owed", "stopped_at", "used", "reason", "updated_at",
)  # fmt: skip


def ledgers_live(*, ticket_ids: Sequence[int]) -> list[Ledger]:
    """The ledgers of tickets whose locks the caller holds, in the order of their clocks."""
    rows = Clock.objects.live().filter(ticket__in=ticket_ids).order_by("pk")
    # A row read before a breach and saved after it would take the breach back.
    locked = rows.select_for_update(of=("self",), no_key=True)
    return [ledger_of(row) for row in locked.select_related("policy__calendar").prefetch_related(SEGMENTS)]


def ledgers_save(*, ledgers: Iterable[Ledger]) -> None:
    """Write clocks and segments, changed and new, and the earliest deadline of each ticket.

    The old segment is closed before the next one opens. Only the last of the segments that were read can have
    changed: those before it are history.
    """
    ledgers, now = list(ledgers), timezone.now()
    for ledger in ledgers:
        ledger.clock.updated_at = now
    known = [ledger.clock for ledger in ledgers if ledger.clock.pk]
    if known:
        Clock.objects.bulk_update(known, _CLOCK_FIELDS, batch_size=200)
    Clock.objects.bulk_create([ledger.clock for ledger in ledgers if not ledger.clock.pk])
    read = [[row for row in ledger.segments if row.pk] for ledger in ledgers]
    changed = [rows[-1] for rows in read if rows]
    if changed:
        Segment.objects.bulk_update(changed, ["ended_at", "version"], batch_size=200)
    fresh = [row for ledger in ledgers for row in ledger.segments if not row.pk]
    for ledger in ledgers:
        for row in ledger.segments:
            row.clock = ledger.clock
    Segment.objects.bulk_create(fresh)
    next_dues_publish(ticket_ids={ledger.clock.ticket_id for ledger in ledgers})


def next_dues_publish(*, ticket_ids: Iterable[int]) -> None:
    """The earliest promise that is still to be kept, where lists order by it."""
    ids = list(ticket_ids)
    rows = Clock.objects.live().filter(ticket__in=ids, due_at__isnull=False).order_by()
    earliest = dict(rows.values("ticket_id").annotate(first=Min("due_at")).values_list("ticket_id", "first"))
    for ticket_id in ids:
        next_due_set(ticket_id=ticket_id, next_due_at=earliest.get(ticket_id))
