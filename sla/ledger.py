"""The rules of a clock's ledger: what counts, when it is due, how it moves. Rows in memory, no queries (S3).

Whoever calls these holds the ticket's lock, has read the clock and its segments and writes them back with
``services.ledgers``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sla.choices import ClockState, SegmentKind, TargetKind
from sla.models import Clock, Segment
from teams.calendar import WorkCalendar, add_time, time_between
from teams.models import CalendarVersion
from teams.selectors import work_calendar
from ticketing.choices import StatusCategory

LATE_CHECK = timedelta(minutes=5)
"""What was noticed later than this was noticed late: the checks had stopped."""


@dataclass(slots=True)
class Ledger:
    """A clock with its segments in order; the last is open while the clock lives."""

    clock: Clock
    segments: list[Segment]

    @property
    def open(self) -> Segment | None:
        """The segment that is running or paused now."""
        last = self.segments[-1] if self.segments else None
        return last if last is not None and last.ended_at is None else None

    @property
    def target(self) -> timedelta:
        """The working time promised."""
        return timedelta(minutes=self.clock.minutes)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a ticket's life as its history tells it; the last one has no end."""

    kind: SegmentKind
    starts: datetime
    ends: datetime | None
    reason: str


def ledger_of(clock: Clock) -> Ledger:
    """The ledger of a clock whose segments (with their versions) were read along."""
    return Ledger(clock, list(clock.segments.all()))


def calendar_of(segment: Segment) -> WorkCalendar:
    """The hours a segment is measured by."""
    return work_calendar(segment.version.hours if segment.version else None)


def worked(segment: Segment, until: datetime) -> timedelta:
    """Working time of a segment so far; a pause counts for nothing."""
    if segment.kind != SegmentKind.RUNNING:
        return timedelta()
    return time_between(segment.started_at, min(segment.ended_at or until, until), calendar_of(segment))


def spent(ledger: Ledger, until: datetime) -> timedelta:
    """Working time used so far, with what was carried over."""
    return sum((worked(row, until) for row in ledger.segments), ledger.clock.carried)


def moment_of(ledger: Ledger, amount: timedelta) -> datetime | None:
    """When so much working time is or was used; None when a pause keeps it from being reached.

    Raises CalendarNeverOpens.
    """
    left = amount - ledger.clock.carried
    for row in ledger.segments:
        if row.kind != SegmentKind.RUNNING:
            continue
        calendar = calendar_of(row)
        if row.ended_at is None:
            return add_time(row.started_at, left, calendar)
        used = time_between(row.started_at, row.ended_at, calendar)
        if used >= left:
            # At equality it lies before the end of the segment only where the hours had ended before.
            moment = add_time(row.started_at, left, calendar)
            if used > left or moment < row.ended_at:
                return moment
        left -= used
    return None


def is_late(ledger: Ledger, target: timedelta, at: datetime) -> bool:
    """Whether a promise of so much working time was broken at a moment; at its very deadline it was not.

    With the time just used up the wall clock decides: after closing time no more is used, but the deadline is
    past.
    """
    used = spent(ledger, at)
    if used != target:
        return used > target
    due = moment_of(ledger, target)
    return due is not None and due < at


def settle(ledger: Ledger) -> None:
    """Due and warning times from the segments. A broken promise keeps the time at which it was broken.

    A promise that a shorter target puts into the past is running, and so found by the check, even in a pause.
    """
    clock = ledger.clock
    if clock.stopped_at is not None:
        return
    if clock.breached_at is not None:
        clock.state, clock.due_at, clock.warn_at = ClockState.BREACHED, clock.breached_at, None
        return
    clock.due_at = moment_of(ledger, ledger.target)
    clock.state = ClockState.RUNNING if clock.due_at else ClockState.PAUSED
    ahead = next((percent for percent in percents(clock) if percent > clock.warned_percent), None)
    paused = ledger.open is None or ledger.open.kind == SegmentKind.PAUSED
    clock.warn_at = None if ahead is None or paused else moment_of(ledger, ledger.target * ahead / 100)


def percents(clock: Clock) -> list[int]:
    """The shares of the time at which is warned, in order."""
    return sorted(clock.policy.warn_percents) if clock.policy else []


def percent_reached(ledger: Ledger, now: datetime) -> int:
    """The highest warning whose share of the time is used; 0 for none."""
    used = spent(ledger, now)
    return max((share for share in percents(ledger.clock) if used >= ledger.target * share / 100), default=0)


def split(ledger: Ledger, at: datetime, version: CalendarVersion | None, reason: str) -> None:
    """From a moment on other hours count; what lies before stays measured as it was."""
    row = ledger.open
    if row is None or row.version_id == (version.pk if version else None):
        return
    if at <= row.started_at:
        row.version = version
        return
    row.ended_at = at
    ledger.segments.append(_segment(ledger.clock, row.kind, at, version, reason))


def switch(ledger: Ledger, kind: SegmentKind, at: datetime, reason: str) -> None:
    """Pause or resume; the same again changes nothing."""
    row = ledger.open
    if row is None or row.kind == kind:
        return
    row.ended_at = max(at, row.started_at)
    ledger.segments.append(_segment(ledger.clock, kind, row.ended_at, row.version, reason))
    settle(ledger)


def stop(ledger: Ledger, at: datetime, *, met: bool, reason: str = "") -> None:
    """End a promise. Only the ledger says whether it was kept: an answer given in time was, whatever a check
    said meanwhile, and one that came late was not. Segments that began after the answer count for nothing."""
    clock, row = ledger.clock, ledger.open
    at = max(at, clock.started_at)
    if row is not None:
        row.ended_at = max(at, row.started_at)
    clock.used = spent(ledger, at)
    if is_late(ledger, ledger.target, at):
        clock.breached_at = clock.breached_at or moment_of(ledger, ledger.target) or at
        clock.state, clock.due_at = ClockState.BREACHED, clock.breached_at
    else:
        clock.state = ClockState.MET if met else ClockState.CANCELLED
        clock.breached_at = clock.noticed_at = None
    clock.stopped_at, clock.warn_at, clock.actions_owed = at, None, False
    clock.reason = "" if met else reason[:200]


def promise_again(ledger: Ledger, now: datetime) -> None:
    """After another target: what was told and no longer holds is taken back, and may be told anew.

    The generation rises then, because each level is told once per generation.
    """
    clock = ledger.clock
    held = max((share for share in percents(clock) if share <= clock.warned_percent), default=0)
    standing = min(held, percent_reached(ledger, now))
    unbroken = clock.breached_at is not None and not is_late(ledger, ledger.target, now)
    if unbroken or (clock.breached_at is None and standing < clock.warned_percent):
        clock.generation += 1
        clock.breached_at = clock.noticed_at = None
        clock.actions_owed, clock.warned_percent = False, standing


def begin(ledger: Ledger, pieces: Sequence[Piece], versions: Sequence[CalendarVersion]) -> None:
    """Write the segments of a new clock from the ticket's history, each by the version that held then."""
    ledger.segments += segments_by(ledger.clock, pieces, versions)
    settle(ledger)


def segments_by(clock: Clock, pieces: Sequence[Piece], versions: Sequence[CalendarVersion]) -> list[Segment]:
    """The stretches of a clock's life, cut where the hours changed; no ``versions`` is always open."""
    rows = []
    for piece in pieces:
        for starts, ends, version in _by_version(piece, versions):
            row = _segment(clock, piece.kind, starts, version, piece.reason)
            row.ended_at = ends
            rows.append(row)
    return rows


def measured_by(
    ledger: Ledger, calendar_id: int | None, versions: Sequence[CalendarVersion], carried: timedelta
) -> Ledger:
    """The same life of a clock by the hours of another calendar, in memory; None is around the clock.

    Where it was measured by that calendar last, its own segments stand, with the versions that held then.
    ``carried`` is what the generation before has used by the same hours.
    """
    last = ledger.segments[-1].version if ledger.segments else None
    clock = Clock(minutes=ledger.clock.minutes, carried=carried)
    if (last.calendar_id if last else None) == calendar_id:
        return Ledger(clock, ledger.segments)
    pieces = [
        Piece(SegmentKind(row.kind), row.started_at, row.ended_at, row.reason) for row in ledger.segments
    ]
    return Ledger(clock, segments_by(clock, pieces, versions))


def _by_version(
    piece: Piece, versions: Sequence[CalendarVersion]
) -> Iterator[tuple[datetime, datetime | None, CalendarVersion | None]]:
    """A piece cut where the hours changed; ``versions`` in order. Before the first one that one holds."""
    held = next((row for row in reversed(versions) if row.since <= piece.starts), None)
    current = held or (versions[0] if versions else None)
    starts = piece.starts
    for version in versions:
        inside = version.since > starts and (piece.ends is None or version.since < piece.ends)
        if inside and version is not current:
            yield starts, version.since, current
            starts, current = version.since, version
    yield starts, piece.ends, current


def kind_in(category: str, target: str) -> SegmentKind:
    """Whether a clock runs while its ticket is in a status: only a reply stops the first response (S3)."""
    runs = category == StatusCategory.OPEN
    if target == TargetKind.FIRST_RESPONSE:
        runs = category in {StatusCategory.OPEN, StatusCategory.WAITING}
    return SegmentKind.RUNNING if runs else SegmentKind.PAUSED


def _segment(clock: Clock, kind: str, at: datetime, version: CalendarVersion | None, reason: str) -> Segment:
    return Segment(clock=clock, kind=kind, started_at=at, version=version, reason=reason[:200])
