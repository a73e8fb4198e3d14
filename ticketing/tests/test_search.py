"""Full-text search: what is found, by whom, and that the index follows every change (T9)."""

from __future__ import annotations

from io import StringIO

from django.core.management import call_command
from django.test import TestCase
from rest_framework.test import APIClient

from ticketing.models import Ticket, TicketSearchDocument
from ticketing.selectors.search import tickets_search
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.merging import ticket_merge
from ticketing.services.requesters import RequesterIdentity, requester_resolve
from ticketing.services.search import search_repair
from ticketing.services.tickets import NewTicket, TicketChanges, ticket_open, ticket_update
from ticketing.tests.world import World


class SearchTest(TestCase):
    """T9: reference, subject, body, conversation, requester."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def setUp(self) -> None:
        self.lead = self.world.actor(self.world.lead)
        self.ann = requester_resolve(
            client=self.world.client_a,
            identity=RequesterIdentity(email="ann.miller@example.org", name="Ann Miller"),
        )
        new = NewTicket(
            client=self.world.client_a, requester=self.ann, subject="Scanner whines", body="It is loud."
        )
        self.ticket = ticket_open(new=new, actor=self.lead)
        self.other = self.world.ticket("Something else", body="Unrelated")

    def found(self, query: str) -> list[str]:
        rows = tickets_search(Ticket.objects.visible_to(self.lead), query, actor=self.lead)
        return sorted(row.subject for row in rows)

    def test_every_place_is_searched(self) -> None:
        """T9: words by their beginning, references and addresses by any part, in any case."""
        message_add(ticket=self.ticket, new=NewMessage(body="Try the lubricant."), actor=self.lead)
        for query in (
            "scanner", "WHIN", "loud", "lubricant", "scanner lubricant", "miller", "ann.miller@example.org",
            "iller@exam", self.ticket.reference, self.ticket.reference.lower(),
        ):  # fmt: skip
            with self.subTest(query=query):
                self.assertEqual(self.found(query), ["Scanner whines"])

    def test_every_word_must_be_there_and_marks_are_plain_text(self) -> None:
        """T9: no operator of any engine reaches it."""
        for query in (
            "scanner giraffe",
            "loud NOT loud giraffe",
            '"',
            "' OR 1=1 -- giraffe",
            "sca*giraffe",
            "(((",
        ):
            with self.subTest(query=query):
                self.assertEqual(self.found(query), [])
        self.assertEqual(self.found('scanner "loud"'), ["Scanner whines"])

    def test_the_index_follows_every_change(self) -> None:
        """T9: new subject, new message, new address of the requester, merge."""
        ticket_update(ticket=self.ticket, changes=TicketChanges(subject="Copier whines"), actor=self.lead)
        self.assertEqual((self.found("scanner"), self.found("copier")), ([], ["Copier whines"]))
        identity = RequesterIdentity(external_id="ext-7", email="first@example.org")
        other = requester_resolve(client=self.world.client_a, identity=identity)
        new = NewTicket(client=self.world.client_a, requester=other, subject="Of ext", body="x")
        ticket_open(new=new, actor=self.lead)
        identity = RequesterIdentity(external_id="ext-7", email="second@example.org", name="Zoe")
        requester_resolve(client=self.world.client_a, identity=identity)
        self.assertEqual((self.found("second@example.org"), self.found("zoe")), (["Of ext"], ["Of ext"]))
        ticket_merge(source=self.ticket, target=self.other, actor=self.lead)
        self.assertEqual(self.found("ann.miller@example.org"), ["Copier whines", "Something else"])

    def test_a_requester_cannot_probe_internal_notes_or_people(self) -> None:
        """T5, T9, T10: a search that answers to words of notes would give them away."""
        ticket = self.world.ticket("Refund", body="Please refund")
        note = NewMessage(body="Suspected fraudster", is_public=False)
        message_add(ticket=ticket, new=note, actor=self.lead)
        message_add(ticket=ticket, new=NewMessage(body="We look into it"), actor=self.lead)
        self.assertEqual(self.found("fraudster"), ["Refund"])
        api = APIClient()
        api.force_authenticate(self.world.requester)

        def seen(query: str) -> list[str]:
            return [row["subject"] for row in api.get("/api/v1/tickets", {"q": query}).json()["results"]]

        self.assertEqual(seen("fraudster"), [])
        self.assertEqual(seen("look"), ["Refund"])
        self.assertEqual(seen(ticket.reference), ["Refund"])
        self.assertEqual(seen("refund"), ["Refund"])


class RepairTest(TestCase):
    """T9: what was lost or changed behind the services' back is mended."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def test_missing_and_stale_documents_are_written_again(self) -> None:
        """T9: the command says how many; a second run finds nothing to do."""
        fine, gone, stale = (self.world.ticket(name) for name in ("Fine", "Gone", "Stale"))
        TicketSearchDocument.objects.filter(ticket=gone).delete()
        TicketSearchDocument.objects.filter(ticket=stale).update(text="nonsense")
        out = StringIO()
        call_command("repair_search", stdout=out)
        self.assertIn("2 of 3", out.getvalue())
        lead = self.world.actor(self.world.lead)
        for ticket in (fine, gone, stale):
            rows = tickets_search(Ticket.objects.all(), ticket.subject, actor=lead)
            self.assertEqual([row.pk for row in rows], [ticket.pk])
        self.assertEqual(search_repair(), (0, 3))
