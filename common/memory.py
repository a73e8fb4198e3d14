"""What a process remembers: what hardly changes, for seconds, and what was computed last, by its key."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, ClassVar, Generic, TypeVar
from weakref import WeakSet

from django.conf import settings

V = TypeVar("V")


class ShortMemory(Generic[V]):
    """Values by key, each made anew once ``CONFIGURATION_CACHE_SECONDS`` have passed; 0 keeps nothing.

    For reference data alone: what a lead changes takes effect that much later in a busy process. Never for
    a permission or for what may leave the house. Two threads may make a value at once; either is right.
    """

    _all: ClassVar[WeakSet[ShortMemory[Any]]] = WeakSet()

    def __init__(self, size: int = 256) -> None:
        ShortMemory._all.add(self)
        self._size = size
        self._kept: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value of a key: the kept one while it is young, else what ``make`` gives."""
        seconds = settings.CONFIGURATION_CACHE_SECONDS
        if seconds <= 0:
            return make()
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() - kept[0] < seconds:
            return kept[1]
        value = make()
        self._kept[key] = (time.monotonic(), value)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return value

    @classmethod
    def forget(cls) -> None:
        """Empty every memory of the process: another test has another database behind the same keys."""
        for memory in cls._all:
            memory._kept.clear()


class Newest(Generic[V]):
    """The values that were asked for or kept last, at most so many; threads share it.

    For what follows from its key alone, so that nothing in it can be out of date.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable) -> V | None:
        """The value of a key, or None where it is not remembered."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def keep(self, key: Hashable, value: V) -> V:
        """Remember a value, and forget the one that was not asked for the longest; returns the value."""
        with self._lock:
            self._kept[key] = value
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return value
