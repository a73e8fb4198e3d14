"""Where threads take turns, and where they lend them: in tasks, and while a language model thinks."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock, patch

from django.test import SimpleTestCase

from classifier import tasks
from classifier.llm import errands
from classifier.llm.deadline import Deadline, DeadlineExceededError, run_with_deadline
from classifier.llm.errands import by_caller, side_by_side
from common.turns import Turns, turn_lent


class TurnTests(SimpleTestCase):
    """P4: a hundred threads of a worker."""

    def test_a_task_waits_for_its_turn(self) -> None:
        """A run is claimed when the thread may compute, so that its lease does not run while it waits."""
        claimed = threading.Event()
        with (
            patch.object(tasks, "TURNS", Turns(1)),
            patch.object(tasks, "bulk_claim", return_value=[]),
            patch.object(tasks, "run_process", side_effect=lambda **_: claimed.set()),
            ThreadPoolExecutor(1) as pool,
        ):
            with tasks.TURNS.taken():
                waiting = pool.submit(tasks.triage, 1)
                self.assertFalse(claimed.wait(0.2))
            waiting.result(timeout=5)
        self.assertTrue(claimed.is_set())

    def test_a_call_lends_the_turn_and_gives_up_in_time(self) -> None:
        """C11: somebody else computes while the model thinks; a deadline holds as before."""
        turns, asked = Turns(1), threading.Event()

        def somebody_else() -> str:
            with turns.taken():
                return "computed"

        with ThreadPoolExecutor(1) as pool, turns.taken():
            other = pool.submit(somebody_else)
            answer = run_with_deadline(lambda: other.result(timeout=5), Deadline.after(5))
            self.assertEqual(answer, "computed")
            with self.assertRaises(DeadlineExceededError):
                run_with_deadline(lambda: asked.wait(5), Deadline.after(0.1))
            asked.set()

    def test_an_ensemble_lends_its_turn_for_the_answers_alone(self) -> None:
        """C9: who queued again after each of a dozen errands would have no time left for the call."""

        def member() -> int:
            return sum(by_caller(lambda: 1)() for _ in range(6))

        lent = Mock(side_effect=turn_lent)
        with patch.object(errands, "turn_lent", lent), Turns(1).taken():
            with patch.object(errands, "_SOON_SECONDS", 10):
                answers = [future.result() for future in side_by_side([member, member])]
            self.assertEqual((answers, lent.call_count), ([6, 6], 0))
            thought = threading.Event()
            with patch.object(errands, "_SOON_SECONDS", 0.01):
                threading.Timer(0.3, thought.set).start()
                side_by_side([lambda: thought.wait(5)])
            self.assertEqual(lent.call_count, 1)
