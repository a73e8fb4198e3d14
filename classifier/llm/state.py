"""State shared by all workers: the few operations we need, a twin in memory, and a way down to it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")

_RETRY_SHARED_AFTER_SECONDS = 5.0


class SharedState(Protocol):
    """What Django's cache API offers. ``timeout`` is in seconds; None keeps the value."""

    def get(self, key: str, default: object = None) -> object:
        """Return the value or the default."""
        ...

    def get_many(self, keys: Iterable[str]) -> dict[str, object]:
        """Return those of the keys that exist."""
        ...

    def set(self, key: str, value: object, timeout: float | None = None) -> object:
        """Store the value."""
        ...

    def add(self, key: str, value: object, timeout: float | None = None) -> bool:
        """Store the value only if the key is free; atomic; tell whether it was."""
        ...

    def incr(self, key: str, delta: int = 1) -> int:
        """Add to a number and return it; ValueError if the key does not exist."""
        ...

    def delete(self, key: str) -> object:
        """Forget the key."""
        ...


class InMemoryState:
    """The twin for tests and for one process: same behaviour, an injected clock, a lock."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._values: dict[str, tuple[object, float | None]] = {}
        self._next_purge = 0.0

    def _live(self, key: str) -> tuple[object, float | None] | None:
        entry = self._values.get(key)
        if entry is None or (entry[1] is not None and entry[1] <= self._clock()):
            self._values.pop(key, None)
            return None
        return entry

    def _purge(self) -> None:
        """Drop what has lapsed, once a minute, so that old window counters do not pile up."""
        now = self._clock()
        if now < self._next_purge:
            return
        self._next_purge = now + 60.0
        for key in [key for key, (_, until) in self._values.items() if until is not None and until <= now]:
            del self._values[key]

    def _store(self, key: str, value: object, timeout: float | None) -> None:
        self._purge()
        self._values[key] = (value, None if timeout is None else self._clock() + timeout)

    def get(self, key: str, default: object = None) -> object:
        """Return the value or the default."""
        with self._lock:
            entry = self._live(key)
            return default if entry is None else entry[0]

    def get_many(self, keys: Iterable[str]) -> dict[str, object]:
        """Return those of the keys that exist."""
        with self._lock:
            return {key: entry[0] for key in keys if (entry := self._live(key)) is not None}

    def set(self, key: str, value: object, timeout: float | None = None) -> object:
        """Store the value."""
        with self._lock:
            self._store(key, value, timeout)
        return None

    def add(self, key: str, value: object, timeout: float | None = None) -> bool:
        """Store the value only if the key is free."""
        with self._lock:
            if self._live(key) is not None:
                return False
            self._store(key, value, timeout)
            return True

    def incr(self, key: str, delta: int = 1) -> int:
        """Add to a number, keeping its time to live."""
        with self._lock:
            entry = self._live(key)
            if entry is None or not isinstance(entry[0], int):
                raise ValueError(f"Key {key!r} not found.")
            total = entry[0] + delta
            self._values[key] = (total, entry[1])
            return total

    def delete(self, key: str) -> object:
        """Forget the key."""
        with self._lock:
            return self._values.pop(key, None) is not None


class DegradingState:
    """Uses the shared state while it works and this process's own while it does not.

    After a failure the shared state is left alone for a few seconds: a frozen Redis would otherwise cost
    its socket timeout on every operation.
    """

    def __init__(
        self,
        shared: SharedState,
        *,
        clock: Callable[[], float] = time.time,
        retry_seconds: float = _RETRY_SHARED_AFTER_SECONDS,
    ) -> None:
        self._shared = shared
        self._local = InMemoryState(clock)
        self._clock = clock
        self._retry_seconds = retry_seconds
        self._broken_until = 0.0

    @property
    def degraded(self) -> bool:
        """True while the shared state is left alone."""
        return self._clock() < self._broken_until

    def _try(self, operation: Callable[[SharedState], T], passed: tuple[type[Exception], ...] = ()) -> T:
        if self.degraded:
            return operation(self._local)
        try:
            return operation(self._shared)
        except passed:
            raise
        except Exception:  # each backend has its own errors, and none may stop a ticket
            logger.exception("The shared state failed; this process goes on with its own.")
            self._broken_until = self._clock() + self._retry_seconds
            return operation(self._local)

    def get(self, key: str, default: object = None) -> object:
        """Return the value or the default."""
        return self._try(lambda state: state.get(key, default))

    def get_many(self, keys: Iterable[str]) -> dict[str, object]:
        """Return those of the keys that exist."""
        wanted = list(keys)
        return self._try(lambda state: state.get_many(wanted))

    def set(self, key: str, value: object, timeout: float | None = None) -> object:
        """Store the value."""
        return self._try(lambda state: state.set(key, value, timeout))

    def add(self, key: str, value: object, timeout: float | None = None) -> bool:
        """Store the value only if the key is free."""
        return self._try(lambda state: state.add(key, value, timeout))

    def incr(self, key: str, delta: int = 1) -> int:
        """Add to a number."""
        return self._try(lambda state: state.incr(key, delta), passed=(ValueError,))

    def delete(self, key: str) -> object:
        """Forget the key."""
        return self._try(lambda state: state.delete(key))


def count_up(state: SharedState, key: str, delta: int, timeout: float, start: int = 0) -> int:
    """Add to a counter that may not exist yet, and return it.

    A counter that lapses between the two steps starts again rather than failing.
    """
    state.add(key, start, timeout)
    try:
        return state.incr(key, delta)
    except ValueError:
        state.set(key, start + delta, timeout)
        return start + delta
