"""Out-of-fold judging: what memory alone could know is not known (C25)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from classifier.engine.evaluation import NO_ANSWER, Answer, evaluate, evaluate_in_folds
from classifier.engine.paired import Labelled
from classifier.engine.types import Prediction, TriageInput


def by_heart(taught: Sequence[Labelled]) -> Answer:
    """An engine that knows exactly what it was taught."""
    memory = {case.text: case.label for case in taught}

    def answer(batch: Sequence[TriageInput]) -> list[Prediction | None]:
        return [
            Prediction("category", memory[item.body], 0.9, "memory") if item.body in memory else None
            for item in batch
        ]

    return answer


def copies(*, same_key: bool) -> list[Labelled]:
    """Fifty texts, four times each."""
    return [
        Labelled(f"{n}" if same_key else f"{n}/{copy}", f"text {n}", "ab"[n % 2])
        for n in range(50)
        for copy in range(4)
    ]


def test_copies_of_a_text_never_stand_on_both_sides() -> None:
    """C25: the same alert four times is not known three times; without a common name it would be."""
    assert evaluate_in_folds(copies(same_key=True), by_heart).quality.accuracy == 0.0
    assert evaluate_in_folds(copies(same_key=False), by_heart).quality.accuracy > 0.9


def test_no_answer_is_a_wrong_answer() -> None:
    """C25: silence does not raise accuracy, and stands in the confusion matrix."""
    cases = [Labelled("1", "known", "a"), Labelled("2", "unknown", "b")]
    quality = evaluate(cases, by_heart(cases[:1])).quality
    assert quality.accuracy == 0.5
    assert quality.labels == (NO_ANSWER, "a", "b")
    assert quality.confusion == ((0, 0, 0), (0, 1, 0), (1, 0, 0))


def test_silence_is_no_category_and_promises_nothing() -> None:
    """C25: macro F1 is the mean over categories, and calibration is about confidence that was stated."""
    cases = [Labelled(f"{n}", f"text {n}", "ab"[n % 2]) for n in range(40)]
    quality = evaluate(cases, by_heart(cases[:20])).quality
    assert [row.label for row in quality.classes] == ["a", "b"]
    assert quality.macro_f1 == pytest.approx(2 * 10 / (10 + 20))
    assert quality.ece == pytest.approx(0.1)
    assert sum(row.count for row in quality.reliability) == 20
    silent = evaluate(cases, by_heart([])).quality
    assert (silent.accuracy, silent.macro_f1, silent.ece) == (0.0, 0.0, 0.0)


def test_coverage_is_what_can_be_answered_and_what_is_proved() -> None:
    """C25, C8: a hundred right answers prove 0.95 but not 0.98."""
    cases = [Labelled(f"{n}", f"text {n}", "ab"[n % 2]) for n in range(100)]
    nine, ninety_five, ninety_eight = evaluate(cases, by_heart(cases)).coverage
    assert nine.measured == ninety_eight.measured == 1.0
    assert ninety_five.proved is not None
    assert ninety_five.proved.lower_bound == pytest.approx(0.05 ** (1 / 100))
    assert ninety_eight.proved is None


def test_nothing_to_judge_is_an_error() -> None:
    """C25: no figure is made up."""
    with pytest.raises(ValueError, match="no text"):
        evaluate([], by_heart([]))
    with pytest.raises(ValueError, match="no text"):
        evaluate_in_folds([], by_heart)


def test_every_text_is_asked_once() -> None:
    """C25: what is asked twice costs twice."""
    cases = [Labelled(f"{n}", f"text {n}", "ab"[n % 2]) for n in range(500)]
    asked: list[str] = []

    def answer(batch: Sequence[TriageInput]) -> list[Prediction | None]:
        asked.extend(item.body for item in batch)
        return [None] * len(batch)

    latency = evaluate(cases, answer).latency
    assert asked == [case.text for case in cases]
    assert latency.p95_ms >= latency.median_ms > 0
    assert latency.texts_per_second > 0
