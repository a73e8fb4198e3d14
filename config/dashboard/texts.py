"""Numbers as the dashboard writes them, in the reader's language."""

from __future__ import annotations

from datetime import timedelta

from django.utils.formats import number_format
from django.utils.translation import gettext as _


def part(part: int, whole: int) -> float | None:
    """A share, 0 to 1; None of nothing."""
    return part / whole if whole else None


def points(value: float | None, before: float | None) -> str:
    """A difference of shares, in percentage points."""
    if value is None or before is None:
        return ""
    points = round(100 * (value - before), 1)
    return (
        _("unchanged")
        if not points
        else (_("%(points)s points") % {"points": f"{points:+.1f}"}).replace("-", "−")
    )


def ratio(value: float | None, before: float | None) -> str:
    """A relative change in percent."""
    if value is None or not before:
        return ""
    change = round(100 * (value - before) / before)
    return _("unchanged") if not change else f"{change:+d} %".replace("-", "−")


def tone(value: float | None, bound: float, *, below: bool = False) -> str:
    """Good or bad, by which side of the bound a value lies; empty for none."""
    if value is None:
        return ""
    return "good" if (value < bound if below else value >= bound) else "bad"


def total(value: timedelta | None) -> float | None:
    """Seconds of a length; None for none."""
    return value.total_seconds() if value is not None else None


def seconds(value: timedelta | None) -> str:
    """A length in seconds, minutes or hours; a dash for none."""
    if value is None:
        return "–"
    seconds = value.total_seconds()
    if seconds < 120:
        return f"{number(seconds, 1)} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{number(seconds / 3600, 1)} h"


def milliseconds(value: float | None) -> str:
    """Milliseconds, or seconds from one second on; a dash for none."""
    if value is None:
        return "–"
    return f"{value:.0f} ms" if value < 1000 else f"{number(value / 1000, 1)} s"


def number(value: float, digits: int = 0) -> str:
    """A number as the reader's language writes it."""
    return str(number_format(round(value, digits), digits, force_grouping=True))


def over(bound: str) -> str:
    """A target from below."""
    return _("over %(bound)s") % {"bound": bound}


def under(bound: str) -> str:
    """A target from above."""
    return _("under %(bound)s") % {"bound": bound}
