"""Geometry of the dashboard's charts, drawn as SVG by templates: no script, and a table behind each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 36, 4, 10, 24
_TICKS = 4
_LABELS = 8


@dataclass(frozen=True, slots=True)
class Column:
    """One column with its place, its value and, where there is room, its label. Lengths in SVG units."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    label: str
    shown: bool
    value: int


@dataclass(frozen=True, slots=True)
class Columns:
    """A column chart over time."""

    columns: list[Column]
    ticks: list[tuple[float, int]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    base: int = HEIGHT - _BOTTOM
    label_y: int = HEIGHT - 6


def columns(rows: Sequence[tuple[str, int]]) -> Columns:
    """Lay out labelled counts as columns from zero."""
    top = nice_top(max((value for _, value in rows), default=0))
    room = HEIGHT - _TOP - _BOTTOM
    slot = (WIDTH - _LEFT - _RIGHT) / max(len(rows), 1)
    width = min(slot * 0.7, 48)
    every = math.ceil(len(rows) / _LABELS)
    bars = []
    for place, (label, value) in enumerate(rows):
        height = room * value / top
        middle = _LEFT + slot * (place + 0.5)
        # Counted from the end, so that the newest column always carries its label.
        shown = (len(rows) - 1 - place) % every == 0
        bars.append(
            Column(
                round(middle - width / 2, 1),
                round(HEIGHT - _BOTTOM - height, 1),
                round(width, 1),
                round(height, 1),
                round(middle, 1),
                label,
                shown,
                value,
            )
        )
    step = max(top // _TICKS, 1)
    ticks = [(round(HEIGHT - _BOTTOM - room * value / top, 1), value) for value in range(0, top + 1, step)]
    return Columns(bars, ticks)


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a pie: the SVG path of its area, its place in the palette, what it stands for."""

    path: str
    shade: int
    label: str
    value: int


RADIUS = 90
_SHADES = 8


def slices(rows: Sequence[tuple[str, int]]) -> list[Slice]:
    """A pie around (0, 0) with radius ``RADIUS``, from the top clockwise; parts of nothing are left out."""
    total = sum(value for _, value in rows)
    found: list[Slice] = []
    done = 0
    for place, (label, value) in enumerate(rows):
        if value:
            found.append(Slice(_wedge(done / total, (done + value) / total), place % _SHADES, label, value))
            done += value
    return found


def _wedge(start: float, end: float) -> str:
    """An arc of a whole circle would begin where it ends, so a full pie is drawn as two halves."""
    if end - start >= 1:
        return f"M0,{-RADIUS} A{RADIUS},{RADIUS} 0 1 1 0,{RADIUS} A{RADIUS},{RADIUS} 0 1 1 0,{-RADIUS} Z"
    (x1, y1), (x2, y2) = (
        (RADIUS * math.sin(math.tau * at), -RADIUS * math.cos(math.tau * at)) for at in (start, end)
    )
    large = int(end - start > 0.5)
    return f"M0,0 L{x1:.2f},{y1:.2f} A{RADIUS},{RADIUS} 0 {large} 1 {x2:.2f},{y2:.2f} Z"


def nice_top(value: int) -> int:
    """The end of an axis: the next number that divides into four whole steps."""
    if value <= _TICKS:
        return _TICKS
    power = 10 ** max(int(math.log10(value)) - 1, 0)
    step = _TICKS * power
    return math.ceil(value / step) * step


def percent(part: float, whole: float) -> float:
    """A share in percent; 0 of nothing."""
    return round(100 * part / whole, 1) if whole else 0.0
