"""Turns at the processor: of many threads that mostly wait for somebody else, few compute at once.

A hundred threads of one interpreter that all want to run hand its lock around thousands of times a second,
and every ticket begun takes memory and a connection from one that could be finished.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


class Turns:
    """So many threads at a time between ``taken`` and its end, those that wait for an answer not counted.

    A turn goes to who has waited longest: first of those who had one before, then of those who begin.
    """

    def __init__(self, count: int) -> None:
        """Raises ValueError below one."""
        if count < 1:
            raise ValueError("At least one thread has to compute.")
        self._lock = threading.Lock()
        self._free = count
        self._returning: deque[threading.Event] = deque()
        self._beginning: deque[threading.Event] = deque()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn and keep it. Not to be entered while a lock or a transaction is held."""
        self._take(self._beginning)
        token = _mine.set(_Turn(self, threading.get_ident()))
        try:
            yield
        finally:
            _mine.reset(token)
            self._give()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Give the turn of this thread away and wait for the next one afterwards."""
        self._give()
        try:
            yield
        finally:
            self._take(self._returning)

    def _take(self, queue: deque[threading.Event]) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            called = threading.Event()
            queue.append(called)
        called.wait()

    def _give(self) -> None:
        with self._lock:
            queue = self._returning or self._beginning
            if queue:
                queue.popleft().set()
            else:
                self._free += 1


@dataclass(frozen=True, slots=True)
class _Turn:
    """Whose turn it is: threads started meanwhile inherit the context, not the turn."""

    turns: Turns
    thread: int


_mine: ContextVar[_Turn | None] = ContextVar("turn", default=None)


@contextmanager
def turn_lent() -> Iterator[None]:
    """Let somebody else compute while this thread waits for an answer; nothing where it has no turn."""
    mine = _mine.get()
    if mine is None or mine.thread != threading.get_ident():
        yield
        return
    with mine.turns.lent():
        yield
