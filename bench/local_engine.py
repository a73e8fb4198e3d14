"""Benchmarks P1, P2, P3: quality and speed of the local engine on public tickets.

Run: ``OMP_NUM_THREADS=1 python -m bench.local_engine DATA_DIR [--only banking77|it_tickets|speed]``.
Every figure is measured on folds the model never saw: calibration happens inside the training part only.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from classifier.engine.linear import FieldModel, deal_folds
from classifier.engine.local import LocalEngine
from classifier.engine.metrics import accuracy_at_coverage, coverage_at_precision, ece
from classifier.engine.types import TriageInput

csv.field_size_limit(sys.maxsize)


@dataclass(frozen=True, slots=True)
class DataSet:
    """Texts with labels, and the figures they have to reach."""

    name: str
    texts: list[str]
    labels: list[str]
    accuracy: float
    ece: float


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file, packed or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def banking77(folder: Path) -> DataSet:
    """P1."""
    rows = read_rows(folder / "banking77" / "train.csv")
    return DataSet("P1 Banking77", [r["text"] for r in rows], [r["category"] for r in rows], 0.905, 0.03)


def it_tickets(folder: Path) -> DataSet:
    """P2."""
    rows = read_rows(folder / "it_tickets" / "train.csv.gz")
    return DataSet(
        "P2 IT tickets", [r["Document"] for r in rows], [r["Topic_group"] for r in rows], 0.865, 0.02
    )


def cross_validate(data: DataSet, folds: int) -> tuple[list[bool], list[float]]:
    """Right or wrong, and the confidence, of every text by a model that never saw it."""
    names = sorted(set(data.labels))
    truth = np.array([names.index(label) for label in data.labels])
    dealt = deal_folds(truth, folds, seed=7)
    right, confidence = [False] * len(truth), [0.0] * len(truth)
    for fold in range(folds):
        taught, held = np.flatnonzero(dealt != fold), np.flatnonzero(dealt == fold)
        model = FieldModel.train([data.texts[i] for i in taught], [data.labels[i] for i in taught])
        for place, answer in zip(held, model.predict([data.texts[i] for i in held]), strict=True):
            right[place], confidence[place] = answer.value == data.labels[place], answer.confidence
        part = np.mean([right[i] for i in held])
        print(f"  fold {fold + 1} of {folds}: accuracy {part:.4f}", flush=True)
    return right, confidence


def report(data: DataSet, folds: int) -> None:
    """Print the figures beside their targets."""
    started = time.perf_counter()
    right, confidence = cross_validate(data, folds)
    print(f"{data.name}: {len(right)} texts, {len(set(data.labels))} labels, {folds}-fold")
    print(f"  accuracy              {np.mean(right):.4f}   (target {data.accuracy})")
    print(f"  accuracy at 85 %      {accuracy_at_coverage(confidence, right, 0.85):.4f}   (P1 target 0.965)")
    print(f"  coverage at 0.90      {coverage_at_precision(confidence, right, 0.90):.4f}   (P2 target 0.92)")
    print(f"  ECE, 15 bins          {ece(confidence, right):.4f}   (target {data.ece})")
    print(f"  seconds               {time.perf_counter() - started:.0f}", flush=True)


def speed(texts: Sequence[str], labels: Sequence[str]) -> None:
    """P3: tickets a second in batch and milliseconds for one, warm, explanation included."""
    engine = LocalEngine({"category": FieldModel.train(texts[:4000], labels[:4000])}, "bench")
    batch = [TriageInput(body=text) for text in texts[4000:8000]]
    model = engine.models["category"]
    model.predict([item.text for item in batch])
    started = time.perf_counter()
    model.predict([item.text for item in batch])
    rate = len(batch) / (time.perf_counter() - started)
    singles = []
    for item in batch[:500]:
        started = time.perf_counter()
        engine.predict([item])
        singles.append((time.perf_counter() - started) * 1000)
    p50, p95 = np.percentile(singles, [50, 95])
    print(f"P3 speed: {rate:,.0f} tickets/s in batch (target 2,000)")
    print(f"  one ticket, explained: {p50:.1f} ms, p95 {p95:.1f} ms (target 5)")


def main() -> None:
    """Read the arguments, print the machine and the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", choices=["banking77", "it_tickets", "speed"])
    parser.add_argument("--folds", type=int, default=5)
    chosen = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, one thread")
    if chosen.only in {None, "speed"}:
        data = it_tickets(chosen.data)
        speed(data.texts, data.labels)
    if chosen.only in {None, "banking77"}:
        report(banking77(chosen.data), chosen.folds)
    if chosen.only in {None, "it_tickets"}:
        report(it_tickets(chosen.data), chosen.folds)


if __name__ == "__main__":
    main()
