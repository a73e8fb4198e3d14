"""Phrases that point to one label: found on one half of the texts, measured on the other (C29)."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from classifier.engine.phrases import Word, word_set, words_of
from classifier.engine.thresholds import lower_bound

_LONGEST: Final = 3
_LEAST_FOUND: Final = 5
_LEAST_SHARE: Final = 0.9
_LEAST_CHARACTERS: Final = 4
_MOST: Final = 20
_PLACEHOLDER: Final = re.compile(r"\[[A-Z]{2,12}_\d{1,6}\]")
_EMPTY_WORDS: Final = word_set(
    "a an and are as at be been but by can could did do does for from get got had has have he her his how i "
    "if in is it its me my need no not of on or our please she since so that the their them then there they "
    "this to up us was we were what when where which who will with would you your hello hi dear thank regard "
    "team"
)


@dataclass(frozen=True, slots=True)
class MinedPhrase:
    """A phrase and the label it points to.

    ``support`` texts of the half that was kept back hold the phrase, ``right`` of them have the label;
    ``bound`` is the exact lower bound of that share at 95 %.
    """

    phrase: str
    label: str
    support: int
    right: int
    bound: float


def mine_phrases(
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    least_bound: float = 0.7,
    known: Mapping[str, Collection[str]] | None = None,
) -> list[MinedPhrase]:
    """The phrases of one to three words that predict a label, the surest first.

    Trying thousands of phrases on the texts they came from would find some that are right by chance, so the
    figures come from the other half, and a phrase has to make at most half of the mistakes that always naming
    its label would make. ``known`` phrases of a label (folded) are not proposed again, nor is a
    phrase that says no more than a shorter one.
    """
    halves: tuple[list[int], list[int]] = ([], [])
    for place, text in enumerate(texts):
        halves[hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[0] % 2].append(place)
    found = _candidates([texts[i] for i in halves[0]], [labels[i] for i in halves[0]])
    measured = _measure(found, [texts[i] for i in halves[1]], [labels[i] for i in halves[1]])
    shares = {label: count / len(labels) for label, count in Counter(labels).items()}
    wanted = [
        item
        for item in measured
        if item.bound >= max(least_bound, (1 + shares[item.label]) / 2)
        and item.phrase not in (known or {}).get(item.label, ())
    ]
    wanted.sort(key=lambda item: (-item.bound, len(item.phrase), item.phrase))
    return _without_longer_twins(wanted)[:_MOST]


def phrases_of(text: str) -> Iterator[str]:
    """Every phrase of one to three words that lies in one clause and begins and ends with a telling word."""
    words = words_of(_PLACEHOLDER.sub(" . ", text))
    for first in range(len(words)):
        for size in range(1, _LONGEST + 1):
            window = words[first : first + size]
            if len(window) < size or any(word.opens_clause for word in window[1:]):
                break
            if _tells(window[0]) and _tells(window[-1]):
                phrase = " ".join(word.form for word in window)
                if len(phrase) >= _LEAST_CHARACTERS:
                    yield phrase


def _tells(word: Word) -> bool:
    return word.form not in _EMPTY_WORDS and not word.form[0].isdigit()


def _candidates(texts: Sequence[str], labels: Sequence[str]) -> dict[str, str]:
    """Phrases that mostly stand with one label, with that label."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for text, label in zip(texts, labels, strict=True):
        for phrase in set(phrases_of(text)):
            counts[phrase][label] += 1
    found = {}
    for phrase, by_label in counts.items():
        label, right = by_label.most_common(1)[0]
        if right >= _LEAST_FOUND and right >= _LEAST_SHARE * by_label.total():
            found[phrase] = label
    return found


def _measure(found: Mapping[str, str], texts: Sequence[str], labels: Sequence[str]) -> list[MinedPhrase]:
    support: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for text, label in zip(texts, labels, strict=True):
        for phrase in found.keys() & set(phrases_of(text)):
            support[phrase] += 1
            right[phrase] += found[phrase] == label
    return [
        MinedPhrase(phrase, found[phrase], count, right[phrase], lower_bound(right[phrase], count))
        for phrase, count in support.items()
    ]


def _without_longer_twins(items: Sequence[MinedPhrase]) -> list[MinedPhrase]:
    """Leave out what merely adds words to a phrase that is kept: of equal bounds the shorter comes first."""
    kept: list[MinedPhrase] = []
    for item in items:
        inside = f" {item.phrase} "
        if not any(other.label == item.label and f" {other.phrase} " in inside for other in kept):
            kept.append(item)
    return kept
