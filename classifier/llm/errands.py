"""Threads side by side, and the errands they leave to the thread that waits for them.

A thread of its own would open a database connection of its own, outside the caller's transaction and never
closed. What touches the application (ledger, cache, budgets, breakers) is therefore run by the caller.
"""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import wraps
from typing import ParamSpec, TypeVar

from classifier.llm.stack import Surroundings
from classifier.llm.state import SharedState
from classifier.llm.types import Departure, Ledger, Settlement
from common.turns import turn_lent

P = ParamSpec("P")
T = TypeVar("T")
_SOON_SECONDS = 0.05


class CallerGoneError(Exception):
    """The caller no longer waits, so nobody is there to run the errand."""


def _settle(future: Future[T], function: Callable[[], T]) -> None:
    """Put what a function returns or raises into a future."""
    try:
        future.set_result(function())
    except BaseException as error:  # noqa: BLE001 - raised again where the result is read
        future.set_exception(error)


class Errands:
    """The errands of one caller's threads. The caller serves them until every thread has ended."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._open = True

    def run(self, function: Callable[[], T]) -> T:
        """Have the caller run a function; return its result or raise its error, in the asking thread.

        Raises:
            CallerGoneError: the caller has stopped waiting.
        """
        future: Future[T] = Future()

        def order() -> None:
            if self._open:
                _settle(future, function)
            else:
                future.set_exception(CallerGoneError("The caller has left."))

        with self._lock:
            if not self._open:
                raise CallerGoneError("The caller has left.")
            self._orders.put(order)
        return future.result()

    def start(self, function: Callable[[], T]) -> Future[T]:
        """Run a function in a thread with a copy of the caller's context; its end is told to ``serve``."""
        future: Future[T] = Future()
        context = contextvars.copy_context()
        context.run(_errands.set, self)

        def work() -> None:
            _settle(future, function)
            self._orders.put(None)

        threading.Thread(target=context.run, args=(work,), name="llm-member", daemon=True).start()
        return future

    def serve(self, threads: int) -> None:
        """Run errands until so many threads have ended."""
        while threads:
            order = self._next()
            if order is None:
                threads -= 1
            else:
                order()

    def _next(self) -> Callable[[], None] | None:
        """The next order. One errand follows the other at once, and only who waits longer lends the turn:
        after each of a dozen errands the caller would queue behind everybody else, until no time is left.
        """
        try:
            return self._orders.get(timeout=_SOON_SECONDS)
        except queue.Empty:
            with turn_lent():
                return self._orders.get()

    def close(self) -> None:
        """Refuse what is still waiting and what comes later: a thread must not wait for ever."""
        with self._lock:
            self._open = False
        while not self._orders.empty():
            order = self._orders.get()
            if order is not None:
                order()


_errands: contextvars.ContextVar[Errands | None] = contextvars.ContextVar("llm_errands", default=None)
"""Where a thread of this context leaves its errands; None in a thread that may run them itself."""


def side_by_side(functions: Sequence[Callable[[], T]]) -> list[Future[T]]:
    """Run functions in threads of their own and return their outcomes in order, once all have ended.

    Each has to end by itself, by its own deadline.
    """
    errands = Errands()
    try:
        futures = [errands.start(function) for function in functions]
        errands.serve(len(futures))
    finally:
        errands.close()
    return futures


def by_caller(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function so that the waiting caller runs it; without one it runs where it is called."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        errands = _errands.get()
        if errands is None:
            return function(*args, **kwargs)
        return errands.run(lambda: function(*args, **kwargs))

    return run


class _CallersState:
    """Shared state that only the caller's thread touches."""

    def __init__(self, state: SharedState) -> None:
        self._state = state

    def get(self, key: str, default: object = None) -> object:
        return by_caller(self._state.get)(key, default)

    def get_many(self, keys: Iterable[str]) -> dict[str, object]:
        return by_caller(self._state.get_many)(keys)

    def set(self, key: str, value: object, timeout: float | None = None) -> object:
        return by_caller(self._state.set)(key, value, timeout)

    def add(self, key: str, value: object, timeout: float | None = None) -> bool:
        return by_caller(self._state.add)(key, value, timeout)

    def incr(self, key: str, delta: int = 1) -> int:
        return by_caller(self._state.incr)(key, delta)

    def delete(self, key: str) -> object:
        return by_caller(self._state.delete)(key)


class _CallersLedger:
    """A ledger that only the caller's thread writes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def left(self, departure: Departure) -> None:
        by_caller(self._ledger.left)(departure)

    def settled(self, settlement: Settlement) -> None:
        by_caller(self._ledger.settled)(settlement)


def callers_surroundings(around: Surroundings) -> Surroundings:
    """Return the same surroundings for layers that run in threads side by side."""
    changed = around.on_breaker_change
    return replace(
        around,
        state=_CallersState(around.state),
        ledger=_CallersLedger(around.ledger),
        allows_external=by_caller(around.allows_external),
        budget_limits=by_caller(around.budget_limits) if around.budget_limits else None,
        spent_since=by_caller(around.spent_since) if around.spent_since else None,
        on_breaker_change=by_caller(changed) if changed else None,
    )
