"""Wall-clock deadlines: how long is left, and how to walk away from a call that does not come back."""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from common.turns import turn_lent

T = TypeVar("T")
Clock = Callable[[], float]

MAX_ABANDONED_CALLS = 64


class DeadlineExceededError(Exception):
    """The wall clock ran out before the call came back."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on a monotonic clock."""

    at: float
    clock: Clock = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Clock = time.monotonic) -> Deadline:
        """Return the deadline ``seconds`` from now."""
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Return the seconds left, never below zero."""
        return max(0.0, self.at - self.clock())

    @property
    def expired(self) -> bool:
        """True once nothing is left."""
        return self.remaining() <= 0.0

    def within(self, seconds: float) -> Deadline:
        """Return a deadline at most ``seconds`` away and never later than this one."""
        return Deadline(min(self.at, self.clock() + seconds), self.clock)


current_deadline: contextvars.ContextVar[Deadline | None] = contextvars.ContextVar(
    "llm_deadline", default=None
)
"""The deadline of the call running in this context; the wire checks it before every socket read."""


class AbandonedCalls:
    """Counts the threads whose caller has left, so that they cannot pile up without end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    @property
    def count(self) -> int:
        """Threads still running without a caller."""
        return self._count

    def add(self, delta: int) -> None:
        """Change the count."""
        with self._lock:
            self._count += delta


abandoned_calls = AbandonedCalls()


class _Call:
    """One function running in a thread of its own, with its outcome or without a caller."""

    def __init__(self, function: Callable[[], object]) -> None:
        self.function = function
        self.outcome: queue.SimpleQueue[tuple[object, BaseException | None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._done = False
        self._abandoned = False

    def run(self) -> None:
        try:
            result: tuple[object, BaseException | None] = (self.function(), None)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            result = (None, error)
        with self._lock:
            self._done = True
            if self._abandoned:
                abandoned_calls.add(-1)
        self.outcome.put(result)

    def outcome_within(self, seconds: float) -> BaseException | None:
        """Wait for the end and return its error; one of the deadline's where it does not come in time."""
        try:
            return self.outcome.get(timeout=seconds)[1]
        except queue.Empty:
            self._abandon()
            return DeadlineExceededError("The call did not come back before its deadline.")

    def _abandon(self) -> None:
        with self._lock:
            if not self._done:
                self._abandoned = True
                abandoned_calls.add(1)


def run_with_deadline(function: Callable[[], T], deadline: Deadline) -> T:
    """Run ``function`` in a thread and return its result, or leave it behind at the deadline.

    An SDK's own timeout restarts with every byte, and name resolution has none, so the caller waits on
    a queue instead of on the socket. The thread left behind ends by itself: the wire reads
    ``current_deadline`` before every socket operation.

    Raises:
        DeadlineExceededError: nothing came back in time, or too many calls already hang.
    """
    seconds = deadline.remaining()
    if seconds <= 0.0 or abandoned_calls.count >= MAX_ABANDONED_CALLS:
        raise DeadlineExceededError("No time or no thread is left for the call.")
    context = contextvars.copy_context()
    context.run(current_deadline.set, deadline)
    results: list[T] = []
    call = _Call(lambda: results.append(function()))
    threading.Thread(target=context.run, args=(call.run,), name="llm-call", daemon=True).start()
    with turn_lent():
        error = call.outcome_within(seconds)
    if error is not None:
        raise error
    return results[0]
