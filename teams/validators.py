"""Checks of values that people type: time zones, places with public holidays, working hours."""

from __future__ import annotations

from calendar import day_name
from collections.abc import Sequence
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from holidays.utils import list_supported_countries

from teams.calendar import Interval, first_overlap


def check_time_zone(name: str) -> None:
    """A zone of the IANA database. Raises ValidationError."""
    if name not in available_timezones():
        raise ValidationError(
            _("There is no time zone “%(name)s”. Use an IANA name, such as Europe/Berlin.") % {"name": name}
        )


def check_holiday_country(country: str, region: str = "") -> None:
    """A country whose public holidays are known, and a region of it. Raises ValidationError."""
    if not country:
        if region:
            raise ValidationError(_("A region needs a country."))
        return
    regions = list_supported_countries(include_aliases=True).get(country)
    if regions is None:
        raise ValidationError(
            _("The public holidays of “%(country)s” are not known. Use an ISO code such as DE.")
            % {"country": country}
        )
    if region and region not in regions:
        known = ", ".join(regions[:20]) or "none"
        raise ValidationError(
            _("“%(country)s” has no region “%(region)s”. Known regions: %(known)s.")
            % {"country": country, "region": region, "known": known}
        )


def check_intervals(intervals: Sequence[Interval], *, needed: bool = True) -> None:
    """Working hours of a week: some, and none given twice. Raises ValidationError."""
    if needed and not intervals:
        raise ValidationError(_("Give at least one interval of working hours, or set always open."))
    pair = first_overlap(intervals)
    if pair is not None:
        first, second = (_interval_words(row) for row in pair)
        raise ValidationError(
            _("The working hours %(first)s and %(second)s overlap.") % {"first": first, "second": second}
        )


def _interval_words(row: Interval) -> str:
    return f"{day_name[row.weekday]} {row.starts:%H:%M}–{row.ends:%H:%M}"
