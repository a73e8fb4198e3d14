"""Out-of-scope texts: how many are noticed while 95 % of the texts that belong are let through.

Run: ``OMP_NUM_THREADS=1 python -m bench.scope DATA_DIR [--only clinc150|banking77_oos|hint3]``.
The model sees no out-of-scope text. Three ways to refuse are compared: the calibrated probability of the best
label with the threshold set on the judged texts themselves, our share of familiarity set in the same way (so
that only the order counts), and our share with the threshold the model learned from its own training texts.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from classifier.engine.linear import FieldModel, FieldPrediction, deal_folds

ACCEPTED = 0.95
SURE = 0.80
"""From here a category is applied without a person."""
BOTS = ("curekart", "powerplay11", "sofmattress")
Rows = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Trial:
    """Texts to learn from, texts that belong with their labels, and named sets of texts that do not."""

    name: str
    texts: list[str]
    labels: list[str]
    inside: list[str]
    truth: list[str]
    outside: dict[str, list[str]]


def read(path: Path) -> Rows:
    """Rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def clinc150(folder: Path) -> Iterator[Trial]:
    """150 intents; judged on the validation part and on every out-of-scope query there is."""
    train, valid, more = (
        read(folder / "clinc150" / f"{name}.csv") for name in ("train", "validation", "oos_train_plus")
    )
    foreign = sorted({row["text"] for row in train + valid + more if row["intent"] == "oos"})
    taught, judged = ([row for row in part if row["intent"] != "oos"] for part in (train, valid))
    yield Trial(
        "clinc150",
        [row["text"] for row in taught],
        [row["intent"] for row in taught],
        [row["text"] for row in judged],
        [row["intent"] for row in judged],
        {"out of scope": foreign},
    )


def banking77_oos(folder: Path) -> Iterator[Trial]:
    """50 banking intents; other banking intents and other domains do not belong."""
    train, valid = (read(folder / "banking77_oos" / f"{name}.csv") for name in ("train", "valid"))
    taught, judged = ([row for row in part if row["scope"] == "in"] for part in (train, valid))
    yield Trial(
        "banking77_oos",
        [row["text"] for row in taught],
        [row["label"] for row in taught],
        [row["text"] for row in judged],
        [row["label"] for row in judged],
        {
            name: [row["text"] for row in valid if row["scope"] == scope]
            for name, scope in (("same domain", "in_domain_oos"), ("other domains", "out_of_domain_oos"))
        },
    )


def hint3(folder: Path) -> Iterator[Trial]:
    """Three shop bots: a quarter of the intents is left out, a quarter of the other messages is judged."""
    bots = {bot: read(folder / "hint3" / f"{bot}_train.csv") for bot in BOTS}
    for bot, rows in bots.items():
        names = sorted({row["label"] for row in rows})
        left_out = set(np.random.default_rng(7).permutation(names)[: len(names) // 4])
        kept = [row for row in rows if row["label"] not in left_out]
        place = {name: number for number, name in enumerate(names)}
        dealt = deal_folds(np.array([place[row["label"]] for row in kept]), 4, 7)
        taught, judged = (
            [row for row, fold in zip(kept, dealt, strict=True) if bool(fold) is part]
            for part in (True, False)
        )
        yield Trial(
            f"hint3 {bot}",
            [row["sentence"] for row in taught],
            [row["label"] for row in taught],
            [row["sentence"] for row in judged],
            [row["label"] for row in judged],
            {
                "intents left out": [row["sentence"] for row in rows if row["label"] in left_out],
                "other bots": [row["sentence"] for other in BOTS if other != bot for row in bots[other]],
            },
        )


SETS: dict[str, Callable[[Path], Iterator[Trial]]] = {
    "clinc150": clinc150,
    "banking77_oos": banking77_oos,
    "hint3": hint3,
}


def report(trial: Trial) -> None:
    """Train, judge, print."""
    started = time.perf_counter()
    model = FieldModel.train(trial.texts, trial.labels, with_scope=True)
    trained = time.perf_counter() - started
    inside = model.predict(trial.inside)
    right = np.array([found.value == label for found, label in zip(inside, trial.truth, strict=True)])
    let = np.array([found.is_in_scope for found in inside])
    print(f"{trial.name}: taught {len(trial.texts)} texts of {len(model.labels)} labels in {trained:.0f} s")
    print(f"  {len(inside)} texts that belong: accuracy {right.mean():.4f}, let through {let.mean():.3f},")
    print(
        f"    accuracy of those let through {right[let].mean():.4f}, "
        f"right and let through {(right & let).mean():.4f}"
    )
    for name, texts in trial.outside.items():
        outside = model.predict(texts)
        own = np.mean([not found.is_in_scope for found in outside])
        most, most_area = _recall(inside, outside, lambda found: found.confidence)
        # Ties at either end of the share say nothing of the order, so the probability breaks them.
        ours, area = _recall(inside, outside, lambda found: found.in_scope + 1e-6 * found.confidence)
        print(f"  {len(texts)} texts that do not, {name}:")
        print(f"    noticed at 95 % let through: highest probability {most:.3f}, familiarity {ours:.3f}")
        print(f"    area under the curve:        highest probability {most_area:.3f}, familiarity {area:.3f}")
        print(f"    noticed at the model's own threshold: {own:.3f}")
        sure = np.array([found.confidence >= SURE for found in outside])
        kept = np.array([found.is_in_scope for found in outside])
        print(
            f"    surer than {SURE}: {sure.mean():.3f}, of these let through {(sure & kept).mean():.3f}",
            flush=True,
        )


def _recall(
    inside: list[FieldPrediction], outside: list[FieldPrediction], score: Callable[[FieldPrediction], float]
) -> tuple[float, float]:
    """Share of the foreign texts below the bound that 95 % of the others reach, and the area."""
    good, bad = (np.array([score(found) for found in part]) for part in (inside, outside))
    noticed = float((bad < np.quantile(good, 1 - ACCEPTED)).mean())
    truth = np.append(np.ones(len(good)), np.zeros(len(bad)))
    return noticed, float(roc_auc_score(truth, np.append(good, bad)))


def main() -> None:
    """Read the arguments and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", choices=sorted(SETS))
    chosen = parser.parse_args()
    for name, load in SETS.items():
        if chosen.only in {None, name}:
            for trial in load(chosen.data):
                report(trial)


if __name__ == "__main__":
    main()
