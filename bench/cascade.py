"""Benchmark P5: what asking a language model for the unsure tickets brings, and what it costs.

Run: ``OMP_NUM_THREADS=1 python -m bench.cascade DATA_DIR``. The model is simulated: it is right with a fixed
chance, wrong answers fall on the other labels evenly, and its confidence is what fifty known outcomes have
earned it. Five folds; the texts of each are judged by a local model that saw nothing of them. A ticket is
asked about when any learned field is unsure; these data have one label a text, so that is the category.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.local_engine import DataSet, banking77, it_tickets
from classifier.engine.cascade import Cascade
from classifier.engine.linear import FieldModel, deal_folds
from classifier.engine.local import LocalEngine
from classifier.engine.paired import mcnemar_exact
from classifier.engine.thresholds import Thresholds
from classifier.engine.types import Prediction, TriageInput

TOKENS_A_CALL = 1_150
"""About what the shipped prompt, a short ticket and its answer take."""
DOLLARS_A_MILLION_TOKENS = 0.5
SHARE_TARGET, GAIN_TARGET = 0.20, 0.04


@dataclass
class SimulatedModel:
    """A language model that is right so often; counts what it was asked."""

    truth: dict[str, str]
    labels: Sequence[str]
    accuracy: float
    random: np.random.Generator
    name: str = "llm"
    asked: set[str] = field(default_factory=set)

    def predict(self, batch: Sequence[TriageInput]) -> list[dict[str, Prediction]]:
        """One answer a text."""
        return [{"category": self._answer(item.body)} for item in batch]

    def _answer(self, text: str) -> Prediction:
        self.asked.add(text)
        right = self.truth[text]
        others = [label for label in self.labels if label != right]
        value = right if self.random.random() < self.accuracy else str(self.random.choice(others))
        return Prediction("category", value, self.accuracy, "llm")


@dataclass(frozen=True, slots=True)
class Figures:
    """Right or wrong by local engine, cascade and model alone; the share that was asked about."""

    local: list[bool]
    cascade: list[bool]
    model: list[bool]
    sent: float


def run(data: DataSet, accept: float, accuracy: float, folds: int = 5) -> Figures:
    """Judge every text by a local model that never saw it, and by the cascade over it."""
    names = sorted(set(data.labels))
    truth = np.array([names.index(label) for label in data.labels])
    dealt = deal_folds(truth, folds, seed=7)
    random = np.random.default_rng(11)
    local, cascade = [False] * len(truth), [False] * len(truth)
    asked = 0
    for fold in range(folds):
        taught, held = np.flatnonzero(dealt != fold), np.flatnonzero(dealt == fold)
        model = FieldModel.train([data.texts[i] for i in taught], [data.labels[i] for i in taught])
        engine = LocalEngine({"category": model}, "bench")
        batch = [TriageInput(data.texts[i]) for i in held]
        simulated = SimulatedModel({data.texts[i]: data.labels[i] for i in held}, names, accuracy, random)
        answers = Cascade([engine, simulated], Thresholds(accept=accept)).predict_all(batch)
        for place, alone, answer in zip(held, engine.predict(batch), answers, strict=True):
            local[place] = alone["category"].value == data.labels[place]
            cascade[place] = answer.predictions["category"].value == data.labels[place]
        asked += sum(data.texts[i] in simulated.asked for i in held)
    alone = random.random(len(truth)) < accuracy
    return Figures(local, cascade, alone.tolist(), asked / len(truth))


def report(data: DataSet, accept: float, accuracy: float) -> None:
    """Print the figures beside their targets."""
    figures = run(data, accept, accuracy)
    count = len(figures.local)
    local, cascade, model = (float(np.mean(part)) for part in (figures.local, figures.cascade, figures.model))
    gained = sum(c and not a for a, c in zip(figures.local, figures.cascade, strict=True))
    lost = sum(a and not c for a, c in zip(figures.local, figures.cascade, strict=True))
    price = TOKENS_A_CALL * DOLLARS_A_MILLION_TOKENS / 1e6 * count
    print(f"\n{data.name}: {count:,} texts, accept from {accept}")
    print(f"  sent to the model {figures.sent:.3f} (target at most {SHARE_TARGET})")
    print(f"  accuracy: local {local:.4f}, cascade {cascade:.4f}, model alone {model:.4f}")
    print(f"  gain {cascade - local:+.4f} (target {GAIN_TARGET:+.2f})")
    print(f"  paired: {gained} gained, {lost} lost, p = {mcnemar_exact(gained, lost):.2g}")
    print(f"  cost: cascade ${figures.sent * price:.2f}, model for everything ${price:.2f}", flush=True)


def main() -> None:
    """Read the arguments and print the machine and both data sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--accept", type=float, default=0.8)
    parser.add_argument("--accuracy", type=float, default=0.9)
    chosen = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, model right {chosen.accuracy:.0%}")
    for data in (banking77(chosen.data), it_tickets(chosen.data)):
        report(data, chosen.accept, chosen.accuracy)


if __name__ == "__main__":
    main()
