"""Text to numbers: word 1–2-grams, character n-grams, opening words and word pairs, TF-IDF weighted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

MAX_CHARACTERS = 20_000
MAX_WORD_CHARACTERS = 40
BLOCK_NAMES = ("word", "opening", "pair", "char")

_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_CACHE_LIMIT = 200_000


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """How texts become features. A block with weight 0 is left out."""

    word_weight: float = 1.0
    char_weight: float = 1.0
    opening_weight: float = 0.0
    pair_weight: float = 0.7
    char_min: int = 2
    char_max: int = 5
    opening_tokens: int = 5
    pair_window: int = 8
    pair_tokens: int = 60
    min_documents: int = 2

    @classmethod
    def for_texts(cls, texts: Sequence[str]) -> FeatureSettings:
        """Choose the settings that measured best for the number and the length of the texts."""
        lengths = [len(tokens_of(text)) for text in texts]
        long_texts = float(np.median(lengths)) >= 20 if lengths else False
        if len(texts) < 2_000:
            return cls(pair_weight=0.0, min_documents=1)
        return cls(
            char_weight=0.7 if long_texts else 1.0,
            opening_weight=0.7 if long_texts else 0.0,
            min_documents=3 if len(texts) >= 20_000 else 2,
        )

    def weight_of(self, block: str) -> float:
        """The weight of a block by its name."""
        return float(getattr(self, f"{block}_weight"))


def tokens_of(text: str) -> list[str]:
    """Lower-case words and numbers of a text, in order; marks and case carry no meaning here."""
    plain = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).lower().replace("’", "'")
    return [token[:MAX_WORD_CHARACTERS] for token in _TOKEN.findall(plain)]


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Texts as one flat run of word numbers, with the text and the position each came from."""

    words: list[str]
    ids: IntArray
    texts: IntArray
    positions: IntArray
    size: int

    @classmethod
    def of(cls, texts: Sequence[str]) -> TokenBatch:
        """Split every text and number its words."""
        numbers: dict[str, int] = {}
        ids: list[int] = []
        lengths = np.zeros(len(texts), dtype=np.int64)
        for index, text in enumerate(texts):
            tokens = tokens_of(text)
            lengths[index] = len(tokens)
            ids.extend(numbers.setdefault(token, len(numbers)) for token in tokens)
        starts = np.cumsum(lengths) - lengths
        return cls(
            words=list(numbers),
            ids=np.array(ids, dtype=np.int64),
            texts=np.repeat(np.arange(len(texts)), lengths),
            positions=np.arange(len(ids)) - np.repeat(starts, lengths),
            size=len(texts),
        )


def word_ngrams(word: str, shortest: int, longest: int) -> list[str]:
    """Character n-grams of a word with a blank on both sides, so that its ends are visible."""
    padded = f" {word} "
    top = min(longest, len(padded))
    return [padded[i : i + n] for n in range(shortest, top + 1) for i in range(len(padded) - n + 1)]


@dataclass(slots=True)
class Block:
    """One family of features: its sorted keys and their inverse document frequency."""

    keys: IntArray
    idf: FloatArray

    def counts(self, texts: IntArray, keys: IntArray, size: int) -> sp.csr_matrix:
        """Count the known keys of each text."""
        if len(self.keys) == 0:
            return sp.csr_matrix((size, 0), dtype=np.float32)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        known = self.keys[places] == keys
        ones = np.ones(int(known.sum()), dtype=np.float32)
        counted = sp.csr_matrix((ones, (texts[known], places[known])), shape=(size, len(self.keys)))
        counted.sum_duplicates()
        return counted

    @classmethod
    def fit(cls, texts: IntArray, keys: IntArray, size: int, least: int) -> Block:
        """Keep the keys that occur in at least ``least`` texts."""
        span = int(keys.max()) + 1 if len(keys) else 1
        once = np.unique(texts * span + keys)
        found, frequency = np.unique(once % span, return_counts=True)
        kept = frequency >= least
        return cls(keys=found[kept].astype(np.int64), idf=_idf(frequency[kept], size))


def _idf(frequency: NDArray[np.int64], size: int) -> FloatArray:
    return np.asarray(np.log((1.0 + size) / (1.0 + frequency)) + 1.0, dtype=np.float32)


def weigh(counts: sp.csr_matrix, idf: FloatArray, weight: float) -> sp.csr_matrix:
    """Sublinear term frequency times idf, each row scaled to the length ``weight``."""
    weighted = counts.copy()
    weighted.data = (1.0 + np.log(weighted.data)) * idf[weighted.indices]
    squares = np.add.reduceat(
        np.append(weighted.data**2, np.float32(0)), np.minimum(weighted.indptr[:-1], weighted.nnz)
    )
    lengths = np.diff(weighted.indptr)
    norms = np.where(lengths > 0, np.sqrt(squares), 1.0)
    weighted.data *= np.repeat((weight / norms).astype(np.float32), lengths)
    return weighted


@dataclass(slots=True)
class Vectorizer:
    """Turns texts into one sparse matrix; the columns are the blocks of ``BLOCK_NAMES`` in order."""

    settings: FeatureSettings
    words: list[str]
    ngrams: list[str]
    blocks: dict[str, Block]
    _word_numbers: dict[str, int] = field(init=False, repr=False)
    _ngram_numbers: dict[str, int] = field(init=False, repr=False)
    _ngram_cache: dict[str, IntArray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._word_numbers = {word: number for number, word in enumerate(self.words)}
        self._ngram_numbers = {ngram: number for number, ngram in enumerate(self.ngrams)}
        self._ngram_cache = {}

    @classmethod
    def fit(cls, texts: Sequence[str], settings: FeatureSettings) -> tuple[Vectorizer, sp.csr_matrix]:
        """Learn the vocabulary and the weights; give back the texts' own matrix as well."""
        batch = TokenBatch.of(texts)
        words = _frequent_words(batch, settings.min_documents)
        fitted = cls(settings=settings, words=words, ngrams=[], blocks={})
        numbers = fitted._numbers(batch)
        for name in ("word", "opening", "pair"):
            if settings.weight_of(name):
                places, keys = fitted._keys(name, batch, numbers)
                fitted.blocks[name] = Block.fit(places, keys, batch.size, settings.min_documents)
        if settings.char_weight:
            fitted._fit_ngrams(batch)
        return fitted, fitted._matrix(batch)

    def transform(self, texts: Sequence[str]) -> tuple[sp.csr_matrix, FloatArray]:
        """The matrix of the texts and, for each, the share of its words that are known."""
        batch = TokenBatch.of(texts)
        return self._matrix(batch), self._known_share(batch)

    @property
    def names(self) -> list[str]:
        """The blocks in use, in column order."""
        return [name for name in BLOCK_NAMES if name in self.blocks]

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """First and one-past-last column of each block."""
        spans, start = {}, 0
        for name in self.names:
            end = start + len(self.blocks[name].idf)
            spans[name] = (start, end)
            start = end
        return spans

    @property
    def size(self) -> int:
        """Number of columns."""
        return sum(len(block.idf) for block in self.blocks.values())

    def key_text(self, name: str, place: int) -> str:
        """A feature in readable form."""
        if name == "char":
            return self.ngrams[place]
        key, base = int(self.blocks[name].keys[place]), len(self.words)
        if name == "pair":
            return f"{self.words[key // base]} … {self.words[key % base]}"
        if key < base:
            return self.words[key]
        return f"{self.words[(key - base) // base]} {self.words[(key - base) % base]}"

    def ngram_places(self, word: str) -> IntArray:
        """Columns (within the character block) of a word's known n-grams, repeats kept."""
        cached = self._ngram_cache.get(word)
        if cached is None:
            known = self._ngram_numbers
            found = word_ngrams(word, self.settings.char_min, self.settings.char_max)
            cached = np.array([known[ngram] for ngram in found if ngram in known], dtype=np.int64)
            if len(self._ngram_cache) >= _CACHE_LIMIT:
                self._ngram_cache.clear()
            self._ngram_cache[word] = cached
        return cached

    def _numbers(self, batch: TokenBatch) -> IntArray:
        by_word = np.array([self._word_numbers.get(word, -1) for word in batch.words], dtype=np.int64)
        return by_word[batch.ids] if len(batch.ids) else np.zeros(0, dtype=np.int64)

    def _known_share(self, batch: TokenBatch) -> FloatArray:
        known = np.bincount(batch.texts, weights=self._numbers(batch) >= 0, minlength=batch.size)
        total = np.bincount(batch.texts, minlength=batch.size)
        return (known / np.maximum(total, 1)).astype(np.float32)

    def _matrix(self, batch: TokenBatch) -> sp.csr_matrix:
        numbers = self._numbers(batch)
        parts = []
        for name in self.names:
            block = self.blocks[name]
            if name == "char":
                counts = self._ngram_counts(batch)
            else:
                counts = block.counts(*self._keys(name, batch, numbers), batch.size)
            parts.append(weigh(counts, block.idf, self.settings.weight_of(name)))
        return sp.csr_matrix(sp.hstack(parts, format="csr", dtype=np.float32))

    def _keys(self, name: str, batch: TokenBatch, numbers: IntArray) -> tuple[IntArray, IntArray]:
        if name == "pair":
            streams = list(self._pair_keys(batch, numbers))
        else:
            limit = self.settings.opening_tokens if name == "opening" else MAX_CHARACTERS
            streams = list(self._word_keys(batch, numbers, limit))
        return np.concatenate([s[0] for s in streams]), np.concatenate([s[1] for s in streams])

    def _word_keys(
        self, batch: TokenBatch, numbers: IntArray, limit: int
    ) -> Iterator[tuple[IntArray, IntArray]]:
        base = len(self.words)
        used = (numbers >= 0) & (batch.positions < limit)
        yield batch.texts[used], numbers[used]
        first, second = numbers[:-1], numbers[1:]
        together = (batch.texts[:-1] == batch.texts[1:]) & (first >= 0) & (second >= 0)
        together &= batch.positions[1:] <= limit
        yield batch.texts[1:][together], base + first[together] * base + second[together]

    def _pair_keys(self, batch: TokenBatch, numbers: IntArray) -> Iterator[tuple[IntArray, IntArray]]:
        base = len(self.words)
        for gap in range(1, self.settings.pair_window + 1):
            first, second = numbers[:-gap], numbers[gap:]
            together = (batch.texts[:-gap] == batch.texts[gap:]) & (first >= 0) & (second >= 0)
            together &= batch.positions[:-gap] < self.settings.pair_tokens
            low = np.minimum(first[together], second[together])
            yield batch.texts[gap:][together], low * base + np.maximum(first[together], second[together])

    def _fit_ngrams(self, batch: TokenBatch) -> None:
        settings = self.settings
        found: dict[str, int] = {}
        for word in batch.words:
            for ngram in word_ngrams(word, settings.char_min, settings.char_max):
                found.setdefault(ngram, len(found))
        self.ngrams, self._ngram_numbers = list(found), found
        counts = self._ngram_counts(batch)
        frequency = np.bincount(counts.indices, minlength=len(found))
        kept = np.flatnonzero(frequency >= settings.min_documents)
        self.ngrams = [self.ngrams[place] for place in kept]
        self._ngram_numbers = {ngram: number for number, ngram in enumerate(self.ngrams)}
        self._ngram_cache = {}
        self.blocks["char"] = Block(
            keys=np.arange(len(kept), dtype=np.int64), idf=_idf(frequency[kept], batch.size)
        )

    def _ngram_counts(self, batch: TokenBatch) -> sp.csr_matrix:
        ones = np.ones(len(batch.ids), dtype=np.float32)
        held = sp.csr_matrix((ones, (batch.texts, batch.ids)), shape=(batch.size, len(batch.words)))
        places = [self.ngram_places(word) for word in batch.words]
        ends = np.cumsum([0, *(len(found) for found in places)])
        columns = np.concatenate(places) if places else np.zeros(0, dtype=np.int64)
        ones = np.ones(len(columns), dtype=np.float32)
        spelled = sp.csr_matrix((ones, columns, ends), shape=(len(batch.words), len(self.ngrams)))
        return sp.csr_matrix(held @ spelled)


def _frequent_words(batch: TokenBatch, least: int) -> list[str]:
    held = np.unique(batch.texts * max(len(batch.words), 1) + batch.ids)
    frequency = np.bincount(held % max(len(batch.words), 1), minlength=len(batch.words))
    return [word for word, count in zip(batch.words, frequency, strict=True) if count >= least]
