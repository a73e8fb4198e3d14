"""Merging, taking it back exactly, splitting (T8)."""

from __future__ import annotations

from io import StringIO
from typing import Any

from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import TestCase
from django.urls import reverse
from rest_framework.test import APIClient

from common.exceptions import Conflict, NotFound
from ticketing.exceptions import MergeStands, TicketClosed
from ticketing.models import Attachment, Message, Ticket, TicketLink, TicketSearchDocument
from ticketing.services.assignments import ticket_assign
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.links import link_create
from ticketing.services.merging import message_split, ticket_merge, ticket_unmerge
from ticketing.services.tickets import TicketChanges, status_change, ticket_update
from ticketing.tests.world import World

CHANGING = {"version", "updated_at"}
"""Rise with every write; everything else must be as it was."""


def snapshot(ticket: Ticket) -> dict[str, Any]:
    """Everything that belongs to a ticket, field by field."""
    names = [f.attname for f in Ticket._meta.concrete_fields if f.name not in CHANGING]
    children = {
        "messages": Message.objects.filter(ticket=ticket),
        "attachments": Attachment.objects.filter(ticket=ticket),
        "links_out": TicketLink.objects.filter(source=ticket),
        "links_in": TicketLink.objects.filter(target=ticket),
        "followers": ticket.followers.all(),
        "decisions": ticket.decisions.all(),
        "assignments": ticket.assignments.all(),
        "document": TicketSearchDocument.objects.filter(ticket=ticket),
    }
    return {
        "ticket": Ticket.objects.filter(pk=ticket.pk).values(*names).get(),
        "tags": sorted(ticket.tags.values_list("name", flat=True)),
        **{name: list(rows.order_by("pk").values()) for name, rows in children.items()},
    }


class MergeCase(TestCase):
    """Two tickets of two requesters, with all that can hang on a ticket."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def setUp(self) -> None:
        world = self.world
        self.lead = world.actor(world.lead)
        self.source = self.full("Printer jams", "Paper is stuck.", ("printer", "paper"), world.requester)
        self.target = self.full("Printer broken", "Nothing prints.", ("printer",), world.other_requester)
        other = world.ticket("Third")
        link_create(source=self.source, target=other, kind="related", actor=self.lead)
        link_create(source=other, target=self.source, kind="parent", actor=self.lead)

    def full(self, subject: str, body: str, tags: tuple[str, ...], user: Any) -> Ticket:
        """A ticket with tags, an assignment, a reply, a note and a file."""
        world = self.world
        ticket = world.ticket(subject, body=body, user=user)
        ticket_update(ticket=ticket, changes=TicketChanges(tags=tags, severity="high"), actor=self.lead)
        ticket_assign(ticket=ticket, team=world.network, assignee=world.agent, actor=self.lead)
        message_add(ticket=ticket, new=NewMessage(body=f"Reply to {subject}"), actor=self.lead)
        note = message_add(ticket=ticket, new=NewMessage(body="A note", is_public=False), actor=self.lead)
        row = Attachment(client=ticket.client, ticket=ticket, message=note, name="a.txt", size=1)
        row.file.save("a.txt", ContentFile(b"a"), save=False)
        row.save()
        ticket.refresh_from_db()
        return ticket

    def merge(self, **options: Any) -> None:
        """The source into the target."""
        ticket_merge(source=self.source, target=self.target, actor=self.lead, **options)
        self.source.refresh_from_db()
        self.target.refresh_from_db()

    def verify(self) -> str:
        """The proof of every chain; raises where one is broken."""
        out = StringIO()
        call_command("verify_audit", stdout=out)
        return out.getvalue()


class MergeTest(MergeCase):
    """T8: merge."""

    def test_conversation_files_people_tags_and_links_move(self) -> None:
        """T8: merge moves the conversation and requesters."""
        self.merge()
        self.assertEqual((self.source.status, self.source.merged_into), ("closed", self.target))
        self.assertEqual((self.source.messages.count(), self.target.messages.count()), (0, 6))
        self.assertEqual(self.target.messages.filter(is_first=True).count(), 1)
        self.assertEqual((self.source.attachments.count(), self.target.attachments.count()), (0, 2))
        self.assertEqual([row.requester for row in self.target.followers.all()], [self.source.requester])
        self.assertEqual(sorted(tag.name for tag in self.target.tags.all()), ["paper", "printer"])
        kinds = sorted(self.target.links_out.values_list("kind", flat=True))
        self.assertEqual(kinds, ["related"])
        self.assertEqual(sorted(self.target.links_in.values_list("kind", flat=True)), ["duplicate", "parent"])
        self.assertIn("Paper is stuck.", self.target.search_document.text)
        self.assertNotIn("Reply to", self.source.search_document.text)
        self.assertIn("unbroken", self.verify())

    def test_undo_restores_both_tickets_field_by_field(self) -> None:
        """T8: undo restores both tickets exactly, and the history of both still proves."""
        before = [snapshot(self.source), snapshot(self.target)]
        self.merge()
        self.assertNotEqual([snapshot(self.source), snapshot(self.target)], before)
        ticket_unmerge(ticket=self.source, actor=self.lead)
        after = [snapshot(self.source), snapshot(self.target)]
        for was, now in zip(before, after, strict=True):
            for name, value in was.items():
                self.assertEqual(now[name], value, name)
        self.assertIn("unbroken", self.verify())

    def test_a_proposed_duplicate_is_proposed_again_after_undo(self) -> None:
        """T8: the state of a link that was there comes back."""
        link = TicketLink.objects.create(source=self.target, target=self.source, kind="duplicate", score=0.9)
        self.merge()
        link.refresh_from_db()
        self.assertEqual(link.state, "confirmed")
        ticket_unmerge(ticket=self.source, actor=self.lead)
        link.refresh_from_db()
        self.assertEqual((link.state, link.score), ("proposed", 0.9))

    def test_what_was_added_since_stays_with_the_target(self) -> None:
        """T8: an answer given after the merge is not lost by its undo."""
        self.merge()
        message_add(ticket=self.target, new=NewMessage(body="Since then"), actor=self.lead)
        ticket_unmerge(ticket=self.source, actor=self.lead)
        self.assertEqual((self.source.messages.count(), self.target.messages.count()), (3, 4))

    def test_undo_is_refused_when_the_target_was_merged_on(self) -> None:
        """T8: merges are taken back in the order they were made."""
        third = self.world.ticket("Third one")
        self.merge()
        ticket_merge(source=self.target, target=third, actor=self.lead)
        with self.assertRaisesMessage(MergeStands, "has itself been merged since"):
            ticket_unmerge(ticket=self.source, actor=self.lead)
        ticket_unmerge(ticket=self.target, actor=self.lead)
        ticket_unmerge(ticket=self.source, actor=self.lead)
        self.source.refresh_from_db()
        self.assertIsNone(self.source.merged_into)

    def test_undo_is_refused_when_a_message_has_left(self) -> None:
        """T8: a moved message that was split off cannot be put back."""
        self.merge()
        message = self.target.messages.get(body="Reply to Printer jams")
        message_split(message=message, actor=self.lead)
        with self.assertRaisesMessage(MergeStands, "A message of"):
            ticket_unmerge(ticket=self.source, actor=self.lead)

    def test_closed_merged_foreign_and_own_tickets_are_refused(self) -> None:
        """T8: what cannot be merged says why; another client's ticket does not exist."""
        foreign = self.world.ticket("Foreign", client=self.world.client_b, user=self.world.stranger)
        with self.assertRaises(NotFound):
            ticket_merge(source=self.source, target=foreign, actor=self.lead)
        self.merge()
        with self.assertRaisesMessage(Conflict, "merged already"):
            ticket_merge(source=self.source, target=self.world.ticket(), actor=self.lead)
        with self.assertRaisesMessage(Conflict, "has not been merged"):
            ticket_unmerge(ticket=self.target, actor=self.lead)
        closed = self.world.ticket("Closed")
        status_change(ticket=closed, status="closed", actor=self.lead)
        with self.assertRaises(TicketClosed):
            ticket_merge(source=closed, target=self.target, actor=self.lead)

    def test_without_following_the_requester_gains_no_sight(self) -> None:
        """T8, T10: whether the requester reads the other conversation is the agent's choice."""
        rita = self.world.actor(self.world.requester)
        self.merge(follow=False)
        self.assertFalse(Ticket.objects.visible_to(rita).filter(pk=self.target.pk).exists())

    def test_a_follower_reads_the_public_part_and_answers_in_the_own_name(self) -> None:
        """T8: requesters move; notes stay hidden."""
        self.merge()
        rita = self.world.actor(self.world.requester)
        self.assertTrue(Ticket.objects.visible_to(rita).filter(pk=self.target.pk).exists())
        seen = Message.objects.visible_to(rita).filter(ticket=self.target)
        self.assertFalse(seen.filter(is_public=False).exists())
        message = message_add(ticket=self.source, new=NewMessage(body="Any news?"), actor=rita)
        self.assertEqual((message.ticket, message.author_requester), (self.target, self.source.requester))

    def test_the_portal_leads_the_follower_to_the_ticket_that_stays(self) -> None:
        """T8: an old link is not a dead end."""
        self.merge()
        self.client.force_login(self.world.requester)
        page = self.client.get(reverse("portal:ticket", args=[self.source.uuid]))
        self.assertRedirects(page, reverse("portal:ticket", args=[self.target.uuid]))

    def test_a_colleague_is_told_where_to_write(self) -> None:
        """T8: nobody answers into a ticket that nobody reads any more."""
        self.merge()
        with self.assertRaisesMessage(TicketClosed, "Write there."):
            message_add(ticket=self.source, new=NewMessage(body="Hello"), actor=self.lead)


class SplitTest(MergeCase):
    """T8: split."""

    def test_a_message_becomes_a_linked_ticket_of_its_author(self) -> None:
        """T8: the message and its files leave the old ticket."""
        rita = self.world.actor(self.world.requester)
        message = message_add(ticket=self.source, new=NewMessage(body="Also, the toner leaks."), actor=rita)
        opened = message_split(message=message, actor=self.lead, subject="Toner leaks")
        self.assertEqual((opened.body, opened.requester), ("Also, the toner leaks.", self.source.requester))
        self.assertEqual([row.pk for row in opened.messages.all()], [message.pk])
        self.assertTrue(opened.messages.get().is_first)
        self.assertTrue(TicketLink.objects.filter(source=opened, target=self.source).exists())
        self.source.refresh_from_db()
        self.assertNotIn("toner", self.source.search_document.text)
        self.assertIn("unbroken", self.verify())

    def test_the_first_text_and_notes_stay(self) -> None:
        """T8, T5: a note never becomes what the requester reads."""
        with self.assertRaisesMessage(Conflict, "opened the ticket"):
            message_split(message=self.source.messages.get(is_first=True), actor=self.lead)
        with self.assertRaisesMessage(Conflict, "internal note"):
            message_split(message=self.source.messages.get(is_public=False), actor=self.lead)


class MergeApiTest(MergeCase):
    """The calls of the contract."""

    def setUp(self) -> None:
        super().setUp()
        self.api = APIClient()
        self.api.force_authenticate(self.world.lead)

    def post(self, ticket: Ticket, call: str, **body: Any) -> Any:
        """One call on a ticket."""
        return self.api.post(f"/api/v1/tickets/{ticket.reference}/{call}", body, format="json")

    def test_merge_and_unmerge(self) -> None:
        """T8: merge answers with the ticket that stays, unmerge with the one that is back."""
        merged = self.post(self.source, "merge", into=self.target.reference)
        self.assertEqual((merged.status_code, merged.json()["reference"]), (200, self.target.reference))
        shown = self.api.get(f"/api/v1/tickets/{self.source.reference}").json()
        self.assertEqual((shown["status"], shown["merged_into"]), ("closed", self.target.reference))
        again = self.post(self.source, "merge", into=self.target.reference)
        self.assertEqual(again.status_code, 409)
        back = self.post(self.source, "unmerge")
        self.assertEqual((back.status_code, back.json()["merged_into"]), (200, None))
        self.assertEqual(self.post(self.source, "unmerge").status_code, 409)

    def test_another_clients_ticket_is_not_there(self) -> None:
        """T8, T10: 404, and nothing has changed."""
        foreign = self.world.ticket("Foreign", client=self.world.client_b, user=self.world.stranger)
        self.assertEqual(self.post(self.source, "merge", into=foreign.reference).status_code, 404)
        self.source.refresh_from_db()
        self.assertIsNone(self.source.merged_into)

    def test_split(self) -> None:
        """T8: 201 with the new ticket; a message of another ticket is not there."""
        message = self.source.messages.get(body="Reply to Printer jams")
        self.assertEqual(self.post(self.target, "split", message=str(message.uuid)).status_code, 404)
        made = self.post(self.source, "split", message=str(message.uuid), subject="Own matter")
        self.assertEqual((made.status_code, made.json()["subject"]), (201, "Own matter"))
