"""The view of an agent as a file: what is in it, and who gets it (T12, R3)."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook

from ticketing.models import Ticket
from ticketing.services.tickets import status_change
from ticketing.tests.world import World

EXPORT = reverse("desk:export")


class DeskExportTest(TestCase):
    """T12, R3: the filtered list, within reach."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.world.ticket("=HYPERLINK(1)", body="x")
        done = cls.world.ticket("Done")
        status_change(ticket=done, status="resolved", actor=cls.world.actor(cls.world.lead))
        cls.world.ticket("Foreign", client=cls.world.client_b, user=cls.world.stranger)

    def setUp(self) -> None:
        self.client.force_login(self.world.agent)

    def table(self, query: str = "") -> list[list[str]]:
        response: Any = self.client.get(EXPORT + query)
        text = b"".join(response.streaming_content).decode("utf-8-sig")
        return list(csv.reader(io.StringIO(text)))

    def test_csv_holds_the_view_and_nothing_else(self) -> None:
        """T12: the filters of the list; nothing of other clients."""
        rows = self.table()
        self.assertEqual([row[1] for row in rows], ["Subject", "'=HYPERLINK(1)"])
        everything = self.table("?status=all&sort=oldest")
        self.assertEqual([row[1] for row in everything[1:]], ["'=HYPERLINK(1)", "Done"])
        self.assertEqual(everything[1][everything[0].index("Requester")], "Rita")

    def test_xlsx_holds_the_same_as_text(self) -> None:
        """T12: no cell of the workbook is a formula."""
        response: Any = self.client.get(EXPORT + "?format=xlsx")
        book = load_workbook(io.BytesIO(b"".join(response.streaming_content)))
        cells = list(book["Tickets"].iter_rows(min_row=2))
        self.assertEqual([row[1].value for row in cells], ["'=HYPERLINK(1)"])
        self.assertEqual({cell.data_type for cell in cells[0] if cell.value}, {"s"})

    def test_requesters_get_nothing(self) -> None:
        """R3: a secondary action checks permissions too."""
        self.client.force_login(self.world.requester)
        self.assertEqual(self.client.get(EXPORT).status_code, 404)
        self.client.logout()
        self.assertEqual(self.client.get(EXPORT).status_code, 302)

    def test_the_number_of_queries_does_not_grow(self) -> None:
        """Style 9: 3 and 30 rows."""
        counts = []
        for wanted in (3, 30):
            while Ticket.objects.count() < wanted:
                self.world.ticket(f"Ticket {Ticket.objects.count()}")
            with CaptureQueriesContext(connection) as captured:
                self.table()
            counts.append(len(captured))
        self.assertEqual(counts[0], counts[1])
