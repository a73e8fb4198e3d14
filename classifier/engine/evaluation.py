"""Judging any engine on labelled texts, so that nothing is judged on what it was taught (C25)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from classifier.engine.metrics import Quality, coverage_at_precision, ece, measure, reliability_bins
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

    Each text is asked once. Raises ValueError without any text.
    """
    asked = _asked(cases, answer, _TIMED_SINGLES)
    return evaluation_of(cases, asked.found, asked.latency())


def evaluate_in_folds(cases: Sequence[Labelled], make: MakeAnswer, folds: int = FOLDS) -> Evaluation:
    """Judge an engine's recipe: each text is answered by one that was taught the other folds.

    The fold depends on the text alone, so copies of a text never stand on both sides. Raises ValueError
    without any text, ModelError where a fold's rest cannot train the engine.
    """
    found: list[Prediction | None] = [None] * len(cases)
    sum_of = _Asked()
    for taught, held in dealt(cases, folds):
        answer = make([cases[place] for place in taught])
        part = _asked([cases[place] for place in held], answer, _TIMED_SINGLES // folds)
        for place, item in zip(held, part.found, strict=True):
            found[place] = item
        sum_of.add(part)
    return evaluation_of(cases, found, sum_of.latency())


def dealt(cases: Sequence[Labelled], folds: int = FOLDS) -> Iterator[tuple[list[int], list[int]]]:
    """The places to teach and the places to judge, fold by fold; empty folds are left out."""
    parts = [part_of(case.key, folds) for case in cases]
    for fold in range(folds):
        held = [place for place, part in enumerate(parts) if part == fold]
        if held:
            yield [place for place, part in enumerate(parts) if part != fold], held


def evaluation_of(
    cases: Sequence[Labelled], found: Sequence[Prediction | None], latency: Latency
) -> Evaluation:
    """Measure answers that were given, in the order of the texts; None is a wrong answer.

    Raises ValueError without any text.
    """
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
    seconds = len(cases) / latency.texts_per_second if latency.texts_per_second else 0.0
    quality = measure(truth, predicted, confidence, labels, seconds)
    return Evaluation(_of_answers(quality, found, right), targets, latency)


def _of_answers(quality: Quality, found: Sequence[Prediction | None], right: Sequence[bool]) -> Quality:
    """No answer is wrong, but it is no category of which F1 could be the mean, and it promises nothing."""
    stated = [(item.confidence or 0.0, is_right) for item, is_right in zip(found, right, strict=True) if item]
    confidence, came_true = [share for share, _ in stated], [is_right for _, is_right in stated]
    classes = tuple(row for row in quality.classes if row.label != NO_ANSWER)
    return replace(
        quality,
        classes=classes,
        macro_f1=sum(row.f1 for row in classes) / max(len(classes), 1),
        ece=ece(confidence, came_true),
        reliability=reliability_bins(confidence, came_true),
    )


def latency_of(milliseconds: Sequence[float], texts: int = 0, seconds: float = 0.0) -> Latency:
    """Median and 95th percentile of texts asked alone; the rate is that of ``texts`` asked together.

    Where none were asked together, the rate is that of asking them one after the other.
    """
    if not milliseconds:
        return Latency(0.0, 0.0, 0.0)
    median, p95 = np.percentile(milliseconds, [50, 95])
    if not texts:
        texts, seconds = len(milliseconds), sum(milliseconds) / 1000
    return Latency(float(median), float(p95), texts / max(seconds, 1e-9))


@dataclass(slots=True)
class _Asked:
    """Answers in order; the first texts were asked alone and timed, the others together."""

    found: list[Prediction | None] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    together: int = 0
    seconds: float = 0.0

    def add(self, other: _Asked) -> None:
        """Count another fold's times in."""
        self.milliseconds += other.milliseconds
        self.together += other.together
        self.seconds += other.seconds

    def latency(self) -> Latency:
        """What the times say."""
        return latency_of(self.milliseconds, self.together, self.seconds)


def _asked(cases: Sequence[Labelled], answer: Answer, singles: int) -> _Asked:
    """Every text once: what is asked twice costs twice, and may be answered from a cache."""
    asked = _Asked()
    for case in cases[:singles]:
        started = time.perf_counter()
        asked.found += answer([TriageInput(body=case.text)])
        asked.milliseconds.append((time.perf_counter() - started) * 1000)
    rest = [TriageInput(body=case.text) for case in cases[singles:]]
    if rest:
        started = time.perf_counter()
        asked.found += answer(rest)
        asked.together, asked.seconds = len(rest), time.perf_counter() - started
    return asked
