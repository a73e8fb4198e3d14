"""Publishing the hours of calendars: every change is a version of its own (S2, S3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any

from django.db import transaction

from teams import events
from teams.calendar import Interval
from teams.models import BusinessCalendar, CalendarInterval, CalendarVersion
from teams.selectors import calendar_hours
from teams.validators import check_intervals


@transaction.atomic
def calendar_publish(*, calendar: BusinessCalendar, now: datetime) -> CalendarVersion | None:
    """Make a version of the hours as they are, to hold from now on; None when they are those of the newest.

    Emits ``calendar_changed`` for every version but the first, which nothing was measured before.
    """
    # Two who publish the same change at once make one version of it.
    locked = BusinessCalendar.objects.select_for_update(no_key=True).get(pk=calendar.pk)
    newest = locked.versions.first()
    hours = calendar_hours(locked)
    if newest is not None and newest.hours == hours:
        return None
    number = newest.number + 1 if newest else 1
    version = CalendarVersion(calendar=locked, number=number, since=now, hours=hours)
    version.full_clean()
    version.save(force_insert=True)
    if newest is not None:
        events.calendar_changed.publish(calendar=locked, version=version)
    return version


def version_current(*, calendar: BusinessCalendar, now: datetime) -> CalendarVersion:
    """The hours that hold now; the first version of a calendar is made when somebody first counts with it."""
    newest = calendar.versions.first()
    return newest or calendar_publish(calendar=calendar, now=now) or calendar.versions.all()[0]


def calendars_sweep(*, now: datetime) -> int:
    """Publish what was changed past the back office, by a script for example; returns how many calendars."""
    changed = 0
    for calendar in BusinessCalendar.objects.prefetch_related("intervals", "days"):
        newest = calendar.versions.first()
        if newest is not None and newest.hours != calendar_hours(calendar):
            changed += calendar_publish(calendar=calendar, now=now) is not None
    return changed


_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@transaction.atomic
def calendar_load(*, given: Mapping[str, Any], now: datetime) -> BusinessCalendar:
    """Add a calendar described in YAML, unless its slug is taken.

    Keys: those of the model, and ``intervals`` with days (``mon`` to ``sun``), starts and ends. Raises
    ValidationError for what the back office would refuse: no hours, hours twice, an unknown zone or country.
    """
    fields = {name: value for name, value in given.items() if name != "intervals"}
    known = BusinessCalendar.objects.filter(slug=fields["slug"]).first()
    if known is not None:
        return known
    intervals = [
        Interval(
            _WEEKDAYS.index(day), time.fromisoformat(str(row["starts"])), time.fromisoformat(str(row["ends"]))
        )
        for row in given.get("intervals", [])
        for day in row["days"]
    ]
    calendar = BusinessCalendar(**fields)
    calendar.full_clean()
    check_intervals(intervals, needed=not calendar.always_open)
    calendar.save(force_insert=True)
    CalendarInterval.objects.bulk_create(
        CalendarInterval(calendar=calendar, weekday=row.weekday, starts=row.starts, ends=row.ends)
        for row in intervals
    )
    calendar_publish(calendar=calendar, now=now)
    return calendar
