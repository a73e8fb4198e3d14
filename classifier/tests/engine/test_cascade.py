"""Who is asked, who decides, and what an uncalibrated answer is worth (C3, C6, C8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from classifier.engine.cascade import Cascade, CascadeAnswer
from classifier.engine.thresholds import Thresholds, lower_bound, threshold_for_precision
from classifier.engine.types import Prediction, TriageInput


@dataclass
class Fixed:
    """An engine that always says the same and counts how often it was asked."""

    name: str
    value: str = ""
    confidence: float = 0.0
    calibrated: bool = True
    asked: int = field(default=0)

    def predict(self, batch: Sequence[TriageInput]) -> list[dict[str, Prediction]]:
        """The one answer, or none."""
        self.asked += len(batch)
        if not self.value:
            return [{} for _ in batch]
        item = Prediction("category", self.value, self.confidence, self.name, calibrated=self.calibrated)
        return [{"category": item} for _ in batch]


def run(*engines: Fixed, force: str = "") -> CascadeAnswer:
    """One text through the engines."""
    return Cascade(list(engines), Thresholds()).predict_all([TriageInput("text")], force=force)[0]


def test_a_sure_engine_spares_the_next() -> None:
    """C6: the model is asked only for the rest."""
    local, llm = Fixed("local", "a", 0.9), Fixed("llm", "b", 0.99, calibrated=False)
    assert run(local, llm).decided_by == "local"
    assert llm.asked == 0


def test_an_unsure_engine_is_not_the_last_word() -> None:
    """C6: the next is asked, and the surest answer stands."""
    answer = run(Fixed("local", "a", 0.4), Fixed("llm", "b", 0.99, calibrated=False))
    assert (answer.decided_by, answer.disagreement) == ("llm", True)
    assert answer.predictions["category"].confidence == pytest.approx(0.79)


def test_an_uncalibrated_answer_counts_when_the_local_engine_agrees() -> None:
    """C6: the cap falls."""
    answer = run(Fixed("local", "a", 0.5), Fixed("llm", "a", 0.95, calibrated=False))
    assert answer.predictions["category"].confidence == 0.95
    assert not answer.disagreement


def test_an_engine_without_an_answer_is_passed_over() -> None:
    """C1: a step that fails falls back."""
    assert run(Fixed("local", "a", 0.5), Fixed("llm")).decided_by == "local"
    assert run(Fixed("llm"), Fixed("rules", "c", 0.5, calibrated=False)).decided_by == "rules"
    assert run(Fixed("llm")).predictions == {}


def test_rules_alone_never_apply_a_category() -> None:
    """C5: their confidence is a share of keywords, not a promise."""
    answer = run(Fixed("rules", "c", 0.85, calibrated=False))
    assert (answer.predictions["category"].confidence or 0) < 0.8


def test_an_engine_can_be_asked_by_name() -> None:
    """API.md: ``options.engine``."""
    answer = run(Fixed("local", "a", 0.9), Fixed("llm", "b", 0.5, calibrated=False), force="llm")
    assert answer.decided_by == "llm"


@pytest.mark.parametrize(
    ("confidence", "state"), [(0.8, "applied"), (0.79, "suggested"), (0.6, "suggested"), (0.59, "held")]
)
def test_bounds_decide(confidence: float, state: str) -> None:
    """C3: applied, suggested or held."""
    assert Thresholds().decide("category", "a", confidence) == state


def test_a_categorys_own_bound_goes_first() -> None:
    """C3: per field and per category."""
    bounds = Thresholds(per_field={"severity": 0.5}, per_category={"a": 0.95})
    assert bounds.decide("category", "a", 0.9) == "suggested"
    assert bounds.decide("category", "b", 0.9) == "applied"
    assert bounds.decide("severity", "high", 0.5) == "applied"


@pytest.mark.parametrize(
    ("right", "answered", "bound"), [(20, 20, 0.8609), (95, 100, 0.8977), (0, 5, 0.0), (10, 10, 0.7411)]
)
def test_the_lower_bound_is_clopper_and_pearsons(right: int, answered: int, bound: float) -> None:
    """C8: one-sided, 95 %; for all right it is 0.05 to the power of one over n."""
    assert lower_bound(right, answered) == pytest.approx(bound, abs=2e-4)


def test_a_precision_finds_its_threshold() -> None:
    """C8: the lowest threshold that keeps the promise, and the review it costs."""
    confidences = [1 - number / 1000 for number in range(400)]
    right = [number < 200 or number % 2 == 0 for number in range(400)]
    chosen = threshold_for_precision(confidences, right, 0.95)
    assert chosen is not None
    assert chosen.lower_bound >= 0.95
    assert chosen.review_rate == pytest.approx(1 - chosen.coverage)
    assert threshold_for_precision([0.9, 0.8], [True, True], 0.95) is None
