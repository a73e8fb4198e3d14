"""Lists of hundreds of thousands of tickets: the indexes that carry them, search by rare and common words.

How long they take is measured in ``bench/lists.py``; here it is that they can be used at all.
"""

from __future__ import annotations

from typing import Any
from unittest import mock, skipUnless

from django.db import connection
from django.db.models import QuerySet
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from ticketing.models import Ticket
from ticketing.selectors import search
from ticketing.selectors.search import tickets_search
from ticketing.tests.world import World


@skipUnless(connection.vendor == "postgresql", "These are plans of PostgreSQL.")
class IndexTest(TestCase):
    """P6: an expression that differs from its index by a cast reads and sorts every ticket."""

    def plan(self, rows: QuerySet[Any]) -> str:
        """How the rows would be read if sorting and reading all of them were forbidden."""
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
        return rows.explain()

    def test_orders_follow_an_index(self) -> None:
        """What the API orders by."""
        ranked = Ticket.objects.ranked()
        for order, index in (
            (("priority_rank", "pk"), "ticket_urgent_first"),
            (("-priority_rank", "-pk"), "ticket_urgent_first"),
            (("severity_rank", "pk"), "ticket_worst_first"),
            (("-updated_at", "-pk"), "ticket_last_changed"),
        ):
            with self.subTest(order=order):
                plan = self.plan(ranked.order_by(*order)[:50])
                self.assertIn(index, plan)
                self.assertNotIn("Sort", plan)

    def test_the_desk_reads_only_what_is_worked_on(self) -> None:
        """Closed tickets are most of all tickets; the list of the others passes them by."""
        rows = Ticket.objects.filter(client__in=[1]).open().order_by("-created_at", "-pk")[:50]
        self.assertIn("ticket_active", self.plan(rows))


class RareAndCommonTest(TestCase):
    """T9: the two ways of PostgreSQL find the same, and so does SQLite's only one."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        for number in range(4):
            cls.world.ticket(f"Printer {number}", body="giraffe" if number == 2 else "It hums.")

    def found(self, query: str) -> list[str]:
        actor = self.world.actor(self.world.lead)
        rows = tickets_search(Ticket.objects.visible_to(actor), query, actor=actor)
        return sorted(row.subject for row in rows)

    def test_the_number_of_hits_changes_nothing(self) -> None:
        """With a limit of one, each word but the rarest is a common one."""
        for few in (1, 10_000):
            with self.subTest(few=few), mock.patch.object(search, "_FEW", few):
                self.assertEqual(self.found("printer"), [f"Printer {number}" for number in range(4)])
                self.assertEqual(self.found("giraffe"), ["Printer 2"])
                self.assertEqual(self.found("elephant"), [])

    @skipUnless(connection.vendor == "postgresql", "SQLite has no trigram index of letters.")
    def test_two_letters_are_not_looked_for_inside_words(self) -> None:
        """No trigram index knows them, so each of all documents would be read."""
        for query, inside in (("sw", False), ("sw-", True)):
            with self.subTest(query=query), CaptureQueriesContext(connection) as queries:
                self.found(query)
            self.assertEqual(any("LIKE" in row["sql"] for row in queries), inside)
