"""What leaves the house: no personal value in a request to a language model, none in a log line (C21, O3)."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import structlog
from django.conf import settings
from django.core.cache import cache
from django.test import TestCase, override_settings

from classifier.choices import RunState
from classifier.engine.redaction import detect
from classifier.models import LlmCall, WorkflowRun, WorkflowStep
from classifier.services.execution import run_process
from classifier.services.runs import run_request
from classifier.tests.support import load_world, open_ticket, service_actor
from classifier.tests.test_api import key_client
from classifier.tests.test_llm_flow import environment
from teams.choices import Scope
from tests.fakes.llm_server import FakeLlmServer, Fault
from ticketing.choices import AttachmentStatus
from ticketing.models import ClientSettings, Ticket
from ticketing.services.attachments import ReadResult, attachment_store

SUBJECT = "Locked out: zoe.quinn@example.org"
BODIES = (
    "Hello,\nmy name is Zoe Quinn, call me at +49 30 901820 or 0171 1234567.\nI pay with 4111 1111 1111 1111 "
    "and from DE89 3704 0044 0532 0130 00.\nRegards,\nZoe Quinn",
    "My password is Hunter2! and the key sk-abcdefghijklmnop1234567 stopped working on 10.20.30.40.\n"
    "My SSN is 123-45-6789. Please ask Anna Schmidt, too.",
    "From: Quinn, Zoe\nmail me at zoe (at) example (dot) net; the PIN 4711 and the mistyped card "
    "4111111111111112 are refused at 2001:db8::17: no answer",
)
ATTACHED = "passport no. C01X00T47, 5500-0000-0000-0004, token=s3cr3tvalue, Tel.: 030-112233"
VALUES = (
    "zoe.quinn@example.org", "Zoe Quinn", "901820", "1234567", "4111 1111", "DE89", "3704 0044", "Hunter2",
    "sk-abcdef", "10.20.30.40", "123-45-6789", "Anna Schmidt", "Quinn, Zoe", "example (dot)", "4711",
    "4111111111111112", "2001:db8", "C01X00T47", "5500-0000", "s3cr3tvalue", "112233",
)  # fmt: skip


@contextmanager
def log_lines() -> Iterator[io.StringIO]:
    """Everything that is logged meanwhile, down to debug, as the handler on stdout would write it."""
    described = dict(settings.LOGGING["formatters"]["structured"])
    described.pop("()")
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(**described))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


class PrivacyTests(TestCase):
    """Tickets full of personal data, one fake server, one log."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.client_row, _ = load_world()
        ClientSettings.objects.filter(client=cls.client_row).update(accept_threshold=0.995)

    def setUp(self) -> None:
        cache.clear()

    def opened(self, body: str) -> Ticket:
        """A ticket with a file that was already read."""
        ticket = open_ticket(self.client_row, body, subject=SUBJECT)
        attachment = attachment_store(
            client=self.client_row,
            name="notes.txt",
            content=ATTACHED.encode(),
            content_type="text/plain",
            actor=service_actor(self.client_row),
            result=ReadResult(status=AttachmentStatus.PARSED, kind="txt", text=ATTACHED),
        )
        attachment.ticket = ticket
        attachment.save(update_fields=["ticket"])
        return ticket

    def triage(self, server: FakeLlmServer, body: str) -> WorkflowRun:
        """Open and triage."""
        with override_settings(LLM_ENVIRONMENT=environment(server.url)):
            run = run_request(ticket=self.opened(body))
            run_process(run_id=run.pk)
        run.refresh_from_db()
        return run

    def assert_no_value_in(self, text: str) -> None:
        """None of the values, and nothing else that the detectors know."""
        self.assertEqual([value for value in VALUES if value in text], [])

    def test_every_value_is_one_the_detectors_know(self) -> None:
        """C21: else the other tests here would prove nothing."""
        for text in (SUBJECT, ATTACHED, *BODIES):
            for value in VALUES:
                place = text.find(value)
                covered = any(start <= place < end for start, end, _ in detect(text))
                self.assertTrue(place < 0 or covered, value)

    def test_no_value_leaves_to_a_model_or_a_log(self) -> None:
        """C21: subject, body and file, in the request as it arrived, in the ledger, and in every line."""
        with FakeLlmServer() as server, log_lines() as log:
            runs = [self.triage(server, body) for body in BODIES]
        self.assertEqual({run.state for run in runs}, {RunState.COMPLETED})
        self.assertEqual(len(server.requests), len(BODIES))
        bodies = json.dumps([item.body for item in server.requests], ensure_ascii=False)
        self.assertIn("[EMAIL_1]", bodies)
        self.assert_no_value_in(bodies)
        self.assert_no_value_in(json.dumps(list(LlmCall.objects.values_list("request", flat=True))))
        self.assertTrue(log.getvalue())
        self.assert_no_value_in(log.getvalue())

    def test_a_model_that_fails_leaves_nothing_in_logs_and_steps(self) -> None:
        """C21: the words of an error are no way out either."""
        with FakeLlmServer() as server, log_lines() as log:
            for fault in (Fault.HTTP_400_CONTEXT, Fault.INVALID_JSON, Fault.UNKNOWN_CATEGORY, Fault.HTML):
                cache.clear()
                server.always(fault)
                self.triage(server, BODIES[0])
        self.assert_no_value_in(log.getvalue())
        self.assert_no_value_in(" ".join(WorkflowStep.objects.values_list("error", flat=True)))

    def test_an_error_that_quotes_the_ticket_is_logged_without_its_values(self) -> None:
        """O3: a traceback ends with the message, and the message may quote anything."""
        with FakeLlmServer() as server, log_lines() as log:
            broken = ValueError(f"Cannot read: {' '.join((SUBJECT, ATTACHED, *BODIES))}")
            with mock.patch("classifier.services.execution.triage_compute", side_effect=broken):
                self.triage(server, BODIES[0])
            logging.getLogger("django.request").error("Bad address %s", "zoe.quinn@example.org")
        self.assertIn("run_failed", log.getvalue())
        self.assert_no_value_in(log.getvalue())

    def test_a_call_of_the_api_leaves_no_value_in_a_log(self) -> None:
        """O3: the lines about the request itself."""
        api = key_client(self.client_row, Scope.CLASSIFY, Scope.TICKETS_READ, Scope.TICKETS_WRITE)
        with (
            FakeLlmServer() as server,
            override_settings(LLM_ENVIRONMENT=environment(server.url)),
            log_lines() as log,
        ):
            answers = [
                api.post(path, {key: f"{SUBJECT}\n{body}"}, format="json", REMOTE_ADDR="10.20.30.40")
                for path, key in (("/api/v1/classify", "ticket"), ("/api/v1/workflow/classify", "body"))
                for body in BODIES
            ]
        self.assertEqual([a.content for a in answers if a.status_code != 200], [])
        self.assertTrue(server.requests)
        self.assert_no_value_in(log.getvalue())
        self.assert_no_value_in(json.dumps([item.body for item in server.requests], ensure_ascii=False))
