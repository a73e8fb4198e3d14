"""The nearest vectors of one owner, found exactly: all of the owner's are compared, no other's (C18)."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from classifier.engine.errors import ModelError

Vectors = NDArray[np.float32]
Keys = NDArray[np.int64]

_FIRST_ROOM: Final = 64


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A key and how alike its vector is: the cosine, as vectors have length 1."""

    key: int
    similarity: float


@dataclass(slots=True)
class _Shelf:
    """One owner's vectors as one matrix with room to grow; the first ``count`` rows are in use."""

    vectors: Vectors
    keys: Keys
    places: dict[int, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Rows in use."""
        return len(self.places)

    def put(self, key: int, vector: Vectors) -> None:
        """Add a vector or replace the one the key has."""
        place = self.places.get(key)
        if place is None:
            place = self.count
            if place == len(self.keys):
                self._grow()
            self.places[key] = place
            self.keys[place] = key
        self.vectors[place] = vector

    def drop(self, key: int) -> None:
        """Take a vector away; the last one moves into its place."""
        place = self.places.pop(key, None)
        if place is None:
            return
        last = self.count
        if place != last:
            moved = int(self.keys[last])
            self.vectors[place], self.keys[place] = self.vectors[last], moved
            self.places[moved] = place

    def _grow(self) -> None:
        size, width = self.vectors.shape
        vectors = np.zeros((2 * size, width), dtype=np.float32)
        keys = np.zeros(2 * size, dtype=np.int64)
        vectors[:size], keys[:size] = self.vectors, self.keys
        self.vectors, self.keys = vectors, keys


class ExactIndex:
    """Vectors of length 1, kept apart by owner; safe to share between threads."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._shelves: dict[Hashable, _Shelf] = {}
        self._lock = threading.Lock()

    def add(self, owner: Hashable, keys: Sequence[int], vectors: Vectors) -> None:
        """Add or replace vectors (keys × ``size``) of an owner. Raises ModelError for another size."""
        if vectors.shape != (len(keys), self.size):
            raise ModelError(f"{len(keys)} keys came with vectors of the shape {vectors.shape}.")
        with self._lock:
            shelf = self._shelves.get(owner)
            if shelf is None:
                room = max(_FIRST_ROOM, len(keys))
                shelf = _Shelf(np.zeros((room, self.size), dtype=np.float32), np.zeros(room, dtype=np.int64))
                self._shelves[owner] = shelf
            for key, vector in zip(keys, vectors, strict=True):
                shelf.put(int(key), vector)

    def remove(self, owner: Hashable, keys: Sequence[int]) -> None:
        """Forget vectors; keys that are not there are passed over."""
        with self._lock:
            shelf = self._shelves.get(owner)
            if shelf is not None:
                for key in keys:
                    shelf.drop(int(key))

    def clear(self, owner: Hashable) -> None:
        """Forget everything of an owner."""
        with self._lock:
            self._shelves.pop(owner, None)

    def count(self, owner: Hashable) -> int:
        """How many vectors an owner has."""
        with self._lock:
            shelf = self._shelves.get(owner)
            return shelf.count if shelf else 0

    def search(
        self, owner: Hashable, vector: Vectors, k: int, *, allowed: Keys | None = None
    ) -> list[Neighbour]:
        """The ``k`` nearest vectors of the owner, nearest first; ``allowed`` keys alone where it is given.

        Equal similarities are ordered by key, so the same question always has the same answer.
        """
        if vector.shape != (self.size,):
            raise ModelError(f"The index holds vectors of {self.size} numbers, not {vector.shape}.")
        with self._lock:
            shelf = self._shelves.get(owner)
            if shelf is None or k < 1:
                return []
            keys = shelf.keys[: shelf.count].copy()
            similarities = shelf.vectors[: shelf.count] @ vector
        if allowed is not None:
            wanted = np.isin(keys, allowed)
            keys, similarities = keys[wanted], similarities[wanted]
        return _nearest(keys, similarities, k)


def _nearest(keys: Keys, similarities: Vectors, k: int) -> list[Neighbour]:
    if len(keys) > k:
        # Everything as near as the k-th is kept, so that ties are settled by key and not by place.
        bound = np.partition(similarities, len(keys) - k)[len(keys) - k]
        near = similarities >= bound
        keys, similarities = keys[near], similarities[near]
    order = np.lexsort((keys, -similarities))[:k]
    return [Neighbour(int(keys[place]), float(similarities[place])) for place in order]
