"""The tally from which bounds are chosen says exactly what the single answers say (C8)."""

from __future__ import annotations

import random

import pytest

from classifier.engine.metrics import TALLY_STEPS, Quality, answers_of_tally, measure, tally_of
from classifier.engine.thresholds import threshold_for_precision


def made_up(count: int) -> tuple[list[str], list[float], list[bool]]:
    """Answers whose confidence is honest."""
    dice = random.Random(3)
    confidence = [dice.random() ** 0.3 for _ in range(count)]
    return [dice.choice("abc") for _ in confidence], confidence, [dice.random() < c for c in confidence]


@pytest.mark.parametrize("value", ["", "b"])
def test_the_chosen_bound_accepts_exactly_what_it_promises(value: str) -> None:
    """C8: coverage and precision counted again on the single answers."""
    predicted, confidence, right = made_up(4_000)
    choice = threshold_for_precision(*answers_of_tally(tally_of(predicted, confidence, right), value), 0.9)
    assert choice is not None
    asked = [(c, r) for p, c, r in zip(predicted, confidence, right, strict=True) if value in {"", p}]
    taken = [r for c, r in asked if c >= choice.threshold]
    assert choice.answered == len(taken)
    assert choice.coverage == pytest.approx(len(taken) / len(asked))
    assert choice.precision == pytest.approx(sum(taken) / len(taken))
    assert choice.lower_bound >= 0.9


def test_no_coarser_bound_is_given_away() -> None:
    """C8: one step lower would not keep the promise, or the choice would have been lower."""
    predicted, confidence, right = made_up(4_000)
    exact = threshold_for_precision(confidence, right, 0.9)
    chosen = threshold_for_precision(*answers_of_tally(tally_of(predicted, confidence, right)), 0.9)
    assert exact is not None
    assert chosen is not None
    assert 0 <= chosen.threshold - exact.threshold <= 1 / TALLY_STEPS + 1e-9


def test_round_bounds_hold_what_lies_on_them() -> None:
    """C8: 0.955 is no exact binary number, and still belongs to its own step."""
    tally = tally_of(["a", "a", "a"], [0.955, 0.9549, 1.0], [True, False, True])
    assert tally == {"a": ((190, 1, 0), (191, 1, 1), (200, 1, 1))}


def test_quality_survives_its_json_and_older_json_without_a_tally() -> None:
    """C7: stored models stay readable."""
    quality = measure(["a", "b"], ["a", "a"], [0.9, 0.6], ["a", "b"])
    assert Quality.from_json(quality.to_json()) == quality
    older = {name: value for name, value in quality.to_json().items() if name != "tally"}
    assert Quality.from_json(older).tally == {}
