"""Why a model answered as it did, in the words of the ticket."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifier.engine.features import tokens_of
from classifier.engine.types import Evidence

if TYPE_CHECKING:
    from classifier.engine.features import Vectorizer


def weigh_evidence(
    vectorizer: Vectorizer,
    text: str,
    matrix: sp.csr_matrix,
    contrast: NDArray[np.float32],
    top: int,
) -> list[Evidence]:
    """Rank words and phrases by what they added to the score.

    Character n-grams are credited to the words they stand in: people read words, not fragments.
    """
    row = {int(c): float(v) * float(contrast[c]) for c, v in zip(matrix.indices, matrix.data, strict=True)}
    weights: dict[str, float] = defaultdict(float)
    for name, (start, end) in vectorizer.spans.items():
        inside = {column - start: value for column, value in row.items() if start <= column < end}
        if name == "char":
            _credit_words(vectorizer, text, inside, weights)
            continue
        for place, value in inside.items():
            weights[vectorizer.key_text(name, place)] += value
    ranked = sorted(weights.items(), key=lambda item: -abs(item[1]))
    return [Evidence(phrase, weight) for phrase, weight in ranked[:top] if weight]


def _credit_words(
    vectorizer: Vectorizer, text: str, inside: dict[int, float], weights: dict[str, float]
) -> None:
    """Share each n-gram's contribution among the words that contain it."""
    words = tokens_of(text)
    held = [vectorizer.ngram_places(word).tolist() for word in words]
    uses: dict[int, int] = defaultdict(int)
    for places in held:
        for place in places:
            uses[place] += 1
    for word, places in zip(words, held, strict=True):
        weights[word] += sum(inside.get(place, 0.0) / uses[place] for place in places)
