"""Judging any engine on labelled texts, so that nothing is judged on what it was taught (C25)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from classifier.engine.metrics import Quality, coverage_at_precision, measure
from classifier.engine.paired import Labelled, part_of
from classifier.engine.thresholds import ThresholdChoice, threshold_for_precision
from classifier.engine.types import Prediction, TriageInput

FOLDS = 5
TARGETS = (0.90, 0.95, 0.98)
NO_ANSWER = "(no answer)"
_TIMED_SINGLES = 200

Answer = Callable[[Sequence[TriageInput]], list[Prediction | None]]
"""Asks an engine for the category of each text; None where it has no answer."""

MakeAnswer = Callable[[Sequence[Labelled]], Answer]
"""Trains an engine on labelled texts. Raises ModelError where they cannot train one."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds for one text asked alone, and texts a second asked together."""

    median_ms: float
    p95_ms: float
    texts_per_second: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """What can be answered at a precision: as measured, and with the threshold that proves it, if any."""

    precision: float
    measured: float
    proved: ThresholdChoice | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything measured about one engine on one set of texts."""

    quality: Quality
    coverage: tuple[Coverage, ...]
    latency: Latency

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        return asdict(self)


def evaluate(cases: Sequence[Labelled], answer: Answer) -> Evaluation:
    """Judge an engine as it stands. The caller vouches that it was not taught the texts.

    Raises ValueError without any text.
    """
    started = time.perf_counter()
    found = answer([TriageInput(body=case.text) for case in cases])
    return _evaluation(cases, found, time.perf_counter() - started, answer)


def evaluate_in_folds(cases: Sequence[Labelled], make: MakeAnswer, folds: int = FOLDS) -> Evaluation:
    """Judge an engine's recipe: each text is answered by one that was taught the other folds.

    The fold depends on the text alone, so copies of a text never stand on both sides. Raises ValueError
    without any text, ModelError where a fold's rest cannot train the engine.
    """
    found: list[Prediction | None] = [None] * len(cases)
    seconds = 0.0
    answer: Answer | None = None
    for inside, held in _dealt(cases, folds):
        answer = make([cases[place] for place in inside])
        started = time.perf_counter()
        answers = answer([TriageInput(body=cases[place].text) for place in held])
        seconds += time.perf_counter() - started
        for place, item in zip(held, answers, strict=True):
            found[place] = item
    if answer is None:
        raise ValueError("There is no text to judge.")
    return _evaluation(cases, found, seconds, answer)


def _dealt(cases: Sequence[Labelled], folds: int) -> Iterator[tuple[list[int], list[int]]]:
    """The places to teach and the places to judge, fold by fold; empty folds are left out."""
    parts = [part_of(case.key, folds) for case in cases]
    for fold in range(folds):
        held = [place for place, part in enumerate(parts) if part == fold]
        if held:
            yield [place for place, part in enumerate(parts) if part != fold], held


def _evaluation(
    cases: Sequence[Labelled], found: Sequence[Prediction | None], seconds: float, answer: Answer
) -> Evaluation:
    if not cases:
        raise ValueError("There is no text to judge.")
    truth = [case.label for case in cases]
    predicted = [item.value if item else NO_ANSWER for item in found]
    confidence = [(item.confidence or 0.0) if item else 0.0 for item in found]
    right = [a == b for a, b in zip(truth, predicted, strict=True)]
    labels = sorted({*truth, *predicted})
    targets = tuple(
        Coverage(
            target,
            coverage_at_precision(confidence, right, target),
            threshold_for_precision(confidence, right, target),
        )
        for target in TARGETS
    )
    quality = measure(truth, predicted, confidence, labels, seconds)
    return Evaluation(quality, targets, _latency(cases, seconds, answer))


def _latency(cases: Sequence[Labelled], seconds: float, answer: Answer) -> Latency:
    """Some of the texts asked again, one by one, now that the engine is warm."""
    times = []
    for case in cases[:_TIMED_SINGLES]:
        started = time.perf_counter()
        answer([TriageInput(body=case.text)])
        times.append((time.perf_counter() - started) * 1000)
    median, p95 = np.percentile(times, [50, 95])
    return Latency(float(median), float(p95), len(cases) / max(seconds, 1e-9))
