"""Reads of promises: which policy fits, what a ticket's history says, and why a deadline is when it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Prefetch
from django.utils.translation import gettext

from common.phrases import retold
from sla.choices import ClockState, SegmentKind
from sla.ledger import LATE_CHECK, Ledger, ledger_of, spent, worked
from sla.models import Clock, Policy, Segment
from ticketing.choices import STATUS_CATEGORY, Status
from ticketing.models import Message, Ticket, TicketEvent


def spent_minutes(*, clock: Clock, now: datetime) -> float:
    """Working minutes a clock has used, with what was carried over."""
    return spent(ledger_of(clock), clock.stopped_at or now) / timedelta(minutes=1)


class Promises:
    """The policies in use, read once for many tickets."""

    def __init__(self) -> None:
        self._of_client: dict[int, list[Policy]] = {}

    def policy_of(self, ticket: Ticket) -> Policy | None:
        """The first policy whose conditions hold; a client's own go before the shared ones."""
        if ticket.client_id not in self._of_client:
            rows = Policy.objects.for_client(ticket.client_id).select_related("calendar")
            self._of_client[ticket.client_id] = list(rows.prefetch_related("targets"))
        return next((row for row in self._of_client[ticket.client_id] if row.fits(ticket)), None)


def ticket_history(ticket: Ticket, since: datetime) -> list[tuple[str, str, datetime, datetime | None]]:
    """Status, its name, from and until, since a moment; the last one lasts."""
    changes = TicketEvent.objects.filter(ticket=ticket, verb="status.changed", created_at__gt=since)
    rows = list(changes.order_by("sequence").values_list("created_at", "old_value", "new_value"))
    labels = dict(Status.choices)
    status = _status(rows[0][1]) if rows else ticket.status
    found: list[tuple[str, str, datetime, datetime | None]] = []
    starts = since
    for at, _, new in rows:
        found.append((status, str(labels[Status(status)]), starts, at))
        status, starts = _status(new), at
    return [*found, (status, str(labels[Status(status)]), starts, None)]


def _status(value: object) -> str:
    """A status from the history; one that was erased counts as open."""
    return value if isinstance(value, str) and value in STATUS_CATEGORY else Status.OPEN.value


def unanswered_since(ticket: Ticket) -> datetime | None:
    """When the requester wrote first after the last answer of a person; None when nothing waits."""
    public = Message.objects.filter(ticket=ticket, is_public=True)
    kinds = Message.AuthorKind
    answers = public.filter(author_kind=kinds.AGENT).order_by("-created_at", "-pk")
    asked = public.filter(author_kind=kinds.REQUESTER, is_first=False).order_by("created_at", "pk")
    last = answers.values_list("created_at", "pk").first()
    if last is not None:
        asked = asked.filter(created_at__gte=last[0]).exclude(created_at=last[0], pk__lt=last[1])
    return asked.values_list("created_at", flat=True).first()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedSegment:
    """One stretch of a clock: when it ran or rested, by which hours, and what it adds up to."""

    kind: str
    started_at: datetime
    ended_at: datetime | None
    reason: str
    calendar: str
    minutes: float
    total_minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a clock is due when it is."""

    clock: Clock
    carried_minutes: float
    spent_minutes: float
    segments: list[ExplainedSegment]
    because: str


def clocks_explained(*, ticket_id: int, now: datetime) -> list[Explanation]:
    """Every clock of a ticket with its ledger, in a constant number of queries."""
    rows = Clock.objects.filter(ticket=ticket_id).select_related("policy")
    return [explain(ledger_of(clock), now=now) for clock in rows.prefetch_related(segments_prefetch())]


def segments_prefetch() -> Prefetch[Any]:
    """Segments with the calendar versions they are measured by."""
    rows = Segment.objects.select_related("version__calendar").order_by("started_at", "pk")
    return Prefetch("segments", queryset=rows)


def explain(ledger: Ledger, *, now: datetime) -> Explanation:
    """The segments with a running total, and one sentence on the deadline."""
    until = ledger.clock.stopped_at or now
    total = ledger.clock.carried
    lines = []
    for row in ledger.segments:
        minutes = worked(row, until)
        total += minutes
        lines.append(
            ExplainedSegment(
                kind=row.kind,
                started_at=row.started_at,
                ended_at=row.ended_at,
                reason=row.reason,
                calendar=_hours(row),
                minutes=_minutes(minutes),
                total_minutes=_minutes(total),
            )
        )
    return Explanation(
        clock=ledger.clock,
        carried_minutes=_minutes(ledger.clock.carried),
        spent_minutes=_minutes(total),
        segments=lines,
        because=_because(ledger, total, until),
    )


def _minutes(length: timedelta) -> float:
    return round(length / timedelta(minutes=1), 2)


def _hours(row: Segment) -> str:
    return f"{row.version.calendar}, {row.version}" if row.version else gettext("Around the clock")


def _because(ledger: Ledger, used: timedelta, until: datetime) -> str:
    clock, row = ledger.clock, ledger.open
    spent_words, target = _words(used), _words(ledger.target)
    if clock.stopped_at is not None:
        if clock.state == ClockState.CANCELLED:
            return retold(clock.reason) or gettext("The promise was withdrawn.")
        kept = (
            gettext("in time")
            if clock.state == ClockState.MET
            else gettext("late; it was due %(due_at)s") % {"due_at": _when(clock.due_at)}
        )
        return gettext("Done %(stopped_at)s after %(spent_words)s of %(target)s: %(kept)s.") % {
            "stopped_at": _when(clock.stopped_at),
            "spent_words": spent_words,
            "target": target,
            "kept": kept,
        }
    if clock.breached_at is not None:
        late = gettext("Broken since %(breached_at)s, when the %(target)s were used up.") % {
            "breached_at": _when(clock.breached_at),
            "target": target,
        }
        return late + _noticed_late(clock)
    if clock.due_at is not None and used > ledger.target:
        return gettext("Late since %(due_at)s, when the %(target)s were used up.") % {
            "due_at": _when(clock.due_at),
            "target": target,
        }
    if row is None or row.kind == SegmentKind.PAUSED or clock.due_at is None:
        return gettext("No deadline while the clock is paused: %(spent_words)s of %(target)s are used.") % {
            "spent_words": spent_words,
            "target": target,
        }
    before = spent(ledger, row.started_at)
    hours = (
        gettext("around the clock")
        if row.version is None
        else gettext("in the working time of “%(row)s”") % {"row": _hours(row)}
    )
    left = _words(max(ledger.target - before, timedelta()))
    return gettext(
        "Due %(due_at)s because %(before)s of %(target)s were used by "
        "%(started_at)s and the other %(left)s pass %(hours)s."
    ) % {
        "due_at": _when(clock.due_at),
        "before": _words(before),
        "target": target,
        "started_at": _when(row.started_at),
        "left": left,
        "hours": hours,
    }


def _noticed_late(clock: Clock) -> str:
    if clock.noticed_at is None or clock.breached_at is None:
        return ""
    lag = clock.noticed_at - clock.breached_at
    return gettext(" It was noticed %(lag)s later.") % {"lag": _words(lag)} if lag > LATE_CHECK else ""


def length_words(length: timedelta | None) -> str:
    """A length as people say it; a dash for none."""
    return "–" if length is None else _words(length)


def _words(length: timedelta) -> str:
    """Hours and minutes, as people say them."""
    minutes = round(length / timedelta(minutes=1), 1)
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours:.0f} h"] if hours else []
    if rest or not parts:
        parts.append(f"{rest:g} min")
    return " ".join(parts)


def _when(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%-d %b %Y, %H:%M} UTC" if moment else "never"
