"""A local embedding space, fitted on texts without labels: no download, no key (C18).

Words, word pairs and character n-grams are hashed into buckets and weighted by TF-IDF. A vector has two
parts: what the space knows, through the leading singular vectors of the corpus, and a signed sketch of every
bucket, so that a word the corpus never saw still tells two texts apart.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from classifier.engine.errors import ArtifactError, ModelError
from classifier.engine.features import TokenBatch, weigh, word_ngrams
from classifier.engine.packing import DAMAGE, Arrays, pack, unpack

Vectors = NDArray[np.float32]

KNOWN_SIZE: Final = 256
SKETCH_SIZE: Final = 256
SIZE: Final = KNOWN_SIZE + SKETCH_SIZE
"""Every space gives vectors of this many numbers, whatever it was fitted on."""

FORMAT: Final = 1
"""Raised when the same arrays would give other vectors: n-grams, weights or the sketch have changed."""
_MAGIC: Final = b"SWSPACE1"
_BUCKETS: Final = 1 << 16
_MOST_TEXTS: Final = 20_000
_LEAST_DOCUMENTS: Final = 2
_CHAR_MIN, _CHAR_MAX = 3, 5
_HEADING_CHARACTERS: Final = 200
_HEADING_WEIGHT: Final = 0.5
_SKETCH_WEIGHT: Final = 0.6
_BATCH: Final = 2_000
_CACHE_LIMIT: Final = 200_000


@dataclass(frozen=True)
class EmbeddingSpace:
    """A fitted space. Vectors of two spaces must never be compared; ``name`` tells them apart.

    ``idf`` has one weight a bucket; ``kept`` names the buckets with a row in ``components``
    (buckets × ``KNOWN_SIZE``).
    """

    idf: Vectors
    kept: NDArray[np.int64]
    components: Vectors
    fitted_on: int
    _spelled: dict[str, NDArray[np.int64]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def fit(cls, texts: Sequence[str], *, seed: int = 0) -> EmbeddingSpace:
        """Fit on texts; at most 20,000 of them, drawn by ``seed``. Raises ModelError for fewer than two."""
        if len(texts) < 2:
            raise ModelError("An embedding space needs at least two texts.")
        if len(texts) > _MOST_TEXTS:
            drawn = np.random.default_rng(seed).choice(len(texts), _MOST_TEXTS, replace=False)
            texts = [texts[place] for place in np.sort(drawn)]
        spelled: dict[str, NDArray[np.int64]] = {}
        frequency = sum(np.bincount(counts.indices, minlength=_BUCKETS) for counts in _counts(texts, spelled))
        # Two kinds of n-grams of one text can share a bucket, so a bucket can be counted twice a text.
        frequency = np.minimum(frequency, len(texts))
        idf = (np.log((1.0 + len(texts)) / (1.0 + frequency)) + 1.0).astype(np.float32)
        kept = np.flatnonzero(frequency >= _LEAST_DOCUMENTS).astype(np.int64)
        empty = cls(idf, kept, np.zeros((len(kept), KNOWN_SIZE), dtype=np.float32), len(texts))
        return cls(idf, kept, empty._principal(texts, seed), len(texts))

    def _principal(self, texts: Sequence[str], seed: int) -> Vectors:
        """The leading right singular vectors of the texts' matrix, padded with zeros to ``KNOWN_SIZE``."""
        components = np.zeros((len(self.kept), KNOWN_SIZE), dtype=np.float32)
        rank = min(KNOWN_SIZE, len(texts) - 1, len(self.kept) - 1)
        if rank < 1:
            return components
        matrix = sp.vstack([self._weighted(part)[:, self.kept] for part in _parts(texts)], format="csr")
        _, _, right = randomized_svd(matrix, rank, n_iter=3, random_state=seed)
        components[:, :rank] = right.T
        # Stored as float16: rounding here makes a loaded space answer exactly as the fitted one.
        return components.astype(np.float16).astype(np.float32)

    @cached_property
    def name(self) -> str:
        """Model and version: the same fit has the same name, every other fit another one."""
        digest = hashlib.sha256()
        for part in (self.idf, self.kept, self.components):
            digest.update(np.ascontiguousarray(part).tobytes())
        return f"local{FORMAT}-{SIZE}-{digest.hexdigest()[:12]}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors (texts × ``SIZE``) of length 1; a text without a word has the zero vector."""
        if not texts:
            return np.zeros((0, SIZE), dtype=np.float32)
        return np.vstack([self._embedded(part) for part in _parts(texts)])

    def _embedded(self, texts: Sequence[str]) -> Vectors:
        matrix = self._weighted(texts)
        known = unit_rows(np.asarray(matrix[:, self.kept] @ self.components, dtype=np.float32))
        sketch = unit_rows(np.asarray((matrix @ _PROJECTION).todense(), dtype=np.float32))
        share = np.float32(_SKETCH_WEIGHT)
        return unit_rows(np.hstack([known * np.sqrt(1 - share**2), sketch * share]))

    def _weighted(self, texts: Sequence[str]) -> sp.csr_matrix:
        """TF-IDF rows (texts × buckets) of length 1; the heading counts half as much again."""
        headings = [text.lstrip().split("\n", 1)[0][:_HEADING_CHARACTERS] for text in texts]
        whole = self._one_length(texts)
        # A text of one line is its own heading; counting it once saves half the work.
        heading = whole if headings == list(texts) else self._one_length(headings)
        return _unit_sparse(whole + _HEADING_WEIGHT * heading)

    def _one_length(self, texts: Sequence[str]) -> sp.csr_matrix:
        words, spellings = (weigh(counts, self.idf, 1.0) for counts in _counts(texts, self._spelled))
        return _unit_sparse(words + spellings)


def unit_rows(rows: Vectors) -> Vectors:
    """Every row scaled to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)


def dump_space(space: EmbeddingSpace) -> bytes:
    """The space as bytes, without pickles."""
    header = {"format": FORMAT, "fitted_on": space.fitted_on, "name": space.name}
    arrays: Arrays = {"idf": space.idf, "kept": space.kept, "components": space.components.astype(np.float16)}
    return pack(_MAGIC, header, arrays)


def load_space(data: bytes) -> EmbeddingSpace:
    """The space again. Raises ArtifactError for bytes that are damaged or of another kind."""
    try:
        header, arrays = unpack(_MAGIC, data, frozenset({FORMAT}))
        space = EmbeddingSpace(
            idf=np.asarray(arrays["idf"], dtype=np.float32),
            kept=np.asarray(arrays["kept"], dtype=np.int64),
            components=arrays["components"].astype(np.float32),
            fitted_on=int(header["fitted_on"]),
        )
        named = str(header["name"])
    except ArtifactError:
        raise
    except DAMAGE as error:
        raise ArtifactError(f"The stored space cannot be read: {type(error).__name__}.") from error
    if space.idf.shape != (_BUCKETS,) or space.components.shape != (len(space.kept), KNOWN_SIZE):
        raise ArtifactError("The arrays of the stored space do not fit each other.")
    if space.name != named:
        raise ArtifactError("The stored space is not the one that was fitted.")
    return space


def _parts(texts: Sequence[str]) -> list[Sequence[str]]:
    return [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]


def _counts(texts: Sequence[str], spelled: dict[str, NDArray[np.int64]]) -> tuple[sp.csr_matrix, ...]:
    """How often each text holds each bucket: of words and word pairs, and of character n-grams."""
    batch = TokenBatch.of(texts)
    hashes = np.array([_hash(f"w:{word}") for word in batch.words], dtype=np.int64)
    words = hashes[batch.ids] if len(batch.ids) else np.zeros(0, dtype=np.int64)
    together = batch.texts[:-1] == batch.texts[1:]
    # An odd factor keeps "a b" and "b a" apart.
    pairs = (words[:-1] * 31 + words[1:] * 17 + 7)[together]
    buckets = np.concatenate([words, pairs]) % _BUCKETS
    places = np.concatenate([batch.texts, batch.texts[1:][together]])
    found = [_buckets_of(word, spelled) for word in batch.words]
    ends = np.cumsum([0, *(len(row) for row in found)])
    columns = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
    spelling = sp.csr_matrix(
        (np.ones(len(columns), dtype=np.float32), columns, ends), shape=(len(batch.words), _BUCKETS)
    )
    held = _count_matrix(batch.texts, batch.ids, (batch.size, len(batch.words)))
    return _count_matrix(places, buckets, (batch.size, _BUCKETS)), sp.csr_matrix(held @ spelling)


def _count_matrix(
    rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]
) -> sp.csr_matrix:
    counted = sp.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)
    counted.sum_duplicates()
    return counted


def _hash(feature: str) -> int:
    return zlib.crc32(feature.encode("utf-8", "replace"))


def _buckets_of(word: str, spelled: dict[str, NDArray[np.int64]]) -> NDArray[np.int64]:
    """The buckets of a word's character n-grams, repeats kept."""
    known = spelled.get(word)
    if known is None:
        ngrams = word_ngrams(word, _CHAR_MIN, _CHAR_MAX)
        known = np.array([_hash(f"c:{ngram}") % _BUCKETS for ngram in ngrams], dtype=np.int64)
        if len(spelled) >= _CACHE_LIMIT:
            spelled.clear()
        spelled[word] = known
    return known


def _unit_sparse(matrix: sp.csr_matrix) -> sp.csr_matrix:
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scale = 1.0 / np.where(lengths > 0, lengths, 1.0)
    return sp.csr_matrix(sp.diags(scale.astype(np.float32)) @ matrix)


def _projection() -> sp.csr_matrix:
    """Each bucket goes to one place of the sketch with a sign; part of the format, so drawn from a digest."""
    digest = hashlib.shake_256(b"sketch 1").digest(3 * _BUCKETS)
    drawn = np.frombuffer(digest, dtype=np.uint8).astype(np.int64).reshape(_BUCKETS, 3)
    places = (drawn[:, 0] * 256 + drawn[:, 1]) % SKETCH_SIZE
    signs = (drawn[:, 2] % 2 * 2 - 1).astype(np.float32)
    return sp.csr_matrix((signs, (np.arange(_BUCKETS), places)), shape=(_BUCKETS, SKETCH_SIZE))


_PROJECTION: Final = _projection()
