"""How alike two tickets are, in parts a person can check (C19)."""

from __future__ import annotations

import itertools
import math
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from classifier.engine.finders import find_errors, find_orders
from classifier.engine.phrases import word_set, words_of

_MAX_CHARS: Final = 5_000
_BUCKETS: Final = 1 << 20
_WINDOW_HOURS: Final = 72.0
_WEIGHTS: Final = {"text": 0.60, "codes": 0.20, "requester": 0.12, "time": 0.08}
_MIN_CODE_CONFIDENCE: Final = 0.70
_COMMON_WORDS: Final = word_set(
    "the a an and or to of in on at for with my our your i we you it is are was "
    "be this that have has not can "
    "please hello hi thanks thank regards der die das und ist ich wir mein bitte"
)


@dataclass(frozen=True, slots=True)
class Comparable:
    """What of a ticket is compared; ``requester`` is any stable key and empty where unknown."""

    text: str
    requester: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DuplicateScore:
    """The total in [0, 1] and its parts, each in [0, 1] before weighting."""

    total: float
    parts: Mapping[str, float]
    same_requester: bool


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A ticket made ready for many comparisons."""

    vector: Mapping[int, float]
    codes: frozenset[str]
    requester: str
    created_at: datetime | None


def fingerprint(ticket: Comparable) -> Fingerprint:
    """Hash the word and character n-grams of a ticket and collect its order and error codes."""
    text = ticket.text[:_MAX_CHARS]
    counts = Counter(zlib.crc32(gram.encode("utf-8", "replace")) % _BUCKETS for gram in _grams(text))
    damped = {bucket: math.sqrt(count) for bucket, count in counts.items()}
    norm = math.sqrt(sum(weight * weight for weight in damped.values())) or 1.0
    codes = frozenset(
        found.normalized
        for finder in (find_orders, find_errors)
        for found in finder(text)
        if found.confidence >= _MIN_CODE_CONFIDENCE
    )
    vector = {bucket: weight / norm for bucket, weight in damped.items()}
    return Fingerprint(vector, codes, ticket.requester.casefold(), ticket.created_at)


def duplicate_score(a: Comparable | Fingerprint, b: Comparable | Fingerprint) -> DuplicateScore:
    """Score how likely ``a`` and ``b`` tell of the same thing; symmetric, 1.0 for the same ticket."""
    left = a if isinstance(a, Fingerprint) else fingerprint(a)
    right = b if isinstance(b, Fingerprint) else fingerprint(b)
    same_requester = bool(left.requester) and left.requester == right.requester
    parts = {
        "text": _cosine(left.vector, right.vector),
        "codes": _shared(left.codes, right.codes),
        "requester": 1.0 if same_requester else 0.0,
        "time": _closeness(left.created_at, right.created_at),
    }
    weights = dict(_WEIGHTS)
    # What is not known says nothing, so the text answers for it.
    if not (left.codes or right.codes):
        weights["text"] += weights.pop("codes")
    if left.created_at is None or right.created_at is None:
        weights["text"] += weights.pop("time")
    total = sum(weight * parts[part] for part, weight in weights.items())
    # Two different order numbers in like words are two orders, not one ticket sent twice.
    if left.codes and right.codes and not left.codes & right.codes:
        total *= 0.6
    # Unlike words stay apart however close in time and by whomever they were written.
    total = min(total, parts["text"] + 0.35 + 0.25 * parts["codes"])
    return DuplicateScore(
        round(min(1.0, total), 4), {part: round(score, 4) for part, score in parts.items()}, same_requester
    )


def _grams(text: str) -> Iterator[str]:
    forms = [word.form for word in words_of(text)]
    telling = [form for form in forms if form not in _COMMON_WORDS]
    for form in telling:
        yield f"w:{form}"
        padded = f" {form[:40]} "
        for start in range(len(padded) - 3):
            yield f"c:{padded[start : start + 4]}"
    for first, second in itertools.pairwise(telling):
        yield f"b:{first} {second}"


def _cosine(a: Mapping[int, float], b: Mapping[int, float]) -> float:
    # Sorted, for a sum of floats depends on its order, and the score has to be the same from both sides.
    return min(1.0, sum(a[bucket] * b[bucket] for bucket in sorted(a.keys() & b.keys())))


def _shared(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0


def _closeness(a: datetime | None, b: datetime | None) -> float:
    if a is None or b is None:
        return 0.0
    return math.exp(-abs((a - b).total_seconds()) / 3600.0 / (_WINDOW_HOURS / 3))
