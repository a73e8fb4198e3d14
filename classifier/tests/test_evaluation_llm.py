"""Judging language models and the whole cascade on labelled texts, over real HTTP (C25)."""

from __future__ import annotations

import json
import tempfile
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import TestCase, override_settings

from classifier.choices import ExampleSource
from classifier.llm.prompts import load_prompt
from classifier.models import LabelledExample, LlmCall, PromptVersion
from classifier.selectors.prompts import prompt_figures
from classifier.services.evaluation import Report, evaluate_examples, evaluate_file
from classifier.services.evaluation_asking import Payer
from classifier.services.examples import hash_of
from classifier.services.spaces import space_ensure
from classifier.services.training import models_train
from classifier.services.vectors import vectors_fill
from classifier.tests.support import load_world, service_actor
from common.exceptions import NotAllowed, NotFound, ValidationFailed
from tests.fakes.llm_server import FakeLlmServer, Fault, sample_answer
from ticketing.models import Category, ClientSettings, Taxonomy

pytestmark = pytest.mark.once


WORDS = {"network": "vpn wifi router cable", "hardware": "laptop screen keyboard battery"}
PLACES = ("alpha bravo", "charlie delta", "echo foxtrot", "golf hotel", "india juliett", "kilo lima")


def knows(body: dict[str, Any]) -> dict[str, Any]:
    """A model that is right about every text but those of a toaster, which it takes for a network."""
    asked = str(body["messages"][-1]["content"])
    category = "network" if "vpn" in asked or "toaster" in asked else "hardware"
    return {**sample_answer(body), "category": category, "confidence": 0.9}


class AskedCase(TestCase):
    """Two clients, a shared taxonomy of two categories, a dozen labelled texts."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.one, cls.two = load_world()
        cls.taxonomy = Taxonomy.objects.create(slug="small", name="Small")
        for slug in WORDS:
            Category.objects.create(taxonomy=cls.taxonomy, slug=slug, name=slug.upper())

    def setUp(self) -> None:
        cache.clear()

    def teach(self, slug: str, text: str, **more: Any) -> None:
        """One labelled example."""
        LabelledExample.objects.create(
            taxonomy=self.taxonomy,
            text=text,
            text_hash=hash_of(text),
            category=Category.objects.get(taxonomy=self.taxonomy, slug=slug),
            source=ExampleSource.REVIEW,
            **more,
        )

    def teach_all(self) -> None:
        """Six texts of each category."""
        for slug, words in WORDS.items():
            for place in PLACES:
                self.teach(slug, f"{words} broken at {place}")

    def environment(self, server: FakeLlmServer, **more: str) -> Any:
        """Settings under which the server is the one model; a thousand tokens in cost a dollar."""
        values = {
            "LLM_PROVIDER": "compatible",
            "LLM_MODEL": "fake-model",
            "OPENAI_BASE_URL": server.url,
            "OPENAI_API_KEY": "test-key",
            "LLM_TIMEOUT_SECONDS": "0.5",
            "LLM_PRICE_INPUT": "1000",
            "LLM_MAX_TOKENS": "1000",
            **more,
        }
        return override_settings(LLM_ENVIRONMENT=values)

    def judged(self, server: FakeLlmServer, engine: Any = "llm", **payer: Any) -> Report:
        """The database's examples, judged in the first client's name."""
        with self.environment(server):
            return evaluate_examples(
                taxonomy=self.taxonomy, engine=engine, payer=Payer(client=self.one, **payer)
            )


class AnswerTests(AskedCase):
    """What is measured when all goes well."""

    def test_quality_cost_and_latency_come_from_the_calls(self) -> None:
        """C25: every text is asked about once, without the cache, and each call is in the ledger as such."""
        self.teach_all()
        self.teach("hardware", "toaster burns the bread at ann@example.org")
        with FakeLlmServer(knows) as server:
            for _ in range(2):
                report = self.judged(server)
            bodies = [str(request.body) for request in server.requests]
        spending = report.spending
        assert spending is not None
        self.assertEqual(len(bodies), 26)
        self.assertFalse([body for body in bodies if "ann@example.org" in body])
        self.assertEqual(report.evaluation.quality.accuracy, 12 / 13)
        self.assertEqual(report.evaluation.quality.confusion, ((6, 1), (0, 6)))
        self.assertEqual((spending.calls, spending.texts, spending.tokens_in), (13, 13, 13_000))
        self.assertEqual(spending.cost, Decimal(13))
        self.assertGreater(report.evaluation.latency.p95_ms, report.evaluation.latency.median_ms / 2)
        self.assertEqual(set(LlmCall.objects.values_list("purpose", "client")), {("evaluation", self.one.pk)})

    def test_the_comparison_of_prompts_counts_daily_work_alone(self) -> None:
        """C12: a thousand judged texts would otherwise be most of what a prompt was asked."""
        self.teach_all()
        with FakeLlmServer(knows) as server:
            self.judged(server, limit=2)
        self.assertEqual(prompt_figures(actor=service_actor(self.one), since=self.one.created_at), [])

    def test_a_prompt_version_is_judged(self) -> None:
        """C25: by name, in use or not; another client's is not there."""
        self.teach_all()
        words = load_prompt("fused")
        PromptVersion.objects.create(
            client=self.one, name="new", system=words.system + "\nNew words.", before=words.before,
            after=words.after, is_active=False,
        )  # fmt: skip
        with FakeLlmServer(knows) as server:
            text = self.command(server, "--prompt", "new", "--limit", "3")
            sent = [str(request.body) for request in server.requests]
            with self.assertRaises(CommandError):
                self.command(server, "--prompt", "new", client="second")
        self.assertEqual(len([body for body in sent if "New words." in body]), 3)
        self.assertIn("The prompt is new@", text)

    def command(self, server: FakeLlmServer, *arguments: str, client: str = "first") -> str:
        """What the command prints for ``llm``."""
        out = StringIO()
        head = ("evaluate", "--taxonomy", "small", "--engine", "llm", "--client", client)
        with self.environment(server):
            call_command(*head, *arguments, stdout=out)
        return out.getvalue()

    def test_the_command_prints_what_it_cost(self) -> None:
        """C25: in words and as JSON, and it fails under the bound."""
        self.teach_all()
        with FakeLlmServer(knows) as server:
            text = self.command(server)
            data = json.loads(self.command(server, "--json"))
            server.answer = lambda body: {**knows(body), "category": "network"}
            with self.assertRaises(CommandError) as caught:
                self.command(server, "--fail-under", "0.6")
        self.assertIn("12 calls about 12 texts, 12000 tokens in, 1200 out, $12.0000 ($1.000000 a text)", text)
        self.assertEqual((data["spending"]["cost"], data["quality"]["accuracy"]), (12.0, 1.0))
        self.assertEqual(caught.exception.returncode, 1)

    def test_the_cascade_asks_only_about_what_stays_unsure(self) -> None:
        """C25, C6: the local engine of each text was not taught it; without a payer nobody is asked."""
        for slug, words in WORDS.items():
            for number in range(20):
                self.teach(slug, f"{words} is broken in room {number}")
        for word in ("zebra quagga", "pangolin okapi", "wombat numbat"):
            self.teach("network", word)
        models_train(taxonomy=self.taxonomy)
        ClientSettings.objects.filter(client=self.one).update(accept_threshold=0.6)
        with FakeLlmServer(knows) as server:
            report = self.judged(server, "cascade")
            asked = len(server.requests)
            with self.environment(server):
                alone = evaluate_examples(taxonomy=self.taxonomy, engine="cascade")
                local = evaluate_examples(
                    taxonomy=self.taxonomy, engine="local", payer=Payer(client=self.one)
                )
            self.assertEqual(len(server.requests), asked)
        assert report.spending is not None
        self.assertTrue(0 < asked < 20, asked)
        self.assertEqual((report.spending.calls, report.spending.texts), (asked, asked))
        self.assertEqual(report.evaluation.quality.examples, 43)
        self.assertIn("Out of fold", report.protocol)
        self.assertEqual((alone.spending, local.spending), (None, None))

    def test_a_file_is_judged(self) -> None:
        """C25: CSV and JSON lines, a model without any local engine."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        rows = [("the vpn is slow", "network"), ("a toaster", "hardware")]
        csv, lines = Path(folder) / "t.csv", Path(folder) / "t.jsonl"
        csv.write_text("text,category\n" + "".join(f"{text},{label}\n" for text, label in rows))
        lines.write_text("\n".join(json.dumps({"text": t, "category": label}) for t, label in rows))
        with FakeLlmServer(knows) as server, self.environment(server):
            for path in (csv, lines):
                for engine in ("llm", "cascade"):
                    with self.subTest(path=path.name, engine=engine):
                        report = evaluate_file(
                            taxonomy=self.taxonomy, engine=engine, path=path, text_column="text",
                            label_column="category", payer=Payer(client=self.one),
                        )  # fmt: skip
                        self.assertEqual(report.evaluation.quality.accuracy, 0.5)


class LeakTests(AskedCase):
    """What must not be told, and what must not leave."""

    def test_no_near_copy_of_a_text_is_its_example(self) -> None:
        """C25: the label of a campaign's other mail would be the answer."""
        campaign = "vpn router gives up whenever the rain falls on the roof of building {}, please help"
        for number in range(8):
            self.teach("network", campaign.format(number))
        for place in PLACES * 3:
            text = f"{WORDS['hardware']} broken at {place}"
            self.teach("hardware", f"{text} {LabelledExample.objects.count()}", client=self.one)
        for place in PLACES:
            self.teach("network", f"wifi is gone and nobody at {place} knows when it returns")
        space_ensure(force=True)
        vectors_fill()
        with FakeLlmServer(knows) as server:
            self.judged(server)
            sent = [request.body["messages"] for request in server.requests]
        asked = [body for body in sent if "rain falls" in str(body[-1]["content"])]
        self.assertEqual(len(asked), 8)
        for body in asked:
            shown = str(body[:-1])
            self.assertIn("Earlier tickets", str(body))
            self.assertEqual(shown.count("rain falls") + str(body[-1]["content"]).count("rain falls"), 1)

    def test_other_clients_examples_are_neither_sent_nor_shown(self) -> None:
        """T10, C21: a shared taxonomy has examples of many clients."""
        self.teach_all()
        self.teach("network", "a secret of the second client about its vpn", client=self.two)
        self.teach("network", "the first client and its vpn", client=self.one)
        with FakeLlmServer(knows) as server:
            report = self.judged(server)
            sent = str([request.body for request in server.requests])
        self.assertEqual(report.evaluation.quality.examples, 13)
        self.assertIn("the first client and its vpn", sent)
        self.assertNotIn("a secret of the second client", sent)

    def test_a_client_that_forbids_it_is_refused(self) -> None:
        """C21: its layer refuses, and the evaluation says so instead of measuring."""
        self.teach_all()
        ClientSettings.objects.filter(client=self.one).update(allow_external_llm=False)
        with FakeLlmServer(knows) as server, self.assertRaises(NotAllowed):
            self.judged(server)
        self.assertEqual((server.requests, LlmCall.objects.count()), ([], 0))

    def test_a_category_that_keeps_its_texts_is_not_sent(self) -> None:
        """C21: neither a text labelled so nor one the local engine takes for it."""
        self.teach_all()
        Category.objects.filter(taxonomy=self.taxonomy, slug="hardware").update(allow_external_llm=False)
        with FakeLlmServer(knows) as server:
            report = self.judged(server)
            cascade = self.judged(server, "cascade")
            sent = str([request.body["messages"][-1] for request in server.requests])
        assert report.spending is not None
        assert cascade.spending is not None
        self.assertNotIn("laptop", sent)
        self.assertEqual((report.spending.kept_home, report.evaluation.quality.examples), (6, 6))
        self.assertEqual(cascade.evaluation.quality.examples, 12)

    def test_another_clients_taxonomy_is_not_there(self) -> None:
        """T10."""
        own = Taxonomy.objects.create(client=self.two, slug="own", name="Own")
        with FakeLlmServer() as server, self.environment(server), self.assertRaises(NotFound):
            evaluate_examples(taxonomy=own, engine="llm", payer=Payer(client=self.one))

    def test_without_a_payer_or_a_model_nobody_is_asked(self) -> None:
        """C25: a sentence for each."""
        self.teach_all()
        with self.assertRaisesMessage(ValidationFailed, "in whose name"):
            evaluate_examples(taxonomy=self.taxonomy, engine="llm")
        with self.assertRaisesMessage(ValidationFailed, "No language model may be asked"):
            evaluate_examples(taxonomy=self.taxonomy, engine="llm", payer=Payer(client=self.one))
        for wrong in (["--engine", "local", "--budget", "1"], ["--client", "first", "--budget", "-1"]):
            with self.subTest(wrong=wrong), self.assertRaises(CommandError):
                call_command("evaluate", "--taxonomy", "small", *wrong)


class TroubleTests(AskedCase):
    """Failures, and money that runs out."""

    def setUp(self) -> None:
        super().setUp()
        self.teach_all()

    def test_a_failing_model_is_counted_apart(self) -> None:
        """C25: a timeout, a 503 and an answer nobody can read are no wrong categories."""
        with FakeLlmServer(knows) as server:
            server.faults(Fault.HANG, Fault.HTTP_503, Fault.REFUSAL)
            report = self.judged(server)
        assert report.spending is not None
        self.assertEqual(report.spending.failures, {"timeout": 1, "http_5xx": 1, "refusal": 1})
        quality = report.evaluation.quality
        self.assertEqual((quality.examples, quality.accuracy), (9, 1.0))
        self.assertEqual(report.spending.texts, 12)

    def test_a_model_that_wants_a_pause_gets_one_where_there_is_patience(self) -> None:
        """C25: 429 with Retry-After silences the model for the texts that follow."""
        with FakeLlmServer(knows) as server:
            server.faults(Fault.HTTP_429)
            with self.assertRaisesMessage(ValidationFailed, "1 × rate_limited, 11 × throttled"):
                self.judged(server)
            cache.clear()
            server.faults(Fault.HTTP_429)
            with mock.patch("classifier.services.evaluation_asking.time.sleep", side_effect=_forget) as slept:
                report = self.judged(server, patience_seconds=41.0)
        slept.assert_called_once_with(41.0)
        assert report.spending is not None
        self.assertEqual((report.spending.failures, report.evaluation.quality.examples), ({}, 12))
        self.assertLess(report.evaluation.latency.p95_ms, 40_000)

    def test_in_the_cascade_a_failure_is_no_answer_of_the_local_engine(self) -> None:
        """C25: the ticket would go without the model, but this says nothing about the cascade."""
        with FakeLlmServer(knows) as server:
            server.faults(Fault.HTTP_503)
            report = self.judged(server, "cascade")
        assert report.spending is not None
        self.assertEqual(report.spending.failures, {"http_5xx": 1})
        self.assertEqual(report.evaluation.quality.examples, 11)

    def test_no_call_leaves_that_might_exceed_the_budget(self) -> None:
        """C25: what was judged so far is said, and that it is not all."""
        with FakeLlmServer(knows) as server:
            report = self.judged(server, budget=Decimal("6.5"))
            asked = len(server.requests)
            with self.assertRaisesMessage(ValidationFailed, "exceeded the budget of $0"):
                self.judged(server, budget=Decimal(0))
        spending = report.spending
        assert spending is not None
        self.assertLessEqual(spending.cost, Decimal("6.5"))
        self.assertTrue(2 <= asked < 12, asked)
        self.assertEqual((spending.calls, spending.cost), (asked, Decimal(asked)))
        self.assertEqual(report.evaluation.quality.examples, asked)
        self.assertEqual(spending.not_reached, 12 - asked)
        self.assertIn("exceeded the budget of $6.5", spending.stopped)

    def test_a_call_that_timed_out_may_have_cost_everything(self) -> None:
        """C25: whoever hangs up is still charged, so what was set aside for it is not spent twice."""
        with FakeLlmServer(knows) as server:
            server.faults(Fault.HANG)
            report = self.judged(server, budget=Decimal("6.5"))
            asked = len(server.requests)
            cache.clear()
            server.faults(*[Fault.HANG] * 9)
            with self.assertRaisesRegex(ValidationFailed, "^Nothing was answered: [1-6] × timeout, the next"):
                self.judged(server, budget=Decimal("6.5"))
        spending = report.spending
        assert spending is not None
        self.assertGreater(spending.unsettled, Decimal("0.5"))
        self.assertEqual(spending.cost, Decimal(asked - 1))
        self.assertLessEqual(spending.cost + spending.unsettled, Decimal("6.5"))
        self.assertEqual(spending.to_json()["unsettled"], float(spending.unsettled))

    def test_a_gate_is_not_passed_by_failing_or_by_stopping(self) -> None:
        """C25: one right answer and eleven failures are no accuracy of 1."""
        asked = ("evaluate", "--taxonomy", "small", "--engine", "llm", "--client", self.one.slug)
        with FakeLlmServer(knows) as server, self.environment(server):
            call_command(*asked, "--fail-under", "1", stdout=StringIO())
            server.faults(Fault.REFUSAL, Fault.REFUSAL, Fault.REFUSAL)
            with self.assertRaisesMessage(CommandError, "0.7500 is below 0.76") as caught:
                call_command(*asked, "--fail-under", "0.76", stdout=StringIO())
            self.assertEqual(caught.exception.returncode, 1)
            with self.assertRaisesMessage(CommandError, "stopped early") as caught:
                call_command(*asked, "--fail-under", "0.1", "--budget", "6.5", stdout=StringIO())
            self.assertEqual(caught.exception.returncode, 1)

    def test_the_clients_own_budget_holds(self) -> None:
        """C21: and ends the evaluation like the other."""
        ClientSettings.objects.filter(client=self.one).update(llm_daily_budget=Decimal("6.5"))
        with FakeLlmServer(knows) as server:
            report = self.judged(server)
        assert report.spending is not None
        self.assertIn("budget of the client", report.spending.stopped)
        self.assertLessEqual(report.spending.cost, Decimal("6.5"))

    def test_a_model_without_a_price_is_named(self) -> None:
        """C25: a budget that cannot hold it must not look as if it did."""
        with FakeLlmServer(knows) as server, self.environment(server, LLM_PRICE_INPUT="0"):
            report = evaluate_examples(
                taxonomy=self.taxonomy, engine="llm", payer=Payer(client=self.one, budget=Decimal(1))
            )
        self.assertIn("No budget holds fake-model", report.protocol)


def _forget(_: float) -> None:
    """The pause is over."""
    cache.clear()
