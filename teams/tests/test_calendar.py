"""Working-time arithmetic against measured vectors (S2)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teams.calendar import ALWAYS, CalendarNeverOpens, Interval, WorkCalendar, add_minutes, minutes_between


def office(zone: str, *closed: date) -> WorkCalendar:
    """Monday to Friday, nine to five."""
    days = tuple(Interval(day, time(9), time(17)) for day in range(5))
    return WorkCalendar(zone, days, dict.fromkeys(closed, ()))


def utc(text: str) -> datetime:
    """A moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "minutes", "zone", "due"),
    [
        ("2027-03-26T15:30", 240, "Europe/Berlin", "2027-03-29T10:30"),
        ("2027-03-27T10:00", 60, "Europe/Berlin", "2027-03-29T08:00"),
        ("2027-10-29T14:30", 240, "Europe/Berlin", "2027-11-01T11:30"),
        ("2027-03-12T21:30", 120, "America/New_York", "2027-03-15T14:30"),
        ("2027-11-05T20:30", 120, "America/New_York", "2027-11-08T15:30"),
        ("2027-12-31T15:00", 480, "Europe/London", "2028-01-03T15:00"),
    ],
)
def test_deadlines_across_weekends_and_clock_changes(start: str, minutes: int, zone: str, due: str) -> None:
    """S2: correct across DST and the turn of the year."""
    assert add_minutes(utc(start), minutes, office(zone)) == utc(due)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2027, 3, 27), 7), (date(2027, 10, 30), 9), (date(2027, 6, 1), 8)]
)
def test_a_night_shift_has_the_hours_that_passed(day: date, hours: int) -> None:
    """S2: an overnight shift over a clock change is an hour shorter or longer."""
    shift = WorkCalendar("Europe/Berlin", (Interval(day.weekday(), time(22), time(6)),))
    start = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    assert minutes_between(start, start + timedelta(days=2), shift) == hours * 60


def test_a_ticket_opened_at_lunch_waits_for_the_afternoon() -> None:
    """FACTS: lunch-break intervals are not working time."""
    split = tuple(
        Interval(d, *span) for d in range(5) for span in ((time(9), time(12)), (time(13), time(17)))
    )
    calendar = WorkCalendar("UTC", split)
    assert add_minutes(utc("2027-06-01T12:30"), 60, calendar) == utc("2027-06-01T14:00")
    assert minutes_between(utc("2027-06-01T11:00"), utc("2027-06-01T14:00"), calendar) == 120


@pytest.mark.parametrize("minutes", [1, 60, 480, 481, 2000])
def test_a_holiday_never_brings_a_deadline_forward(minutes: int) -> None:
    """FACTS: a closed day only ever delays."""
    start = utc("2027-05-31T10:00")
    plain = add_minutes(start, minutes, office("Europe/Berlin"))
    closed = add_minutes(start, minutes, office("Europe/Berlin", date(2027, 6, 1), date(2027, 6, 2)))
    assert closed >= plain


def test_a_calendar_that_never_opens_is_an_error_not_a_loop() -> None:
    """S2: bounded."""
    with pytest.raises(CalendarNeverOpens):
        add_minutes(utc("2027-06-01T10:00"), 1, WorkCalendar("UTC"))


def test_around_the_clock_every_minute_counts() -> None:
    """S2: the 24×7 option."""
    start = utc("2027-03-28T00:30")
    assert add_minutes(start, 90, ALWAYS) == utc("2027-03-28T02:00")
    assert minutes_between(start, start - timedelta(hours=1), ALWAYS) == 0


@settings(max_examples=60, deadline=None)
@given(
    start=st.datetimes(datetime(2026, 1, 1), datetime(2029, 1, 1)),  # noqa: DTZ001  made aware below
    minutes=st.integers(1, 5000),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_what_was_added_is_what_lies_between(start: datetime, minutes: int, zone: str) -> None:
    """S2: adding and measuring are inverse to each other."""
    begun = start.replace(tzinfo=UTC)
    due = add_minutes(begun, minutes, office(zone))
    assert minutes_between(begun, due, office(zone)) == pytest.approx(minutes)
