"""Arithmetic of working time: plain Python, no Django (S2).

A calendar has a time zone, intervals per weekday and days that are closed. An interval that ends at or
before its start runs over midnight and belongs to the day it starts on. All results are aware UTC datetimes;
local times that do not exist (clocks going forward) are read as if the clocks had not changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MAX_DAYS = 3_700
"""How far a deadline is searched: ten years of days. A calendar that never opens is a mistake, not a loop."""


class CalendarNeverOpens(ValueError):
    """The calendar has no working time within the search bound."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Working time on one weekday (0 = Monday), in local wall-clock time."""

    weekday: int
    starts: time
    ends: time


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """When people work. ``always_open`` ignores everything else."""

    zone: str = "UTC"
    intervals: tuple[Interval, ...] = ()
    closed_days: frozenset[date] = field(default_factory=frozenset)
    always_open: bool = False


ALWAYS = WorkCalendar(always_open=True)


def working_spans(calendar: WorkCalendar, start: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Stretches of working time from ``start`` on, in order, merged where they touch; bounded."""
    zone = ZoneInfo(calendar.zone)
    day = start.astimezone(zone).date() - timedelta(days=1)
    pending: tuple[datetime, datetime] | None = None
    for _ in range(MAX_DAYS):
        for span in _spans_of(calendar, day, zone):
            opens, closes = max(span[0], start), span[1]
            if closes <= opens:
                continue
            if pending is not None and opens <= pending[1]:
                pending = (pending[0], max(pending[1], closes))
                continue
            if pending is not None:
                yield pending
            pending = (opens, closes)
        day += timedelta(days=1)
    if pending is not None:
        yield pending


def _spans_of(calendar: WorkCalendar, day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    if day in calendar.closed_days:
        return []
    spans = []
    for interval in calendar.intervals:
        if interval.weekday == day.weekday():
            end_day = day + timedelta(days=1) if interval.ends <= interval.starts else day
            opens = datetime.combine(day, interval.starts, zone).astimezone(UTC)
            closes = datetime.combine(end_day, interval.ends, zone).astimezone(UTC)
            if closes > opens:
                spans.append((opens, closes))
    return sorted(spans)


def add_minutes(start: datetime, minutes: float, calendar: WorkCalendar) -> datetime:
    """The moment at which so many working minutes have passed since ``start``.

    A deadline that falls on the end of a working day stays there. Raises CalendarNeverOpens.
    """
    left = timedelta(minutes=minutes)
    if calendar.always_open:
        return start.astimezone(UTC) + left
    for opens, closes in working_spans(calendar, start.astimezone(UTC)):
        if left <= closes - opens:
            return opens + left
        left -= closes - opens
    raise CalendarNeverOpens(f"The calendar does not open for {minutes} minutes within ten years.")


def minutes_between(start: datetime, end: datetime, calendar: WorkCalendar) -> float:
    """Working minutes from ``start`` to ``end``; 0 when the end is not later."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if end <= start:
        return 0.0
    if calendar.always_open:
        return (end - start).total_seconds() / 60
    total = timedelta()
    for opens, closes in working_spans(calendar, start):
        if opens >= end:
            break
        total += min(closes, end) - opens
    return total.total_seconds() / 60
