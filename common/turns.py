"""Turns at the processor: of many threads that mostly wait for somebody else, few compute at once.

A hundred threads of one interpreter that all want to run hand its lock around thousands of times a second,
and every ticket begun takes memory and a connection from one that could be finished.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Turn:
    """Whose turn it is: threads started meanwhile inherit the context, not the turn."""

    free: threading.BoundedSemaphore
    thread: int


_mine: ContextVar[_Turn | None] = ContextVar("turn", default=None)


class Turns:
    """So many threads at a time between ``taken`` and its end, those that wait for an answer not counted."""

    def __init__(self, count: int) -> None:
        """Raises ValueError below one."""
        if count < 1:
            raise ValueError("At least one thread has to compute.")
        self._free = threading.BoundedSemaphore(count)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn and keep it. Not to be entered while a lock or a transaction is held."""
        with self._free:
            token = _mine.set(_Turn(self._free, threading.get_ident()))
            try:
                yield
            finally:
                _mine.reset(token)


@contextmanager
def turn_lent() -> Iterator[None]:
    """Let somebody else compute while this thread waits for an answer; nothing where it has no turn."""
    mine = _mine.get()
    if mine is None or mine.thread != threading.get_ident():
        yield
        return
    mine.free.release()
    try:
        yield
    finally:
        mine.free.acquire()
