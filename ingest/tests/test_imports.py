"""Sheets of tickets: named, tried, written once, taken back (T12, T14)."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from unittest import mock

from django.core import mail
from django.db import IntegrityError
from django.test import TestCase, TransactionTestCase
from django.utils import timezone
from openpyxl import Workbook

from classifier.models import LlmCall, WorkflowRun
from classifier.services.execution import run_process
from common.actors import Deed
from common.exceptions import Conflict, NotAllowed, ValidationFailed
from ingest.choices import ImportState, ImportStep
from ingest.models import ImportJob
from ingest.services import imports
from ingest.services.imports import import_request, import_run, import_take, imports_due
from ingest.services.uploads import FileRefused, Upload
from ingest.spreadsheets.tickets import guess_mapping, read_cells, read_time
from sla.models import Clock
from teams.models import Notification
from ticketing import events
from ticketing.models import Requester, Ticket
from ticketing.selectors.search import tickets_search
from ticketing.services.audit import chain_verify
from ticketing.services.export import tickets_export
from ticketing.services.tickets import TicketChanges, ticket_update
from ticketing.tests.world import World

HEAD = ["Ticket ID", "Customer Email", "Subject", "Description", "Status", "Category", "Priority", "Created"]
ROWS = [
    [
        "OLD-1",
        "ann@example.org",
        "VPN drops",
        "It drops daily.",
        "Closed",
        "Network",
        "high",
        "2025-01-02 10:00",
    ],
    [
        "OLD-2",
        "Ann <ann@example.org>",
        "Mouse",
        "It is dead.\nTruly.",
        "In Progress",
        "hardware",
        "P1",
        "2026-02-03",
    ],
    ["OLD-3", "", "Lamp", "It hums.", "New", "Lighting", "", ""],
]


def sheet(rows: list[list[str]], head: list[str] = HEAD) -> Upload:
    """A CSV file."""
    text = io.StringIO()
    csv.writer(text).writerows([head, *rows])
    return Upload(name="old tickets.csv", content=text.getvalue().encode())


class ImportsTest(TestCase):
    """T12, T14."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.lead = cls.world.actor(cls.world.lead)

    def take(self, upload: Upload | None = None) -> ImportJob:
        return import_take(client=self.world.client_a, upload=upload or sheet(ROWS), actor=self.lead)

    def step(self, job: ImportJob, step: str = ImportStep.WRITE, **more: object) -> ImportJob:
        job = import_request(job=job, step=step, actor=self.lead, **more)
        self.assertTrue(import_run(job_id=job.pk))
        job.refresh_from_db()
        return job

    def test_columns_are_found_by_their_heads(self) -> None:
        """T12: synonyms, without case and signs; a column serves one field."""
        self.assertEqual(
            guess_mapping(HEAD),
            {"external_id": 0, "requester_email": 1, "subject": 2, "body": 3, "status": 4, "category": 5,
             "priority": 6, "created_at": 7},
        )  # fmt: skip
        self.assertEqual(guess_mapping(["Document", "Topic_group"]), {"body": 0, "category": 1})
        self.assertEqual(
            read_cells(["'=1+1", " x "], {"subject": 0, "body": 1}), {"subject": "=1+1", "body": "x"}
        )

    def test_times_are_read_in_the_order_that_was_named(self) -> None:
        """T12: 03/02 is a different day in different countries."""
        self.assertEqual(read_time("03/02/2026", day_first=True).month, 2)
        self.assertEqual(read_time("03/02/2026", day_first=False).month, 3)
        self.assertEqual(read_time("2026-02-03T10:00:00+02:00", day_first=True).hour, 8)
        self.assertIsNone(read_time("yesterday", day_first=True))

    def test_a_dry_run_counts_and_writes_nothing(self) -> None:
        """T12: what would be made, what is at fault, which words are not known."""
        bad = [
            ["OLD-4", "", "", "", "New", "", "", ""],
            ["OLD-5", "nobody", "S", "B", "New", "", "", ""],
            ["OLD-6", "", "S", "B", "Sleeping", "", "", ""],
            ["OLD-7", "", "S", "B", "New", "", "", "soon"],
            ["OLD-1", "", "Twice", "B", "New", "", "", ""],
        ]
        job = self.step(self.take(sheet(ROWS + bad)), ImportStep.CHECK)
        self.assertEqual(job.state, ImportState.CHECKED)
        self.assertEqual((job.rows_total, job.rows_ok, job.rows_known, job.rows_failed), (8, 3, 1, 4))
        self.assertEqual([row["row"] for row in job.problems], [5, 6, 7, 8])
        self.assertEqual(job.problems[2]["problem"], "This status is not known.")
        unknown = {row["field"]: (row["values"], row["stops_row"]) for row in job.report["unknown"]}
        self.assertEqual(
            unknown, {"Category": ([["Lighting", 1]], False), "Status": ([["Sleeping", 1]], True)}
        )
        self.assertFalse(Ticket.objects.exists())

    def test_tickets_come_in_as_they_were(self) -> None:
        """T12: words, times, people and texts of the file; T6: each has a history that holds."""
        job = self.step(self.take())
        self.assertEqual((job.state, job.rows_ok, job.rows_failed), (ImportState.COMPLETED, 3, 0))
        vpn, mouse, lamp = Ticket.objects.order_by("number")
        self.assertEqual((vpn.status, vpn.priority, vpn.category.slug), ("closed", "high", "network"))
        self.assertEqual((vpn.created_at.year, vpn.channel), (2025, "import"))
        self.assertEqual(
            (mouse.status, mouse.priority, mouse.body), ("open", "urgent", "It is dead.\nTruly.")
        )
        self.assertEqual(vpn.requester, mouse.requester)
        self.assertTrue(lamp.requester.is_anonymous)
        self.assertIsNone(lamp.category)
        self.assertEqual(lamp.metadata, {"imported": {"category": "Lighting"}})
        self.assertEqual([chain_verify(ticket=ticket) for ticket in (vpn, mouse, lamp)], [None] * 3)
        self.assertEqual(vpn.events.get().verb, "ticket.imported")
        self.assertEqual(list(tickets_search(Ticket.objects.all(), "drops daily", actor=self.lead)), [vpn])
        self.assertEqual(vpn.messages.count(), 1)

    def test_nothing_follows_from_an_imported_ticket(self) -> None:
        """T14: no mail, no notification, no clock, no run; one event for all of them."""
        told = []
        events.tickets_imported.connect(listen := lambda **payload: told.append(payload["batch"]))
        self.addCleanup(events.tickets_imported.disconnect, listen)
        with self.captureOnCommitCallbacks(execute=True):
            job = self.step(self.take())
        self.assertEqual(told, [job.batch])
        self.assertEqual(mail.outbox, [])
        for model in (Clock, Notification, WorkflowRun, LlmCall):
            self.assertFalse(model.objects.exists(), model)

    def test_a_greeting_is_no_subject(self) -> None:
        """T12: the doors agree on what a ticket without a subject is called."""
        row = ["OLD-4", "", "", "Hello team,\n\nThe lamp hums.", "New", "", "", ""]
        job = self.step(self.take(sheet([row])))
        self.assertEqual(Ticket.objects.get(imported_from__batch=job.batch).subject, "The lamp hums.")

    def test_local_triage_judges_open_tickets_and_asks_no_language_model(self) -> None:
        """T14: by choice none or local; an LLM never."""
        self.step(self.take(), triage="local")
        runs = list(WorkflowRun.objects.order_by("ticket__number"))
        self.assertEqual([run.ticket.subject for run in runs], ["Mouse", "Lamp"])
        with mock.patch("classifier.services.execution.triage_compute", wraps=imports) as computed:
            computed.side_effect = lambda job, context: self.assertEqual(job.llm_seconds, 0.0)
            run_process(run_id=runs[0].pk)
            self.assertTrue(computed.called)
        self.assertTrue(run_process(run_id=runs[1].pk))
        self.assertEqual(WorkflowRun.objects.count(), 2)
        self.assertFalse(Clock.objects.exists())
        with self.assertRaises(ValidationFailed):
            import_request(job=self.take(), step=ImportStep.WRITE, actor=self.lead, triage="llm")

    def test_the_same_file_twice_makes_each_ticket_once(self) -> None:
        """T12: the number of the old system decides; without one there is nothing to know a ticket by."""
        self.step(self.take())
        again = self.step(self.take())
        self.assertEqual((again.rows_ok, again.rows_known), (0, 3))
        self.assertEqual(Ticket.objects.count(), 3)
        other_system = self.step(self.take(), system="another desk")
        self.assertEqual(other_system.rows_ok, 3)

    def test_an_attempt_that_broke_off_goes_on_where_it_stopped(self) -> None:
        """C2, T14: rows written before a crash are counted and not written again."""
        job = import_request(job=self.take(), step=ImportStep.WRITE, actor=self.lead)
        dies = mock.patch.object(imports, "_keep", _dies_at(2))
        with mock.patch.object(imports, "CHUNK", 2), dies, self.assertRaises(KeyboardInterrupt):
            import_run(job_id=job.pk)
        self.assertEqual(Ticket.objects.count(), 2)
        self.assertFalse(import_run(job_id=job.pk), "the lease is still held")
        ImportJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        self.assertEqual(imports_due(now=timezone.now()), [job.pk])
        self.assertTrue(import_run(job_id=job.pk))
        job.refresh_from_db()
        self.assertEqual((job.state, job.rows_ok, Ticket.objects.count()), (ImportState.COMPLETED, 3, 3))

    def test_a_requester_made_meanwhile_costs_one_repetition(self) -> None:
        """C2: two doors at once end with one requester."""
        job = import_request(job=self.take(), step=ImportStep.WRITE, actor=self.lead)
        real, calls = imports.tickets_import, []

        def first_fails(**values: object) -> object:
            calls.append(1)
            if len(calls) == 1:
                raise IntegrityError
            return real(**values)

        with mock.patch.object(imports, "tickets_import", first_fails):
            import_run(job_id=job.pk)
        self.assertEqual((len(calls), Ticket.objects.count()), (2, 3))

    def test_an_import_is_taken_back_but_for_what_was_worked_on(self) -> None:
        """T12: undo."""
        job = self.step(self.take())
        touched = Ticket.objects.first()
        ticket_update(ticket=touched, changes=TicketChanges(subject="Seen to"), actor=self.lead)
        undone = self.step(job, ImportStep.UNDO)
        self.assertEqual(undone.state, ImportState.UNDONE)
        self.assertEqual((undone.report["removed"], undone.report["kept"]), (2, 1))
        self.assertEqual(list(Ticket.objects.all()), [touched])
        with self.assertRaises(Conflict):
            import_request(job=job, step=ImportStep.WRITE, actor=self.lead)

    def test_a_workbook_says_the_same_as_a_sheet_of_text(self) -> None:
        """T12: XLSX."""
        book = Workbook()
        for row in [HEAD, *ROWS]:
            book.active.append(row)
        stored = io.BytesIO()
        book.save(stored)
        job = self.step(self.take(Upload(name="old.xlsx", content=stored.getvalue())))
        self.assertEqual((job.rows_ok, job.rows_failed), (3, 0))

    def test_what_was_exported_comes_back(self) -> None:
        """T12: the heads of our own export are known, and its quotes are taken off."""
        self.world.ticket("=SUM(A1)", body="-5 degrees")
        exported = tickets_export(tickets=Ticket.objects.all(), format="csv", actor=self.lead)
        job = self.step(self.take(Upload(name="export.csv", content=b"".join(exported))))
        self.assertEqual((job.rows_ok, job.rows_failed), (1, 0), job.problems)
        copy = Ticket.objects.get(channel="import")
        self.assertEqual((copy.subject, copy.body, copy.requester.name), ("=SUM(A1)", "-5 degrees", "Rita"))

    def test_files_and_mappings_at_fault_are_refused_in_words(self) -> None:
        """T12: no import without a text, no file that holds none."""
        with self.assertRaises(FileRefused):
            self.take(Upload(name="x.pdf", content=b"%PDF-1.4"))
        with self.assertRaises(ValidationFailed):
            self.take(sheet([]))
        job = self.take()
        for mapping in ({"status": 4}, {"body": 99}, {"nonsense": 1, "body": 3}):
            with self.assertRaises(ValidationFailed):
                import_request(job=job, step=ImportStep.CHECK, actor=self.lead, mapping=mapping)

    def test_only_who_may_import_does(self) -> None:
        """R3: agents, requesters and leads of other clients may not."""
        self.assertTrue(self.lead.may(Deed.IMPORT))
        for user in (self.world.agent, self.world.requester, self.world.stranger):
            with self.assertRaises(NotAllowed):
                import_take(client=self.world.client_a, upload=sheet(ROWS), actor=self.world.actor(user))


def _dies_at(times: int):
    """``_keep`` that kills the process the given time."""
    calls = []
    real = imports._keep

    def keep(*values: object) -> None:
        calls.append(1)
        if len(calls) == times:
            raise KeyboardInterrupt
        real(*values)

    return keep


class TwoWorkersTest(TransactionTestCase):
    """Claims."""

    def test_a_second_worker_finds_the_import_taken(self) -> None:
        """C2: the claim decides who writes; a worker that lost its lease stops."""
        world = World()
        lead = world.actor(world.lead)
        job = import_take(client=world.client_a, upload=sheet(ROWS), actor=lead)
        job = import_request(job=job, step=ImportStep.WRITE, actor=lead)
        real, seen = imports.tickets_import, []

        def meanwhile(**values: object) -> object:
            seen.append(import_run(job_id=job.pk))
            return real(**values)

        with mock.patch.object(imports, "tickets_import", meanwhile):
            self.assertTrue(import_run(job_id=job.pk))
        self.assertEqual(seen, [False])
        self.assertEqual(
            (Ticket.objects.count(), Requester.objects.filter(is_anonymous=True).count()), (3, 1)
        )
