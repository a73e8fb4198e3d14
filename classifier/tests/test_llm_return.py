"""A language model that goes and comes back (C11)."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

import time_machine
from django.core.cache import cache
from django.test import TestCase, override_settings
from django.utils import timezone

from classifier.choices import RunState
from classifier.llm.breaker import BreakerState
from classifier.models import LlmCall, LlmProvider, WorkflowRun
from classifier.services.execution import run_process
from classifier.services.llm import breaker_of
from classifier.services.llm_return import PROBE, providers_probe, returned_runs_request
from classifier.services.providers import environment_providers
from classifier.services.runs import run_request
from classifier.tests.support import load_world, open_ticket, service_actor
from tests.fakes.llm_server import FakeLlmServer, Fault, refused_url, sample_answer
from ticketing.models import Ticket
from ticketing.services.triage import ticket_confirm

TEXT = "Something has been odd since yesterday."


class ReturnTests(TestCase):
    """One ticket, one server."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.client_row, cls.other = load_world()

    def setUp(self) -> None:
        cache.clear()
        self.server = FakeLlmServer(self.answered).__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        self.environment = {
            "LLM_PROVIDER": "compatible", "LLM_MODEL": "m", "OPENAI_BASE_URL": self.server.url,
            "LLM_TIMEOUT_SECONDS": "2", "LLM_CACHE_SECONDS": "0", "CIRCUIT_BREAKER_THRESHOLD": "100",
        }  # fmt: skip
        changed = override_settings(LLM_ENVIRONMENT=self.environment)
        changed.enable()
        self.addCleanup(changed.disable)

    @staticmethod
    def answered(body: dict[str, object]) -> dict[str, object]:
        """A probe gets its short answer, a ticket a whole one."""
        return {"ok": True} if '"ok"' in str(body["messages"]) else sample_answer(body)

    def triaged(self, text: str = TEXT) -> tuple[Ticket, WorkflowRun]:
        """A ticket whose first run is done."""
        ticket = open_ticket(self.client_row, text)
        run = run_request(ticket=ticket)
        self.assertTrue(run_process(run_id=run.pk))
        ticket.refresh_from_db()
        return ticket, run

    def requested(self, minutes: float = 5) -> list[int]:
        """What is owed some time later."""
        return returned_runs_request(now=timezone.now() + timedelta(minutes=minutes))

    def test_a_ticket_left_to_a_person_is_judged_anew_once_the_model_answers(self) -> None:
        """C11: triaged without it and landed in review → triaged again, once."""
        self.server.faults(Fault.HTTP_503)
        ticket, run = self.triaged()
        self.assertTrue(ticket.needs_review)
        (again,) = self.requested()
        self.assertEqual(self.requested(), [])
        self.assertTrue(run_process(run_id=again))
        new = WorkflowRun.objects.get(pk=again)
        self.assertEqual((new.generation, new.state), (run.generation + 1, RunState.COMPLETED))
        self.assertEqual(new.steps.get(name="classify_llm").status, "completed")
        self.assertEqual(self.requested(), [])

    def test_another_clients_dead_model_holds_nobody_up(self) -> None:
        """C11: the waiting tickets of one client do not fill the batch of the others."""
        LlmProvider.objects.create(
            client=self.other, name="Dead", kind="compatible", model="d", base_url=refused_url(),
            timeout_seconds=0.5,
        )  # fmt: skip
        with mock.patch("classifier.services.llm_return._BATCH", 2):
            for place in range(8):
                run = run_request(ticket=open_ticket(self.other, f"Odd {place}", requester=f"r-{place}"))
                self.assertTrue(run_process(run_id=run.pk))
            self.server.faults(Fault.HTTP_503)
            self.triaged()
            self.assertEqual(len(self.requested()), 1)

    def test_while_the_model_is_away_nothing_is_asked_again(self) -> None:
        """C11: the probe says so, and it is kept in the ledger."""
        self.server.faults(Fault.HTTP_503, Fault.HTTP_503)
        self.triaged()
        self.assertEqual(self.requested(), [])
        self.assertEqual(LlmCall.objects.filter(prompt_version=PROBE).count(), 1)

    def test_what_a_person_decided_is_left_alone(self) -> None:
        """C3: the person was quicker."""
        self.server.faults(Fault.HTTP_503)
        ticket, _ = self.triaged()
        ticket_confirm(ticket=ticket, decisions={"category": "network"}, actor=service_actor(self.client_row))
        Ticket.objects.filter(pk=ticket.pk).update(needs_review=True)
        self.assertEqual(self.requested(), [])

    def test_a_failure_of_the_text_itself_is_not_tried_again(self) -> None:
        """FACTS 13: a refusal belongs to the ticket."""
        self.server.faults(Fault.REFUSAL)
        self.triaged()
        self.assertEqual(self.requested(), [])

    def test_a_model_that_comes_and_goes_is_asked_three_times_at_most(self) -> None:
        """C11: with growing pauses."""
        self.server.faults(Fault.HTTP_503)
        self.triaged()
        for times in range(3):
            cache.clear()
            (again,) = self.requested(minutes=30)
            self.server.faults(Fault.HTTP_503)
            self.assertTrue(run_process(run_id=again), times)
        cache.clear()
        self.assertEqual(self.requested(minutes=60), [])

    def test_the_probe_closes_the_breaker(self) -> None:
        """C11, FACTS 12: two good probes after the pause, without any ticket."""
        self.environment["CIRCUIT_BREAKER_THRESHOLD"] = "2"
        self.server.faults(Fault.HTTP_503, Fault.HTTP_503)
        self.triaged()
        self.triaged("Another odd thing.")
        (config,) = environment_providers()
        self.assertEqual(breaker_of(config).snapshot().record.state, BreakerState.OPEN)
        self.assertEqual(providers_probe(now=timezone.now()), 0)
        with time_machine.travel(timezone.now() + timedelta(seconds=45)):
            self.assertEqual(providers_probe(now=timezone.now()), 1)
            self.assertEqual(providers_probe(now=timezone.now()), 1)
            self.assertEqual(breaker_of(config).snapshot().record.state, BreakerState.CLOSED)
            self.assertEqual(providers_probe(now=timezone.now()), 0)
