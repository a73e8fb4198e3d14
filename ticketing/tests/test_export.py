"""Lists that leave the house: whole, safe to open, recorded (T12)."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from django.test import TestCase
from openpyxl import load_workbook

from common.actors import Deed
from common.exceptions import NotAllowed, ValidationFailed
from ticketing.models import Ticket, TicketExport
from ticketing.services.export import safe_cell, tickets_export
from ticketing.tests.world import World


class ExportTest(TestCase):
    """T12."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.lead = cls.world.actor(cls.world.lead)

    def test_cells_that_begin_like_formulas_are_neutralised(self) -> None:
        """T12: = + - @ tab and carriage return, and the signs Excel takes for them."""
        for start in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"):
            self.assertEqual(safe_cell(start), "'" + start)
        for harmless in ("", "a=b", "1-2", "mail@example.org"):
            self.assertEqual(safe_cell(harmless), harmless)

    def test_a_csv_holds_every_ticket_and_no_formula(self) -> None:
        """T12: what is in the list is in the file."""
        for subject in ("=HYPERLINK(1)", "Plain, with comma", "Ümlaut"):
            self.world.ticket(subject, body="+49 30 1234")
        rows = self.read(Ticket.objects.visible_to(self.lead))
        self.assertEqual({row["Subject"] for row in rows}, {"'=HYPERLINK(1)", "Plain, with comma", "Ümlaut"})
        self.assertEqual({row["Text"] for row in rows}, {"'+49 30 1234"})
        self.assertEqual({row["Requester"] for row in rows}, {"Rita"})

    def test_a_workbook_holds_texts_only(self) -> None:
        """T12: no cell of the workbook is a formula, no character breaks it."""
        self.world.ticket("=1+1", body="bell \x07 rings")
        content = b"".join(
            tickets_export(tickets=Ticket.objects.visible_to(self.lead), format="xlsx", actor=self.lead)
        )
        cells = [cell for row in load_workbook(io.BytesIO(content)).active.iter_rows() for cell in row]
        self.assertEqual({cell.data_type for cell in cells} & {"f"}, set())
        self.assertIn("'=1+1", {cell.value for cell in cells})

    def test_it_is_recorded_before_anything_is_sent_and_completed_after(self) -> None:
        """R3: a download that breaks off is seen as such."""
        self.world.ticket("One")
        stream = tickets_export(
            tickets=Ticket.objects.visible_to(self.lead), format="csv", actor=self.lead, filters="q=vpn"
        )
        record = TicketExport.objects.get()
        self.assertEqual((record.rows, record.finished_at, record.filters), (0, None, "q=vpn"))
        self.assertEqual(record.actor_label, self.lead.label)
        list(stream)
        record.refresh_from_db()
        self.assertEqual(record.rows, 1)
        self.assertIsNotNone(record.finished_at)

    def test_the_permission_is_needed_and_the_format_known(self) -> None:
        """R3: export is a deed of its own; refused before a record or a byte."""
        everything = Ticket.objects.all()
        without = replace(self.lead, deeds=frozenset(self.lead.deeds or ()) - {Deed.EXPORT.value})
        requester = self.world.actor(self.world.requester)
        for actor in (without, requester):
            with self.assertRaises(NotAllowed):
                tickets_export(tickets=everything, format="csv", actor=actor)
        with self.assertRaises(ValidationFailed):
            tickets_export(tickets=everything, format="pdf", actor=self.lead)
        self.assertFalse(TicketExport.objects.exists())

    def test_queries_do_not_grow_with_the_tickets(self) -> None:
        """A2: one chunk costs the same with one ticket and with ten."""
        self.world.ticket("First")
        with self.assertNumQueries(6):
            self.read(Ticket.objects.visible_to(self.lead))
        for number in range(9):
            self.world.ticket(f"More {number}")
        with self.assertNumQueries(6):
            self.read(Ticket.objects.visible_to(self.lead))

    def read(self, tickets: object) -> list[dict[str, str]]:
        content = b"".join(tickets_export(tickets=tickets, format="csv", actor=self.lead))
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
