"""Few threads compute while many wait."""

from __future__ import annotations

import contextvars
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.turns import Turns, turn_lent


class Crowd:
    """Counts who is inside, and how many there were at most."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = 0

    def change(self, by: int) -> None:
        with self.lock:
            self.now += by
            self.most = max(self.most, self.now)

    def visit(self) -> None:
        """Be inside for a moment."""
        self.change(1)
        time.sleep(0.02)
        self.change(-1)


def test_so_many_compute_and_all_wait_together() -> None:
    """P4: twelve threads wait side by side although two compute; everybody comes to an end."""
    turns, computing, waiting = Turns(2), Crowd(), Crowd()
    everybody_waits = threading.Barrier(12)

    def work() -> None:
        with turns.taken():
            computing.visit()
            with turn_lent():
                waiting.change(1)
                everybody_waits.wait(timeout=20)
            computing.visit()

    with ThreadPoolExecutor(12) as pool:
        for future in [pool.submit(work) for _ in range(12)]:
            future.result(timeout=20)
    assert waiting.most == 12
    assert computing.most == 2


def test_who_was_answered_goes_before_who_begins() -> None:
    """P4: a ticket that was begun is finished before the next one is."""
    turns, order = Turns(1), []
    answered = threading.Event()

    def began_before() -> None:
        with turns.taken():
            with turn_lent():
                answered.wait(5)
            order.append("answered")

    def begins() -> None:
        with turns.taken():
            order.append("begins")

    first = threading.Thread(target=began_before)
    first.start()
    while not turns._free:
        time.sleep(0.001)
    with turns.taken():
        second = threading.Thread(target=begins)
        second.start()
        while not turns._beginning:
            time.sleep(0.001)
        answered.set()
        while not turns._returning:
            time.sleep(0.001)
    first.join(5)
    second.join(5)
    assert order == ["answered", "begins"]


def test_a_turn_comes_back_whatever_happens() -> None:
    """P4: an error while computing, and one while waiting, leave the turn free for the next."""
    turns = Turns(1)

    def fail(while_waiting: bool) -> None:
        with turns.taken():
            if while_waiting:
                with turn_lent():
                    raise KeyError
            raise KeyError

    for while_waiting in (False, True):
        with pytest.raises(KeyError):
            fail(while_waiting)
    with turns.taken(), turn_lent(), turns.taken():
        pass


def test_a_thread_of_the_same_context_lends_nothing() -> None:
    """P4: a thread started within a turn inherits the context, but the turn is its parent's."""
    turns = Turns(1)
    entered = threading.Event()

    def stranger() -> None:
        with turns.taken():
            entered.set()

    with turns.taken():
        context = contextvars.copy_context()

        def child() -> None:
            with turn_lent():
                other = threading.Thread(target=stranger, daemon=True)
                other.start()
                assert not entered.wait(0.2)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(context.run, child).result(timeout=5)
    assert entered.wait(5)


def test_without_a_turn_nothing_is_lent() -> None:
    """P4: in a web process nobody takes turns."""
    with turn_lent():
        pass


def test_nobody_is_too_few() -> None:
    """O6: a setting of zero would stop all work."""
    with pytest.raises(ValueError, match="At least one"):
        Turns(0)
