"""What evaluations measured, kept for leads (C25)."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO

from django.core.management import CommandError, call_command
from django.urls import reverse

from classifier.models import EvaluationRecord
from classifier.services.training import models_train
from classifier.tests.test_evaluation_llm import AskedCase, knows
from teams.choices import Group
from teams.models import Client
from tests.fakes.llm_server import FakeLlmServer, Fault
from ticketing.tests.world import make_user


class RecordTests(AskedCase):
    """``--record`` and the list."""

    def setUp(self) -> None:
        super().setUp()
        self.teach_all()

    def record(self, *arguments: str) -> EvaluationRecord:
        """An evaluation of which the figures are kept."""
        before = EvaluationRecord.objects.count()
        call_command("evaluate", "--taxonomy", "small", "--record", *arguments, stdout=StringIO())
        self.assertEqual(EvaluationRecord.objects.count(), before + 1)
        return EvaluationRecord.objects.latest("pk")

    def asked(self, *arguments: str) -> EvaluationRecord:
        """The same of a language model that is right about what it answers, and refuses one text."""
        with FakeLlmServer(knows) as server, self.environment(server):
            server.faults(Fault.REFUSAL)
            return self.record("--engine", "llm", "--client", self.one.slug, *arguments)

    def login(self, name: str, group: Group, client: Client) -> None:
        """Somebody of the back office."""
        user = make_user(name, group, client)
        user.is_staff = True
        user.is_superuser = group == Group.ADMINISTRATORS
        user.save()
        self.client.force_login(user)

    def test_the_figures_of_a_model_are_kept_and_no_text(self) -> None:
        """C25: which engine, with which words, on what, how good, how dear, who and when."""
        row = self.asked("--prompt", "shipped")
        self.assertEqual((row.engine, row.texts, row.accuracy, row.failures), ("llm", 11, 1.0, 1))
        self.assertEqual((row.client, row.taxonomy), (self.one, self.taxonomy))
        self.assertEqual((row.macro_f1, row.coverage, row.cost), (1.0, 1.0, row.cost))
        self.assertGreaterEqual(row.cost or 0, Decimal(11))
        self.assertTrue(row.prompt_version.startswith("fused"), row.prompt_version)
        self.assertIn("12 examples", row.source)
        self.assertEqual((row.actor_kind, row.actor_label), ("system", "manage.py evaluate"))
        self.assertGreater(row.latency_p95_ms, 0)
        self.assertNotIn("alpha bravo", f"{row.result} {row.protocol}")

    def test_without_a_payer_nothing_was_spent(self) -> None:
        """C25: and the figures are about the texts of all clients, whoever is named for the taxonomy."""
        row = self.record("--engine", "rules", "--client", self.one.slug)
        self.assertEqual((row.cost, row.failures, row.client, row.prompt_version), (None, 0, None, ""))
        self.taxonomy.client = self.two
        self.taxonomy.save()
        self.assertEqual(self.record("--engine", "rules", "--client", self.two.slug).client, self.two)

    def test_a_gate_that_is_not_passed_is_kept_too(self) -> None:
        """C25: what failed is worth more to know."""
        with self.assertRaises(CommandError):
            self.record("--engine", "rules", "--fail-under", "1")
        self.assertEqual(EvaluationRecord.objects.count(), 1)

    def test_leads_see_those_of_their_clients(self) -> None:
        """T10: another client's are neither listed nor opened, and those about all clients are not theirs."""
        mine = self.asked()
        shared = self.record("--engine", "rules")
        for name, group, client, seen in (
            ("lead-one", Group.LEADS, self.one, {mine.pk}),
            ("lead-two", Group.LEADS, self.two, set()),
            ("root", Group.ADMINISTRATORS, self.one, {mine.pk, shared.pk}),
        ):
            with self.subTest(name):
                self.login(name, group, client)
                page = self.client.get(reverse("admin:classifier_evaluationrecord_changelist"))
                self.assertEqual({row.pk for row in page.context["cl"].result_list}, seen)
                for row in (mine, shared):
                    address = reverse("admin:classifier_evaluationrecord_change", args=[row.pk])
                    status = self.client.get(address).status_code
                    self.assertEqual(status == 200, row.pk in seen)

    def test_the_page_of_a_model_shows_them(self) -> None:
        """C25: beside what the model reached in training; another client's are not there."""
        model = models_train(taxonomy=self.taxonomy)[0]
        row = self.asked("--prompt", "shipped")
        EvaluationRecord.objects.filter(pk=row.pk).update(source="twelve of ours")
        address = f"{reverse('admin:classifier_localmodel_changelist')}{model.pk}/evaluation/"
        self.login("lead-one", Group.LEADS, self.one)
        page = self.client.get(address)
        for words in ("twelve of ours", row.prompt_version, "manage.py evaluate"):
            self.assertIn(words, page.content.decode())
        self.login("lead-two", Group.LEADS, self.two)
        self.assertNotIn("twelve of ours", self.client.get(address).content.decode())

    def test_agents_find_no_page(self) -> None:
        """T10: judging engines is the leads' work."""
        self.login("agent-one", Group.AGENTS, self.one)
        page = self.client.get(reverse("admin:classifier_evaluationrecord_changelist"))
        self.assertEqual(page.status_code, 403)
