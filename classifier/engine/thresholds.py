"""When a prediction is applied, suggested or held, and which threshold keeps a precision (C3, C8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from scipy.stats import beta

State = Literal["applied", "suggested", "held"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Bounds in [0, 1]; a category's own accept bound goes first, then a field's, then the general one."""

    accept: float = 0.80
    suggest: float = 0.60
    per_field: Mapping[str, float] = field(default_factory=dict)
    per_category: Mapping[str, float] = field(default_factory=dict)

    def accept_for(self, name: str, value: str) -> float:
        """The bound at which a value of a field is applied."""
        if name == "category" and value in self.per_category:
            return self.per_category[value]
        return self.per_field.get(name, self.accept)

    def suggest_for(self, name: str, value: str) -> float:
        """The bound at which a value of a field is at least suggested."""
        return min(self.suggest, self.accept_for(name, value))

    def decide(self, name: str, value: str, confidence: float) -> State:
        """What becomes of a value with this confidence."""
        accept = self.accept_for(name, value)
        if confidence >= accept:
            return "applied"
        return "suggested" if confidence >= self.suggest_for(name, value) else "held"


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """The lowest threshold that keeps the promise, what it promises at least, and the review it costs."""

    threshold: float
    precision: float
    lower_bound: float
    coverage: float
    review_rate: float
    answered: int


def lower_bound(right: int, answered: int, alpha: float = 0.05) -> float:
    """One-sided exact lower bound of a share (Clopper and Pearson, 1934) at level ``1 - alpha``."""
    if right <= 0 or answered <= 0:
        return 0.0
    return float(beta.ppf(alpha, right, answered - right + 1))


def threshold_for_precision(
    confidences: Sequence[float], right: Sequence[bool], target: float, alpha: float = 0.05
) -> ThresholdChoice | None:
    """The lowest threshold whose exact lower bound of precision reaches ``target``; None when none does.

    ``confidences`` in [0, 1] and ``right`` belong to the same held-out answers, in the same order.
    """
    ranked = sorted(zip(confidences, right, strict=True), key=lambda pair: -pair[0])
    chosen: ThresholdChoice | None = None
    hits = 0
    for position, (confidence, is_right) in enumerate(ranked, start=1):
        hits += bool(is_right)
        tied = position < len(ranked) and ranked[position][0] == confidence
        bound = 0.0 if tied else lower_bound(hits, position, alpha)
        if bound >= target:
            coverage = position / len(ranked)
            chosen = ThresholdChoice(confidence, hits / position, bound, coverage, 1 - coverage, position)
    return chosen
