"""How many statements a warm triage run takes: what a ticket costs the database, pinned (P3)."""

from __future__ import annotations

from collections import Counter

from django.core.cache import cache
from django.db import connection
from django.test import TestCase, override_settings
from django.test.utils import CaptureQueriesContext

from classifier.choices import RunState
from classifier.models import WorkflowRun
from classifier.services.examples import starter_examples_load
from classifier.services.execution import run_process
from classifier.services.runs import run_request
from classifier.services.spaces import space_ensure
from classifier.services.training import models_train
from classifier.services.vectors import vectors_fill
from classifier.tests.support import load_world, open_ticket
from common.memory import ShortMemory
from tests.fakes.llm_server import FakeLlmServer, sample_answer
from ticketing.models import Taxonomy

SURE = "I cannot connect to the VPN after the Windows update. The Wi-Fi works, only the VPN fails."
UNSURE = "Something has been odd since yesterday, could somebody please have a look?"
WARM = {"CONFIGURATION_CACHE_SECONDS": 3600, "BLIND_SAMPLE_RATE": 0.0}
TRANSACTION = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "ROLLBACK")


def kind(sql: str) -> str:
    """The verb and the first table of a statement, for the sentence that says what is new."""
    words = sql.replace('"', "").split()
    after = next((words[at + 1] for at, word in enumerate(words) if word in {"FROM", "INTO", "UPDATE"}), "")
    return f"{words[0]} {after}"


class StatementTests(TestCase):
    """The third of three runs, with reference data at hand as in a worker of the day."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.client_row, _ = load_world()
        taxonomy = Taxonomy.objects.get(slug="it_support")
        starter_examples_load(taxonomy=taxonomy)
        models_train(taxonomy=taxonomy)
        space_ensure(force=True)
        vectors_fill()

    def setUp(self) -> None:
        cache.clear()
        ShortMemory.forget()
        self.addCleanup(ShortMemory.forget)

    def warm_run(self, text: str) -> tuple[WorkflowRun, list[str]]:
        """A run after two others like it, and what it said to the database without savepoints."""
        tickets = [open_ticket(self.client_row, f"{text} My place is {place}.") for place in "abc"]
        runs = [run_request(ticket=ticket) for ticket in tickets]
        for run in runs[:2]:
            run_process(run_id=run.pk)
        with CaptureQueriesContext(connection) as captured:
            self.assertTrue(run_process(run_id=runs[2].pk))
        runs[2].refresh_from_db()
        self.assertEqual(runs[2].state, RunState.COMPLETED)
        return runs[2], [row["sql"] for row in captured if not row["sql"].startswith(TRANSACTION)]

    def assert_statements(self, statements: list[str], count: int) -> None:
        """So many, no more and no fewer: fewer is good news that moves the pin."""
        kinds = Counter(kind(sql) for sql in statements)
        shown = "\n".join(f"{number} {name}" for name, number in sorted(kinds.items()))
        self.assertEqual(len(statements), count, f"\n{shown}")

    @override_settings(**WARM)
    def test_a_run_of_the_local_engine(self) -> None:
        """P3: nobody is asked but the database."""
        run, statements = self.warm_run(SURE)
        self.assertEqual(run.decided_by, "local")
        self.assert_statements(statements, 47)

    @override_settings(**WARM)
    def test_a_run_that_asks_a_language_model(self) -> None:
        """P3, C10: one call, with its examples, its ledger row, its budget and its permission."""
        with FakeLlmServer(lambda body: {**sample_answer(body), "category": "software"}) as server:
            environment = {
                "LLM_PROVIDER": "compatible",
                "LLM_MODEL": "fake-model",
                "OPENAI_BASE_URL": server.url,
                "OPENAI_API_KEY": "test-key",
            }
            with override_settings(LLM_ENVIRONMENT=environment):
                run, statements = self.warm_run(UNSURE)
            self.assertEqual(len(server.requests), 3)
        self.assertTrue(run.steps.filter(name="classify_llm", status="completed").exists())
        self.assert_statements(statements, 37)
