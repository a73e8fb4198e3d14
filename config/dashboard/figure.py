"""The shape of one number of the dashboard."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with what it means, what it was, what it should be and where it comes from.

    ``tone`` is "good", "bad", "warn" or empty; ``change`` compares with the period before. ``count`` is the
    number of rows behind ``link``, where the figure counts rows; a test opens each and counts them.
    """

    label: str
    value: str
    link: str = ""
    tone: str = ""
    change: str = ""
    target: str = ""
    note: str = ""
    count: int | None = None
