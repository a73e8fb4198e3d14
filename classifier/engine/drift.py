"""How far two samples of the same thing have moved apart (C26)."""

from __future__ import annotations

import math
from collections.abc import Mapping

_SMOOTHING = 0.5


def stability_index(before: Mapping[str, int], now: Mapping[str, int]) -> float:
    """The population stability index of two counts by value; 0 where they are alike, unbounded above.

    Half a count is added to each value, so that one that is new or gone stays finite. 0 without any value.
    """
    names = {*before, *now}
    total_before = sum(before.values()) + _SMOOTHING * len(names)
    total_now = sum(now.values()) + _SMOOTHING * len(names)
    index = 0.0
    for name in names:
        old = (before.get(name, 0) + _SMOOTHING) / total_before
        new = (now.get(name, 0) + _SMOOTHING) / total_now
        index += (new - old) * math.log(new / old)
    return index


def index_beyond_chance(before: Mapping[str, int], now: Mapping[str, int]) -> float:
    """The index less what two samples of one population show on average.

    That is ``(values - 1) * (1 / before + 1 / now)``: with few tickets and many categories it alone would
    pass the usual bounds. Raises ZeroDivisionError for an empty sample.
    """
    values = len({*before, *now})
    expected = (values - 1) * (1 / sum(before.values()) + 1 / sum(now.values()))
    return stability_index(before, now) - expected
