"""Texts that are nearly the same: a campaign of copies is one observation, not fifty (C29)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from classifier.engine.phrases import words_of

ALIKE: Final = 0.5
"""Texts that share half of their word triples or more are copies of one another."""
_TRIPLE: Final = 3
_BANDS, _ROWS = 16, 2
_PRIME: Final = (1 << 31) - 1
_CHANGING: Final = re.compile(r"\[[A-Z]{2,12}_\d{1,6}\]|\d+")
"""Placeholders and numbers: what a form or a campaign fills in anew each time."""


def last_of_each(texts: Sequence[str]) -> list[int]:
    """The places of texts that are no copies of a later one, in order: of each group of copies its last.

    Copies are found by hashed minima of their word triples (MinHash), so the time grows with the number of
    texts; of two texts at the bound one pair in a hundred is overlooked. A text without words is alone.
    """
    shingles = [_triples(text) for text in texts]
    group = list(range(len(texts)))
    buckets: dict[tuple[int, ...], int] = {}
    for place in reversed(range(len(texts))):
        for key in _bands(shingles[place]):
            first = buckets.setdefault(key, place)
            if first != place and group[place] == place and _share(shingles[first], shingles[place]) >= ALIKE:
                group[place] = group[first]
    return [place for place in range(len(texts)) if group[place] == place]


def is_copy(one: str, other: str) -> bool:
    """Whether two texts share half of their word triples or more; a text without words is no copy."""
    first, second = _triples(one), _triples(other)
    return bool(first and second) and _share(first, second) >= ALIKE


def _triples(text: str) -> frozenset[int]:
    """The word triples of a text, hashed; of a shorter one its words together."""
    words = [word.form for word in words_of(_CHANGING.sub(" ", text))]
    if not words:
        return frozenset()
    count = max(1, len(words) - _TRIPLE + 1)
    return frozenset(zlib.crc32(" ".join(words[at : at + _TRIPLE]).encode()) % _PRIME for at in range(count))


def _bands(shingles: frozenset[int]) -> list[tuple[int, ...]]:
    """Keys of which texts that are alike share at least one, most likely."""
    if not shingles:
        return []
    hashed = np.fromiter(shingles, dtype=np.int64)[:, None]
    minima: NDArray[np.int64] = ((hashed * _FACTORS + _OFFSETS) % _PRIME).min(axis=0)
    return [(band, *minima[band * _ROWS : (band + 1) * _ROWS].tolist()) for band in range(_BANDS)]


def _share(one: frozenset[int], other: frozenset[int]) -> float:
    """Triples in both, of all there are."""
    return len(one & other) / len(one | other)


_RANDOM = np.random.default_rng(29)
_FACTORS: Final = _RANDOM.integers(1, _PRIME, size=_BANDS * _ROWS, dtype=np.int64)
_OFFSETS: Final = _RANDOM.integers(0, _PRIME, size=_BANDS * _ROWS, dtype=np.int64)
