"""Which recent tickets tell of the same thing: compared by what they say now, read once."""

from __future__ import annotations

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from classifier.services.execution import job_of
from classifier.steps.record import StepRecord
from classifier.steps.similar import find_similar
from classifier.tests.support import load_world, open_ticket
from teams.models import Client
from ticketing.models import Ticket
from ticketing.services.requesters import RequesterIdentity, requester_resolve

VPN = "The VPN client cannot connect since the update of this morning."
PRINTER = "The printer on the second floor shows a paper jam and prints nothing."


class SimilarTests(TestCase):
    """One client's tickets of one requester."""

    client_row: Client

    @classmethod
    def setUpTestData(cls) -> None:
        cls.client_row, _ = load_world()

    def found(self, ticket: Ticket) -> dict[str, str]:
        """Reference and kind of what is alike."""
        job = job_of(ticket=ticket, llm_seconds=0)
        record = StepRecord(position=1, name="similar")
        return {item.reference: item.kind for item in find_similar(job, self.client_row.pk, record)}

    def test_an_edited_ticket_is_compared_by_its_new_text(self) -> None:
        """C19: what is remembered of a text is not used for another one."""
        other, mine = open_ticket(self.client_row, VPN), open_ticket(self.client_row, VPN)
        self.assertEqual(self.found(mine), {other.reference: "duplicate"})
        Ticket.objects.filter(pk=other.pk).update(subject=PRINTER, body=PRINTER)
        self.assertEqual(self.found(mine), {})

    def test_a_ticket_of_another_requester_is_only_related(self) -> None:
        """C19: the requester belongs to what is remembered, too."""
        other, mine = open_ticket(self.client_row, VPN), open_ticket(self.client_row, VPN)
        self.assertEqual(self.found(mine), {other.reference: "duplicate"})
        stranger = requester_resolve(
            client=self.client_row, identity=RequesterIdentity(external_id="somebody-else")
        )
        Ticket.objects.filter(pk=other.pk).update(requester=stranger)
        self.assertEqual(self.found(mine), {other.reference: "related"})

    def test_a_text_is_read_once(self) -> None:
        """P4: the second look at the same tickets reads their digests alone."""
        mine = open_ticket(self.client_row, VPN)
        for place in range(3):
            open_ticket(self.client_row, f"{PRINTER} {place}")
        job = job_of(ticket=mine, llm_seconds=0)
        counts = []
        for _ in range(2):
            with CaptureQueriesContext(connection) as captured:
                find_similar(job, self.client_row.pk, StepRecord(position=1, name="similar"))
            counts.append(len(captured))
        self.assertEqual(counts, [3, 2])
