"""How good predictions are: accuracy, F1, calibration error, reliability, risk and coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

ECE_BINS = 15
TALLY_STEPS = 200
"""Confidence is kept in steps of 0.005: finer than the bounds people set, small enough for a row."""

_CURVE_POINTS = 101


@dataclass(frozen=True, slots=True)
class ClassReport:
    """Precision, recall and F1 of one label."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One bar of the reliability diagram: what was promised and what came true."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class CoveragePoint:
    """Answering everything at or above ``threshold`` covers ``coverage`` at ``accuracy``."""

    threshold: float
    coverage: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Quality:
    """Everything measured about one model, ready for JSON."""

    examples: int
    accuracy: float
    macro_f1: float
    ece: float
    classes: tuple[ClassReport, ...]
    reliability: tuple[ReliabilityBin, ...]
    risk_coverage: tuple[CoveragePoint, ...]
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    seconds: float = 0.0
    tally: Mapping[str, tuple[tuple[int, int, int], ...]] = field(default_factory=dict)
    """Answered value → (step of confidence, answered, right), strictest last; see ``tally_of``."""

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Quality:
        """The inverse of ``to_json``; raises KeyError or TypeError on a wrong shape."""
        values = {item.name: data[item.name] for item in fields(cls) if item.name != "tally"}
        # Models stored before the tally was kept have none.
        values["tally"] = {
            value: tuple((int(a), int(b), int(c)) for a, b, c in rows)
            for value, rows in data.get("tally", {}).items()
        }
        values["classes"] = tuple(ClassReport(**row) for row in data["classes"])
        values["reliability"] = tuple(ReliabilityBin(**row) for row in data["reliability"])
        values["risk_coverage"] = tuple(CoveragePoint(**row) for row in data["risk_coverage"])
        values["labels"] = tuple(data["labels"])
        values["confusion"] = tuple(tuple(row) for row in data["confusion"])
        return cls(**values)


def accuracy(truth: Sequence[str], predicted: Sequence[str]) -> float:
    """Share of answers that are right; 0 without any."""
    if not truth:
        return 0.0
    return sum(a == b for a, b in zip(truth, predicted, strict=True)) / len(truth)


def confusion_matrix(
    truth: Sequence[str], predicted: Sequence[str], labels: Sequence[str]
) -> NDArray[np.int64]:
    """Rows are the true labels, columns the predicted ones."""
    place = {label: index for index, label in enumerate(labels)}
    table = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for right, guess in zip(truth, predicted, strict=True):
        table[place[right], place[guess]] += 1
    return table


def class_reports(table: NDArray[np.int64], labels: Sequence[str]) -> tuple[ClassReport, ...]:
    """Precision, recall and F1 for each label of a confusion matrix; 0 where undefined."""
    reports = []
    for index, label in enumerate(labels):
        hit = int(table[index, index])
        named, real = int(table[:, index].sum()), int(table[index].sum())
        reports.append(
            ClassReport(
                label=label,
                precision=hit / named if named else 0.0,
                recall=hit / real if real else 0.0,
                f1=2 * hit / (named + real) if named + real else 0.0,
                support=real,
            )
        )
    return tuple(reports)


def macro_f1(truth: Sequence[str], predicted: Sequence[str]) -> float:
    """Mean F1 over the labels that occur in either."""
    labels = sorted({*truth, *predicted})
    reports = class_reports(confusion_matrix(truth, predicted, labels), labels)
    return sum(report.f1 for report in reports) / len(reports) if reports else 0.0


def reliability_bins(
    confidence: ArrayLike, right: ArrayLike, bins: int = ECE_BINS
) -> tuple[ReliabilityBin, ...]:
    """Equal-width bins over [0, 1]; empty ones are kept with a count of 0."""
    promised = np.asarray(confidence, dtype=float)
    came_true = np.asarray(right, dtype=float)
    places = np.minimum((promised * bins).astype(int), bins - 1)
    rows = []
    for place in range(bins):
        held = places == place
        count = int(held.sum())
        rows.append(
            ReliabilityBin(
                low=place / bins,
                high=(place + 1) / bins,
                count=count,
                confidence=float(promised[held].mean()) if count else 0.0,
                accuracy=float(came_true[held].mean()) if count else 0.0,
            )
        )
    return tuple(rows)


def ece(confidence: ArrayLike, right: ArrayLike, bins: int = ECE_BINS) -> float:
    """Expected calibration error: mean gap between confidence and accuracy, by bin size."""
    rows = reliability_bins(confidence, right, bins)
    total = sum(row.count for row in rows)
    if not total:
        return 0.0
    return sum(row.count * abs(row.confidence - row.accuracy) for row in rows) / total


def _accepted(confidence: ArrayLike, right: ArrayLike) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Thresholds from high to low with the count and the accuracy of what each accepts."""
    promised = np.asarray(confidence, dtype=float)
    order = np.argsort(-promised, kind="stable")
    ranked = promised[order]
    hits = np.cumsum(np.asarray(right, dtype=float)[order])
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if len(ranked) else np.zeros(0, int)
    return ranked[last], last + 1, hits[last] / (last + 1)


def risk_coverage(
    confidence: ArrayLike, right: ArrayLike, points: int = _CURVE_POINTS
) -> tuple[CoveragePoint, ...]:
    """The accuracy of what is answered, for thresholds from strict to lax; ties move together."""
    thresholds, counts, accuracies = _accepted(confidence, right)
    if not len(counts):
        return ()
    picks = np.unique(np.linspace(0, len(counts) - 1, min(points, len(counts))).astype(int))
    total = counts[-1]
    return tuple(
        CoveragePoint(float(thresholds[i]), float(counts[i] / total), float(accuracies[i])) for i in picks
    )


def coverage_at_precision(confidence: ArrayLike, right: ArrayLike, precision: float) -> float:
    """The largest share that can be answered with at least this precision."""
    _, counts, accuracies = _accepted(confidence, right)
    good = counts[accuracies >= precision]
    return float(good.max() / counts[-1]) if len(good) else 0.0


def accuracy_at_coverage(confidence: ArrayLike, right: ArrayLike, coverage: float) -> float:
    """Accuracy of the most confident ``coverage`` share."""
    order = np.argsort(-np.asarray(confidence, dtype=float), kind="stable")
    taken = np.asarray(right, dtype=float)[order[: int(coverage * len(order))]]
    return float(taken.mean()) if len(taken) else 0.0


def tally_of(
    predicted: Sequence[str], confidence: Sequence[float], right: Sequence[bool]
) -> dict[str, tuple[tuple[int, int, int], ...]]:
    """How many answers of each value were given, and right, in each step of confidence.

    A step holds what lies at or above it, so a threshold at ``step / TALLY_STEPS`` accepts exactly the steps
    from there on, and precision and coverage at any such threshold are exact.
    """
    counts: dict[str, dict[int, list[int]]] = {}
    for value, share, is_right in zip(predicted, confidence, right, strict=True):
        # The tiny amount undoes what binary fractions take from bounds such as 0.955.
        step = min(int(share * TALLY_STEPS + 1e-9), TALLY_STEPS)
        cell = counts.setdefault(value, {}).setdefault(step, [0, 0])
        cell[0] += 1
        cell[1] += bool(is_right)
    return {
        value: tuple((step, answered, hits) for step, (answered, hits) in sorted(cells.items()))
        for value, cells in sorted(counts.items())
    }


def answers_of_tally(
    tally: Mapping[str, Sequence[Sequence[int]]], value: str = ""
) -> tuple[list[float], list[bool]]:
    """Confidences, rounded down to their steps, and whether right: of all answers, or of one value's."""
    confidences: list[float] = []
    right: list[bool] = []
    for name, rows in tally.items():
        if value and name != value:
            continue
        for step, answered, hits in rows:
            confidences += [step / TALLY_STEPS] * answered
            right += [True] * hits + [False] * (answered - hits)
    return confidences, right


def measure(
    truth: Sequence[str],
    predicted: Sequence[str],
    confidence: Sequence[float],
    labels: Sequence[str],
    seconds: float = 0.0,
) -> Quality:
    """Measure one set of answers against the truth."""
    right = [a == b for a, b in zip(truth, predicted, strict=True)]
    table = confusion_matrix(truth, predicted, labels)
    reports = class_reports(table, labels)
    return Quality(
        examples=len(truth),
        accuracy=accuracy(truth, predicted),
        macro_f1=sum(report.f1 for report in reports) / max(len(reports), 1),
        ece=ece(confidence, right),
        classes=reports,
        reliability=reliability_bins(confidence, right),
        risk_coverage=risk_coverage(confidence, right),
        labels=tuple(labels),
        confusion=tuple(tuple(int(cell) for cell in row) for row in table),
        seconds=seconds,
        tally=tally_of(predicted, confidence, right),
    )


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Agreement of two raters beyond chance (Cohen, 1960): 1 always, 0 as chance; None without a choice."""
    if not pairs:
        return None
    count = len(pairs)
    agreed = sum(first == second for first, second in pairs) / count
    labels = {label for pair in pairs for label in pair}
    chance = sum(
        sum(first == label for first, _ in pairs) * sum(second == label for _, second in pairs)
        for label in labels
    ) / (count * count)
    return None if chance >= 1.0 else (agreed - chance) / (1.0 - chance)
