"""Finding the report that is the same bug: the embedding against plain TF-IDF cosine.

Run: ``OMP_NUM_THREADS=1 python -m bench.duplicates DATA_DIR``.
Each report of a marked pair asks for its other end among all reports. The settings of the space were chosen
mostly by one half of the pairs (by the place of the older report); both halves are printed.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from classifier.engine.embedding import EmbeddingSpace

csv.field_size_limit(sys.maxsize)
Matrix = NDArray[np.floating[Any]]
Pairs = list[tuple[int, int]]


def reports(folder: Path) -> tuple[list[str], list[str], Pairs]:
    """Summaries, whole texts, and both directions of every pair whose ends are here, as places."""
    with (folder / "duplicate_bugs" / "seamonkey_bugs.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    place = {row["Issue id"]: number for number, row in enumerate(rows)}
    with (folder / "duplicate_bugs" / "seamonkey_duplicate_pairs.csv").open(encoding="utf-8") as stream:
        named = [(row["Issue id"], row["Duplicate id"]) for row in csv.DictReader(stream)]
    known = {(place[a], place[b]) for a, b in named if a in place and b in place}
    pairs = sorted(known | {(b, a) for a, b in known})
    return (
        [row["Summary"] for row in rows],
        [f"{row['Summary']}\n\n{row['Description']}" for row in rows],
        pairs,
    )


def starter_examples() -> list[str]:
    """The texts a fresh install knows."""
    folder = Path(__file__).resolve().parent.parent / "classifier" / "defaults" / "examples"
    return [
        str(row["text"])
        for path in sorted(folder.glob("*.yaml"))
        for row in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def show(name: str, likeness: Matrix, pairs: Pairs) -> None:
    """Recall at 1, 5 and 10 for all pairs, for those that chose the settings and for the others."""
    likeness = np.array(likeness, dtype=np.float64)
    np.fill_diagonal(likeness, -np.inf)
    ranks = np.array([(likeness[a] > likeness[a, b]).sum() for a, b in pairs])
    chose = np.array([(min(pair) * 7919) % 2 == 0 for pair in pairs])
    parts = [
        " ".join(f"{(ranks[part] < k).mean():.3f}" for k in (1, 5, 10))
        for part in (np.ones(len(pairs), dtype=bool), chose, ~chose)
    ]
    print(f"  {name:52} {'   '.join(parts)}", flush=True)


def cosine(texts: list[str], **settings: Any) -> Matrix:
    """Cosines of plain TF-IDF."""
    matrix = TfidfVectorizer(**settings).fit_transform(texts)
    return np.asarray((matrix @ matrix.T).todense())


def main() -> None:
    """Read the argument and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    folder = parser.parse_args().data
    summaries, texts, pairs = reports(folder)
    print(f"{len(texts)} reports, {len(pairs)} questions; recall at 1, 5, 10: all, choosing half, other half")
    show("plain TF-IDF", cosine(texts), pairs)
    show(
        "plain TF-IDF, sublinear, words and pairs",
        cosine(texts, sublinear_tf=True, ngram_range=(1, 2)),
        pairs,
    )
    thrice = [f"{summary} {summary} {text}" for summary, text in zip(summaries, texts, strict=True)]
    show("plain TF-IDF, summary counted three times", cosine(thrice), pairs)
    ends = {place for pair in pairs for place in pair}
    others = [text for place, text in enumerate(texts) if place not in ends]
    fits = {
        "embedding, fitted on all reports": texts,
        "embedding, fitted on the reports without a pair": others,
        "embedding, fitted on the starter examples": starter_examples(),
    }
    for name, fitted_on in fits.items():
        started = time.perf_counter()
        space = EmbeddingSpace.fit(fitted_on)
        fitted = time.perf_counter() - started
        vectors = space.embed(texts)
        embedded = time.perf_counter() - started - fitted
        show(name, vectors @ vectors.T, pairs)
    print(f"  fit {fitted:.1f} s, {1000 * embedded / len(texts):.2f} ms a report in batch")


if __name__ == "__main__":
    main()
