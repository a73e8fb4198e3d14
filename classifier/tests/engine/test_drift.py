"""The population stability index, and what chance alone makes of it (C26)."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from classifier.engine.drift import index_beyond_chance, stability_index


def test_equal_shares_have_an_index_of_zero() -> None:
    """C26: size does not matter, shares do."""
    assert stability_index({"a": 5, "b": 5}, {"a": 5, "b": 5}) == 0.0
    assert stability_index({"a": 5_000, "b": 5_000}, {"a": 50, "b": 50}) == pytest.approx(0.0, abs=1e-9)


def test_the_index_is_the_one_counted_by_hand() -> None:
    """C26: (0.8 - 0.5) ln(0.8 / 0.5) + (0.2 - 0.5) ln(0.2 / 0.5), apart from the smoothing."""
    wanted = 0.3 * math.log(1.6) - 0.3 * math.log(0.4)
    assert stability_index({"a": 50_000, "b": 50_000}, {"a": 80_000, "b": 20_000}) == pytest.approx(
        wanted, rel=1e-3
    )


def test_a_new_or_vanished_value_is_finite_and_large() -> None:
    """C26: no division by zero."""
    assert 1 < stability_index({"a": 100}, {"b": 100}) < 100


def test_samples_of_one_population_hardly_ever_pass_the_bound() -> None:
    """C26: a hundred tickets of ten categories against four hundred: one false alarm in a hundred at most."""
    dice = random.Random(1)
    found = [
        index_beyond_chance(
            Counter(dice.choice("abcdefghij") for _ in range(400)),
            Counter(dice.choice("abcdefghij") for _ in range(100)),
        )
        for _ in range(200)
    ]
    assert sum(index > 0.2 for index in found) <= 2
    assert abs(sum(found) / len(found)) < 0.02
