"""Repeated looks at one comparison spend no more doubt than one (C24)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from classifier.engine.looks import Looks
from classifier.engine.paired import PairedTest, mcnemar_exact

ALPHA = 0.05
NIGHTS = 180
HALF_YEARS = 300


def paired(gained: int, lost: int) -> PairedTest:
    """A test of which only the differences matter."""
    return PairedTest(gained + lost, gained, lost, gained, lost, mcnemar_exact(gained, lost, "greater"), 1.0)


def half_year(random: np.random.Generator, *, anew: bool, corrected: bool, better: float = 0.5) -> bool:
    """Whether a model passes at any night; ``better`` is the chance that a difference speaks for it.

    About six labels come in a day, and the models differ on one text in five. ``anew`` draws all answers
    again each night, as if every candidate had nothing in common with the one before; otherwise they stay.
    """
    looks, gained, lost, texts = Looks(), 0, 0, 0
    for _ in range(NIGHTS):
        new = int(random.poisson(6))
        texts += new
        differ = int(random.binomial(texts if anew else new, 0.2))
        wins = int(random.binomial(differ, better))
        gained, lost = (wins, differ - wins) if anew else (gained + wins, lost + differ - wins)
        test = paired(gained, lost)
        if not corrected:
            if test.shows_better(ALPHA):
                return True
            continue
        if texts < looks.next_at or not looks.can_pass(test, ALPHA):
            continue
        if test.shows_better(looks.bound(ALPHA)):
            return True
        looks = looks.after(texts)
    return False


def share(*, anew: bool, corrected: bool, better: float = 0.5) -> float:
    """Of many half-years, those in which a model passed."""
    random = np.random.default_rng(20_26)
    passed = sum(half_year(random, anew=anew, corrected=corrected, better=better) for _ in range(HALF_YEARS))
    return passed / HALF_YEARS


@pytest.mark.parametrize("anew", [False, True])
def test_of_equal_models_one_in_twenty_passes_in_half_a_year_of_nights(anew: bool) -> None:
    """C24: uncorrected it is several times as many, whether the candidates are alike or not."""
    assert share(anew=anew, corrected=True) <= ALPHA
    assert share(anew=anew, corrected=False) > 3 * ALPHA


def test_a_better_model_still_passes() -> None:
    """C24: one that wins seven differences in ten is found in nearly every half-year."""
    assert share(anew=False, corrected=True, better=0.7) > 0.9


def test_all_looks_together_spend_what_one_may() -> None:
    """C24: the bounds add up to alpha from below."""
    bounds = [Looks(taken).bound(ALPHA) for taken in range(20_000)]
    assert bounds[0] == pytest.approx(ALPHA * 6 / math.pi**2)
    assert sum(bounds) < ALPHA
    assert sum(bounds) == pytest.approx(ALPHA, rel=1e-4)


def test_a_look_needs_a_quarter_more_texts_and_enough_differences() -> None:
    """C24: otherwise nothing is spent."""
    looks = Looks().after(40)
    assert (looks.taken, looks.next_at, Looks().next_at) == (1, 50, 1)
    assert not Looks().can_pass(paired(5, 0), ALPHA)
    assert Looks().can_pass(paired(0, 6), ALPHA)
    assert not looks.can_pass(paired(6, 0), ALPHA)
