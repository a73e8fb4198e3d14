"""Arithmetic of working time: plain Python, no Django (S2). Teams, routing and promises all count with it.

A calendar has a time zone, intervals per weekday, public holidays and days of its own. An interval that ends
at or before its start runs over midnight and belongs to the day it starts on: a shift that begins on a
holiday is closed as a whole, one that began the evening before runs on into the holiday. All results are
aware UTC datetimes.

An interval opens at the first moment at which the local clock shows its start or later, and closes at the
first moment at which it shows its end or later. So a local time that does not exist (clocks going forward) is
the moment of the change, and of a time that comes twice the first one counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MAX_CLOSED_DAYS = 3_700
"""How long a calendar may stay shut: ten years of days. One that never opens is a mistake, not a loop."""

_DAY, _WEEK = 1440, 7 * 1440


class CalendarNeverOpens(ValueError):
    """The calendar has no working time within the search bound."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Working time on one weekday (0 = Monday), in local wall-clock time."""

    weekday: int
    starts: time
    ends: time


@dataclass(frozen=True, slots=True)
class Hours:
    """Working time on one date."""

    starts: time
    ends: time


def no_holidays(year: int) -> frozenset[date]:
    """No public holidays in any year."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """When people work. ``always_open`` ignores everything else.

    ``days`` are dates of its own, which have the last word over weekday and holiday: None is the usual hours
    of the weekday in spite of a holiday, an empty tuple is closed, anything else are the hours of that date.
    ``holidays`` gives the public holidays of a year; it is asked for every year that is counted in.
    """

    zone: str = "UTC"
    intervals: tuple[Interval, ...] = ()
    days: Mapping[date, tuple[Hours, ...] | None] = field(default_factory=dict)
    holidays: Callable[[int], frozenset[date]] = no_holidays
    always_open: bool = False

    def hours_of(self, day: date) -> Sequence[Interval | Hours]:
        """What is worked from one date's shifts on."""
        if day in self.days:
            own = self.days[day]
            if own is not None:
                return own
        elif day in self.holidays(day.year):
            return ()
        return [interval for interval in self.intervals if interval.weekday == day.weekday()]


ALWAYS = WorkCalendar(always_open=True)


def working_spans(
    calendar: WorkCalendar, start: datetime, until: datetime | None = None
) -> Iterator[tuple[datetime, datetime]]:
    """Stretches of working time from ``start`` on, in order, merged where they touch, up to ``until``.

    Without ``until`` it ends where the calendar has stayed shut for ``MAX_CLOSED_DAYS``.
    """
    zone = ZoneInfo(calendar.zone)
    day = start.astimezone(zone).date() - timedelta(days=1)
    pending: tuple[datetime, datetime] | None = None
    shut = 0
    while shut < MAX_CLOSED_DAYS or until is not None:
        shut += 1
        if until is not None and day > until.astimezone(zone).date():
            break
        for span in _spans_of(calendar, day, zone):
            opens, closes = max(span[0], start), span[1]
            if closes <= opens:
                continue
            shut = 0
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
    spans = []
    for hours in calendar.hours_of(day):
        end_day = day + timedelta(days=1) if hours.ends <= hours.starts else day
        opens, closes = _moment(day, hours.starts, zone), _moment(end_day, hours.ends, zone)
        if closes > opens:
            spans.append((opens, closes))
    return sorted(spans)


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The first moment at which the local clock shows this time or a later one."""
    local = datetime.combine(day, at, zone)
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return moment
    # The time does not exist. Read with the offset after the change it lies before the change, and the other
    # way round; the change is where the offset jumps.
    before, after = local.replace(fold=1).astimezone(UTC), moment
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def add_time(start: datetime, worked: timedelta, calendar: WorkCalendar) -> datetime:
    """The first moment at which so much working time has passed since ``start``.

    A deadline that falls on the end of a working day stays there. Raises CalendarNeverOpens.
    """
    start = start.astimezone(UTC)
    if calendar.always_open or worked <= timedelta():
        return start + max(worked, timedelta())
    left = worked
    for opens, closes in working_spans(calendar, start):
        if left <= closes - opens:
            return opens + left
        left -= closes - opens
    raise CalendarNeverOpens(f"The calendar stays shut for ten years; {left} of {worked} are missing.")


def time_between(start: datetime, end: datetime, calendar: WorkCalendar) -> timedelta:
    """Working time from ``start`` to ``end``; none when the end is not later."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if end <= start:
        return timedelta()
    if calendar.always_open:
        return end - start
    spans = working_spans(calendar, start, until=end)
    return sum((min(closes, end) - opens for opens, closes in spans if opens < end), timedelta())


def add_minutes(start: datetime, minutes: float, calendar: WorkCalendar) -> datetime:
    """``add_time`` in minutes."""
    return add_time(start, timedelta(minutes=minutes), calendar)


def minutes_between(start: datetime, end: datetime, calendar: WorkCalendar) -> float:
    """``time_between`` in minutes."""
    return time_between(start, end, calendar) / timedelta(minutes=1)


def is_open(calendar: WorkCalendar, at: datetime) -> bool:
    """Whether a moment is working time; the end of a shift no longer is."""
    if calendar.always_open:
        return True
    zone = ZoneInfo(calendar.zone)
    today = at.astimezone(zone).date()
    spans = [span for back in (1, 0) for span in _spans_of(calendar, today - timedelta(days=back), zone)]
    return any(opens <= at < closes for opens, closes in spans)


def first_overlap(intervals: Sequence[Interval]) -> tuple[Interval, Interval] | None:
    """Two intervals of the week that share working time, Sunday night running into Monday too; None if none
    do.
    """
    spans = sorted(((*_in_week(row), row) for row in intervals), key=lambda span: span[:2])
    for place, (_, ends, row) in enumerate(spans[:-1]):
        begins, _, following = spans[place + 1]
        if begins < ends:
            return row, following
    if len(spans) > 1 and spans[0][0] + _WEEK < spans[-1][1]:
        return spans[-1][2], spans[0][2]
    return None


def _in_week(interval: Interval) -> tuple[float, float]:
    """Minutes of the week at which an interval begins and ends."""
    begins = interval.weekday * _DAY + _minutes(interval.starts)
    ends = interval.weekday * _DAY + _minutes(interval.ends)
    return begins, ends if ends > begins else ends + _DAY


def _minutes(at: time) -> float:
    return at.hour * 60 + at.minute + at.second / 60
