"""Working time against an independent reference that walks the wall clock minute by minute (S2).

The reference knows no spans and no offsets: it looks at what the local clock shows. A shift is open from the
first minute at which the clock shows its start or later until the first at which it shows its end or later.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teams.calendar import (
    ALWAYS,
    Hours,
    Interval,
    WorkCalendar,
    add_minutes,
    add_time,
    first_overlap,
    is_open,
    minutes_between,
    time_between,
)

MINUTE = timedelta(minutes=1)
OFFICE = tuple(Interval(day, time(9), time(17)) for day in range(5))
LUNCH = tuple(
    Interval(day, *span) for day in range(5) for span in ((time(9), time(12)), (time(12, 45), time(17, 30)))
)
NIGHT = tuple(Interval(day, time(22), time(6)) for day in range(7))
SMALL_HOURS = tuple(Interval(day, time(1, 15), time(2, 30)) for day in range(7))
INTO_THE_GAP = tuple(Interval(day, time(2, 30), time(4)) for day in range(7))
WEEKEND = (Interval(5, time(10), time(14)), Interval(6, time(20), time(3)))
SHIFTS = {
    "office": OFFICE, "lunch": LUNCH, "night": NIGHT, "small": SMALL_HOURS, "gap": INTO_THE_GAP,
    "weekend": WEEKEND,
}  # fmt: skip
CHANGES = {
    "Europe/Berlin": (date(2027, 3, 28), date(2027, 10, 31)),
    "America/New_York": (date(2027, 3, 14), date(2027, 11, 7)),
    "Australia/Lord_Howe": (date(2027, 4, 4), date(2027, 10, 3)),
    "Asia/Kolkata": (date(2027, 1, 1), date(2027, 7, 1)),
}


def slow_minutes(calendar: WorkCalendar, start: datetime, days: int) -> list[datetime]:
    """Every open minute from ``start`` on, found by looking at the local clock minute by minute."""
    zone = ZoneInfo(calendar.zone)
    until = start + timedelta(days=days)
    ends: list[tuple[datetime, datetime]] = []
    day = start.astimezone(zone).date() - timedelta(days=2)
    while day <= until.astimezone(zone).date():
        for hours in slow_hours(calendar, day):
            next_day = hours.ends <= hours.starts
            last = datetime.combine(day + timedelta(days=next_day), hours.ends)
            ends.append((datetime.combine(day, hours.starts), last))
        day += timedelta(days=1)
    latest: datetime | None = None
    found = []
    at = start - timedelta(days=3)
    while at < until:
        shown = at.astimezone(zone).replace(tzinfo=None)
        # What the clock has shown at most: an hour that comes twice ends what ended in its first pass.
        latest = shown if latest is None else max(latest, shown)
        if at >= start and any(begins <= latest < end for begins, end in ends):
            found.append(at)
        at += MINUTE
    return found


def slow_hours(calendar: WorkCalendar, day: date) -> list[Interval | Hours]:
    """The shifts that begin on a date."""
    usual = [row for row in calendar.intervals if row.weekday == day.weekday()]
    if day in calendar.days:
        own = calendar.days[day]
        return usual if own is None else list(own)
    return [] if day in calendar.holidays(day.year) else usual


def generated(count: int) -> list[tuple[str, str, datetime, int, frozenset[date], dict[date, object]]]:
    """Cases around both clock changes of each zone; the seed keeps them the same."""
    chance = random.Random(20270328)
    cases = []
    for number in range(count):
        zone = list(CHANGES)[number % len(CHANGES)]
        change = CHANGES[zone][number // len(CHANGES) % 2]
        name = list(SHIFTS)[number % len(SHIFTS)]
        begins = datetime.combine(change, time(), UTC) - timedelta(minutes=chance.randrange(5 * 1440))
        near = [change + timedelta(days=chance.randrange(-3, 6)) for _ in range(3)]
        public = frozenset(near[:2]) if number % 3 == 0 else frozenset()
        own: dict[date, object] = {}
        if number % 4 == 1:
            own[near[0]] = ()
        if number % 4 == 2:
            own[near[1]] = None
        if number % 5 == 3:
            own[near[2]] = (Hours(time(8, 30), time(11)), Hours(time(13), time(14)))
        cases.append((zone, name, begins, chance.randrange(1, 1500), public, own))
    return cases


@pytest.mark.parametrize(("zone", "name", "begins", "minutes", "public", "own"), generated(240))
def test_it_agrees_with_the_wall_clock(
    zone: str, name: str, begins: datetime, minutes: int, public: frozenset[date], own: dict[date, object]
) -> None:
    """S2: DST both ways, nights, lunch, holidays and dates of its own; two hundred and forty cases."""
    calendar = WorkCalendar(zone, SHIFTS[name], own, lambda year: public)  # type: ignore[arg-type]
    days = 12
    reference = slow_minutes(calendar, begins, days)
    assert minutes_between(begins, begins + timedelta(days=days), calendar) == len(reference)
    wanted = min(minutes, len(reference))
    assert add_minutes(begins, wanted, calendar) == reference[wanted - 1] + MINUTE
    assert is_open(calendar, begins) == (reference[0] == begins)
    closed = begins + (reference[0] - begins) / 2
    assert is_open(calendar, closed) == (closed >= reference[0])


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2029, 1, 1)).map(  # noqa: DTZ001  made aware here
    lambda moment: moment.replace(tzinfo=UTC)
)
CALENDARS = st.builds(
    lambda zone, name, holidays: WorkCalendar(
        zone, SHIFTS[name], {}, lambda year: frozenset(day for day in holidays if day.year == year)
    ),
    st.sampled_from([*CHANGES, "UTC"]),
    st.sampled_from(list(SHIFTS)),
    st.lists(st.dates(date(2026, 1, 1), date(2029, 12, 31)), max_size=20),
) | st.just(ALWAYS)
LENGTHS = st.integers(0, 6000)


@settings(max_examples=120, deadline=None)
@given(start=MOMENTS, first=LENGTHS, second=LENGTHS, calendar=CALENDARS)
def test_adding_in_two_steps_is_adding_at_once(
    start: datetime, first: int, second: int, calendar: WorkCalendar
) -> None:
    """S2: additive, so a pause of no length changes no deadline."""
    once = add_minutes(start, first + second, calendar)
    twice = add_minutes(add_minutes(start, first, calendar), second, calendar)
    assert twice == once


@settings(max_examples=120, deadline=None)
@given(start=MOMENTS, length=LENGTHS, calendar=CALENDARS)
def test_what_was_added_lies_between(start: datetime, length: int, calendar: WorkCalendar) -> None:
    """S2: inverse to each other, exactly and not about."""
    worked = timedelta(minutes=length)
    assert time_between(start, add_time(start, worked, calendar), calendar) == worked


@settings(max_examples=120, deadline=None)
@given(start=MOMENTS, later=st.integers(0, 20_000), length=LENGTHS, more=LENGTHS, calendar=CALENDARS)
def test_later_and_longer_is_never_sooner(
    start: datetime, later: int, length: int, more: int, calendar: WorkCalendar
) -> None:
    """S2: monotone in start and in length."""
    due = add_minutes(start, length, calendar)
    assert add_minutes(start + later * MINUTE, length, calendar) >= due
    assert add_minutes(start, length + more, calendar) >= due


@settings(max_examples=120, deadline=None)
@given(start=MOMENTS, parts=st.lists(st.integers(0, 3000), min_size=1, max_size=6), calendar=CALENDARS)
def test_the_parts_of_a_stretch_add_up(start: datetime, parts: list[int], calendar: WorkCalendar) -> None:
    """S3: a ledger cut into segments measures what the uncut one does."""
    at, total = start, timedelta()
    for minutes in parts:
        total += time_between(at, at + minutes * MINUTE, calendar)
        at += minutes * MINUTE
    assert total == time_between(start, at, calendar)


def test_a_shift_that_ends_in_the_hour_that_is_left_out_ends_at_the_change() -> None:
    """FACTS: local 2027-03-28 02:30 does not exist in Berlin."""
    calendar = WorkCalendar("Europe/Berlin", (Interval(6, time(0), time(2, 30)),))
    midnight = datetime(2027, 3, 27, 23, tzinfo=UTC)
    assert minutes_between(midnight, midnight + timedelta(hours=10), calendar) == 120


def test_more_than_ten_years_of_work_are_measured_to_the_end() -> None:
    """S2: the bound is on what stays shut, not on what is measured."""
    start = datetime(2015, 1, 1, tzinfo=UTC)
    daily = WorkCalendar("UTC", tuple(Interval(day, time(0), time(0)) for day in range(7)))
    assert time_between(start, start + timedelta(days=5000), daily) == timedelta(days=5000)


@pytest.mark.parametrize(
    ("intervals", "wrong"),
    [
        (OFFICE, False),
        (LUNCH, False),
        (NIGHT, False),
        ((Interval(0, time(9), time(12)), Interval(0, time(12), time(17))), False),
        ((Interval(0, time(9), time(12, 1)), Interval(0, time(12), time(17))), True),
        ((Interval(0, time(9), time(17)), Interval(0, time(9), time(17))), True),
        ((Interval(0, time(22), time(6)), Interval(1, time(5), time(9))), True),
        ((Interval(6, time(22), time(6)), Interval(0, time(5), time(9))), True),
        ((Interval(6, time(22), time(6)), Interval(0, time(6), time(9))), False),
        (
            (Interval(0, time(8), time(18)), Interval(0, time(9), time(10)), Interval(0, time(17), time(19))),
            True,
        ),
    ],
)
def test_overlaps_are_found_over_midnight_and_over_the_week(
    intervals: tuple[Interval, ...], wrong: bool
) -> None:
    """S2: working time is not given twice."""
    assert (first_overlap(intervals) is not None) == wrong
