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
class Judged:
    """An engine that has answered every text before; ``answers`` by text."""

    answers: dict[str, dict[str, Prediction]]
    name: str = "local"

    def predict(self, batch: Sequence[TriageInput]) -> list[dict[str, Prediction]]:
        """What was answered."""
        return [dict(self.answers[item.body]) for item in batch]


def judge_locally(data: DataSet, folds: int = 5) -> list[dict[str, Prediction]]:
    """The local engine's answer to every text, by a model that never saw it."""
    names = sorted(set(data.labels))
    dealt = deal_folds(np.array([names.index(label) for label in data.labels]), folds, seed=7)
    found: list[dict[str, Prediction]] = [{} for _ in data.texts]
    for fold in range(folds):
        taught, held = np.flatnonzero(dealt != fold), np.flatnonzero(dealt == fold)
        model = FieldModel.train([data.texts[i] for i in taught], [data.labels[i] for i in taught])
        answers = LocalEngine({"category": model}, "bench").predict(
            [TriageInput(data.texts[i]) for i in held]
        )
        for place, answer in zip(held, answers, strict=True):
            found[place] = answer
    return found


def report(data: DataSet, local: list[dict[str, Prediction]], accept: float, accuracy: float) -> None:
    """Print the figures of one bound beside their targets."""
    random = np.random.default_rng(11)
    batch = [TriageInput(text) for text in data.texts]
    truth = dict(zip(data.texts, data.labels, strict=True))
    simulated = SimulatedModel(truth, sorted(set(data.labels)), accuracy, random)
    judged = Judged(dict(zip(data.texts, local, strict=True)))
    answers = Cascade([judged, simulated], Thresholds(accept=accept)).predict_all(batch)
    alone = [answer["category"].value == label for answer, label in zip(local, data.labels, strict=True)]
    both = [a.predictions["category"].value == label for a, label in zip(answers, data.labels, strict=True)]
    sent = float(np.mean([text in simulated.asked for text in data.texts]))
    gained = sum(c and not a for a, c in zip(alone, both, strict=True))
    lost = sum(a and not c for a, c in zip(alone, both, strict=True))
    price = TOKENS_A_CALL * DOLLARS_A_MILLION_TOKENS / 1e6 * len(batch)
    print(f"\n{data.name}: {len(batch):,} texts, accept from {accept}")
    print(f"  sent to the model {sent:.3f} (target at most {SHARE_TARGET})")
    print(f"  accuracy: local {np.mean(alone):.4f}, cascade {np.mean(both):.4f}, model alone {accuracy}")
    print(f"  gain {np.mean(both) - np.mean(alone):+.4f} (target {GAIN_TARGET:+.2f})")
    print(f"  paired: {gained} gained, {lost} lost, p = {mcnemar_exact(gained, lost):.2g}")
    print(f"  cost: cascade ${sent * price:.2f}, model for everything ${price:.2f}", flush=True)


def main() -> None:
    """Read the arguments and print the machine and both data sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--accept", type=float, nargs="+", default=[0.8, 0.7, 0.6])
    parser.add_argument("--accuracy", type=float, default=0.9)
    chosen = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, model right {chosen.accuracy:.0%}")
    for data in (banking77(chosen.data), it_tickets(chosen.data)):
        local = judge_locally(data)
        for accept in chosen.accept:
            report(data, local, accept, chosen.accuracy)


if __name__ == "__main__":
    main()
