"""Words, phrases and negation in linear time: the shared ground of the keyword-driven engines.

Text is cut into words once and phrases are looked up by their words, so that the cost depends on the
length of the text alone and no input can make a pattern backtrack.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MAX_TEXT_CHARS = 50_000
"""Longer text is cut: what a ticket is about stands at its beginning."""


def word_set(joined: str) -> frozenset[str]:
    """Return the words of a list kept as one readable string."""
    return frozenset(joined.split())


_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_CLAUSE_MARKS = frozenset(".,;:!?\n()")
_CLAUSE_WORDS = frozenset({"but", "however", "although", "though", "aber", "jedoch", "because", "weil"})
_NEGATORS = word_set(
    "not no never neither nor without none nothing isn't aren't wasn't weren't don't "
    "doesn't didn't won't "
    "hardly isnt arent wasnt dont doesnt nicht kein keine keinen keiner keinem nie ohne"
)
_NOT_A_NEGATION_BEFORE = frozenset({"only", "just", "nur"})
_NEGATION_REACH = 3


@dataclass(frozen=True, slots=True)
class Word:
    """One word: its folded form, its place, and whether a clause boundary stands before it."""

    form: str
    start: int
    end: int
    opens_clause: bool


@dataclass(frozen=True, slots=True)
class PhraseHit:
    """A phrase found in a text: ``first`` and ``count`` are word positions, the rest characters."""

    phrase: str
    first: int
    count: int
    start: int
    end: int


def fold(word: str) -> str:
    """Fold case, typographic apostrophes and the English plural, so that inflected forms meet."""
    form = word.casefold().replace("’", "'")
    if len(form) <= 3 or not form.endswith("s") or form.endswith(("ss", "us", "is")):
        return form
    return form[:-2] if form.endswith(("ches", "shes", "sses", "xes")) else form[:-1]


def words_of(text: str) -> list[Word]:
    """Cut ``text`` (at most ``MAX_TEXT_CHARS`` of it) into words with their offsets."""
    words: list[Word] = []
    previous_end = 0
    for match in _WORD.finditer(text, 0, MAX_TEXT_CHARS):
        gap = text[previous_end : match.start()]
        form = fold(match.group())
        opens = not words or any(mark in _CLAUSE_MARKS for mark in gap) or form in _CLAUSE_WORDS
        words.append(Word(form, match.start(), match.end(), opens))
        previous_end = match.end()
    return words


class PhraseIndex:
    """Finds any of a fixed set of phrases; where several start at one word the longest wins."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self._phrases: dict[tuple[str, ...], str] = {}
        self._lengths: dict[str, tuple[int, ...]] = {}
        lengths: dict[str, set[int]] = {}
        for phrase in phrases:
            key = tuple(word.form for word in words_of(phrase))
            if key and key not in self._phrases:
                self._phrases[key] = phrase
                lengths.setdefault(key[0], set()).add(len(key))
        for first, sizes in lengths.items():
            self._lengths[first] = tuple(sorted(sizes, reverse=True))

    def find(self, words: Sequence[Word]) -> list[PhraseHit]:
        """Return the phrases in ``words`` from left to right, without overlaps."""
        hits: list[PhraseHit] = []
        position = 0
        while position < len(words):
            hit = self._at(words, position)
            if hit is not None:
                hits.append(hit)
                position += hit.count
            else:
                position += 1
        return hits

    def _at(self, words: Sequence[Word], position: int) -> PhraseHit | None:
        for size in self._lengths.get(words[position].form, ()):
            window = words[position : position + size]
            if len(window) < size:
                continue
            phrase = self._phrases.get(tuple(word.form for word in window))
            if phrase is not None:
                return PhraseHit(phrase, position, size, window[0].start, window[-1].end)
        return None


def words_before(words: Sequence[Word], position: int, *, reach: int) -> list[str]:
    """Return up to ``reach`` folded words before ``position`` within its clause, nearest first."""
    found: list[str] = []
    index = position
    while index > 0 and len(found) < reach and not words[index].opens_clause:
        index -= 1
        found.append(words[index].form)
    return found


def is_negated(words: Sequence[Word], position: int, *, reach: int = _NEGATION_REACH) -> bool:
    """Tell whether a negation governs the word at ``position`` ("not urgent", "no data loss")."""
    before = words_before(words, position, reach=reach)
    for distance, form in enumerate(before):
        if form in _NEGATORS:
            following = before[distance - 1] if distance else words[position].form
            return following not in _NOT_A_NEGATION_BEFORE
    return False


def repeated_weight(weights: Mapping[int, float] | Sequence[float]) -> float:
    """Add up weights with diminishing returns: the strongest in full, each further one by half."""
    values = weights.values() if isinstance(weights, Mapping) else weights
    return sum(value * 0.5**rank for rank, value in enumerate(sorted(values, reverse=True)))
