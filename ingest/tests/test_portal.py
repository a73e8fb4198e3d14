"""The portal: asking with text and files, the receipt, own tickets only (I1, T2, T5)."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase, override_settings
from django.urls import reverse
from django.utils import timezone

from classifier.models import WorkflowRun
from ticketing.models import Attachment, Ticket
from ticketing.services.attachments import attachment_store
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.tickets import next_due_set, status_change
from ticketing.tests.world import World

HOME = reverse("portal:home")
VPN = "I cannot connect to the VPN after the Windows update."


class SubmitTest(TestCase):
    """I1, C1: from text or file to a ticket with its category."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        category = cls.world.taxonomy.categories.get(slug="network")
        category.keywords = ["vpn", "vpn connection", "network"]
        category.save()

    def setUp(self) -> None:
        self.client.force_login(self.world.requester)

    def send(self, **data: object) -> Ticket:
        response = self.client.post(HOME, data)
        ticket = Ticket.objects.get()
        self.assertRedirects(response, reverse("portal:submitted", args=[ticket.uuid]))
        return ticket

    def test_text_becomes_a_triaged_ticket_at_once(self) -> None:
        """C1: number and category stand on the page that follows, without a worker."""
        ticket = self.send(body=VPN)
        self.assertEqual((ticket.requester.user, ticket.client), (self.world.requester, self.world.client_a))
        self.assertIsNotNone(ticket.triaged_at)
        self.assertEqual(WorkflowRun.objects.get(ticket=ticket, purpose="triage").state, "completed")
        page = self.client.get(reverse("portal:submitted", args=[ticket.uuid]))
        self.assertContains(page, ticket.reference)
        self.assertEqual(page.context["state"], "done")
        known = ticket.category.name if ticket.category else page.context["likely_category"]
        self.assertIn(known, {"Network", ""})

    def test_a_file_alone_is_a_request(self) -> None:
        """I1: its text is the request and it is attached, already read."""
        ticket = self.send(files=[SimpleUploadedFile("trouble.txt", f"Subject: VPN\n\n{VPN}".encode())])
        self.assertIn(VPN, ticket.body)
        self.assertEqual(ticket.subject, "VPN")
        attachment = ticket.attachments.get()
        self.assertEqual((attachment.status, attachment.kind), ("parsed", "txt"))

    def test_triage_that_fails_loses_no_ticket(self) -> None:
        """C1: the ticket is safe and its run waits for the sweeper."""
        with patch("ingest.views.portal.ticket_triage", side_effect=RuntimeError("broken")):
            ticket = self.send(body=VPN)
        self.assertIsNone(ticket.triaged_at)
        page = self.client.get(reverse("portal:submitted", args=[ticket.uuid]))
        self.assertEqual(page.context["state"], "running")
        fragment = self.client.get(
            reverse("portal:submitted", args=[ticket.uuid]), headers={"HX-Request": "true"}
        )
        self.assertContains(fragment, 'id="receipt"')
        self.assertNotContains(fragment, "<html")

    @override_settings(MAX_UPLOAD_BYTES=20)
    def test_upload_faults_are_clear_and_lose_no_text(self) -> None:
        """I1, I2: too large, empty and of a wrong type, each named; the text comes back; nothing is kept."""
        files = [
            SimpleUploadedFile("large.txt", b"x" * 21),
            SimpleUploadedFile("empty.pdf", b""),
            SimpleUploadedFile("virus.exe", b"MZ"),
        ]
        page = self.client.post(HOME, {"body": "My typed text", "subject": "My subject", "files": files})
        self.assertEqual(page.status_code, 422)
        errors = " ".join(page.context["form"].errors["files"])
        for part in ("“large.txt” is larger", "“empty.pdf” is empty", "“virus.exe”"):
            self.assertIn(part, errors)
        self.assertContains(page, "My typed text", status_code=422)
        self.assertContains(page, "My subject", status_code=422)
        self.assertFalse(Ticket.objects.exists() or Attachment.objects.exists())

    def test_a_file_whose_content_lies_is_refused_before_anything_is_kept(self) -> None:
        """I1: the content decides, not the name."""
        page = self.client.post(
            HOME, {"body": VPN, "files": [SimpleUploadedFile("a.pdf", b"MZ\x00\x01nope")]}
        )
        self.assertEqual(page.status_code, 422)
        self.assertIn("“a.pdf”", " ".join(page.context["form"].errors["files"]))
        self.assertFalse(Ticket.objects.exists() or Attachment.objects.exists())

    def test_nothing_at_all_is_said(self) -> None:
        """I1: an empty form asks for what is missing."""
        page = self.client.post(HOME, {"body": "  "})
        self.assertContains(page, "Tell us what happened", status_code=422)


class OwnTicketsTest(TestCase):
    """T10: a requester sees own tickets and their public side, nothing else."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.ticket = cls.world.ticket("My trouble")
        cls.agent = cls.world.actor(cls.world.agent)
        message_add(ticket=cls.ticket, new=NewMessage(body="A public answer."), actor=cls.agent)
        secret = NewMessage(body="A secret note.", is_public=False)
        message_add(ticket=cls.ticket, new=secret, actor=cls.agent)

    def setUp(self) -> None:
        self.client.force_login(self.world.requester)

    def url(self, name: str = "ticket") -> str:
        return reverse(f"portal:{name}", args=[self.ticket.uuid])

    def test_only_public_messages_are_shown(self) -> None:
        """T5: an internal note never reaches the requester."""
        page = self.client.get(self.url())
        self.assertContains(page, "A public answer.")
        self.assertNotContains(page, "A secret note.")

    def test_a_reply_is_promised_until_there_is_one(self) -> None:
        """S1: the deadline of the resolution is not shown as that of the first reply."""
        due = timezone.now() + timedelta(hours=4)
        fresh = self.world.ticket("Fresh")
        for ticket in (fresh, self.ticket):
            next_due_set(ticket_id=ticket.pk, next_due_at=due)
        page = self.client.get(reverse("portal:ticket", args=[fresh.uuid]))
        self.assertEqual(page.context["respond_by"], due)
        self.assertIsNone(self.client.get(self.url()).context["respond_by"])

    def test_the_list_holds_own_tickets_and_its_queries_are_bounded(self) -> None:
        """T10, style 9: constant with 3 and with 30 tickets, none of anybody else."""
        self.world.ticket("Otto's", user=self.world.other_requester)
        for number in range(3):
            self.world.ticket(f"More {number}")
        with self.assertNumQueries(7):
            page = self.client.get(reverse("portal:tickets"))
        self.assertEqual(
            {row.requester.user_id for row in page.context["tickets"]}, {self.world.requester.pk}
        )
        for number in range(30):
            self.world.ticket(f"Even more {number}")
        with self.assertNumQueries(7):
            self.client.get(reverse("portal:tickets"))

    def test_a_reply_is_the_requesters_and_reopens(self) -> None:
        """T2, T5: within the window a resolved ticket opens again."""
        status_change(ticket=self.ticket, status="resolved", actor=self.agent)
        self.assertContains(self.client.get(self.url()), "Send and reopen")
        files = [SimpleUploadedFile("log.txt", b"still broken")]
        self.client.post(self.url("reply"), {"body": "Still broken.", "files": files})
        self.ticket.refresh_from_db()
        message = self.ticket.messages.last()
        self.assertEqual((self.ticket.status, message.author_kind), ("open", "requester"))
        self.assertEqual(message.attachments.get().name, "log.txt")

    def test_a_late_reply_opens_a_follow_up_and_leads_there(self) -> None:
        """T2: after the window the message is a new, linked ticket."""
        status_change(ticket=self.ticket, status="closed", actor=self.agent)
        Ticket.objects.filter(pk=self.ticket.pk).update(closed_at=timezone.now() - timedelta(days=90))
        response = self.client.post(self.url("reply"), {"body": "It is back."}, follow=True)
        follow_up = Ticket.objects.exclude(pk=self.ticket.pk).get()
        self.assertRedirects(response, reverse("portal:ticket", args=[follow_up.uuid]))
        self.assertContains(response, follow_up.reference)

    def test_an_agent_on_the_portal_is_a_requester(self) -> None:
        """R3: staff see only what they asked for themselves, and answer as who asked."""
        own = self.world.ticket("The agent's own", user=self.world.agent)
        self.client.force_login(self.world.agent)
        self.assertEqual(self.client.get(self.url()).status_code, 404)
        self.client.post(reverse("portal:reply", args=[own.uuid]), {"body": "More."})
        self.assertEqual(own.messages.last().author_kind, "requester")

    def test_strangers_get_404_everywhere(self) -> None:
        """T10: another requester of the same client, a lead of another, and nobody."""
        attachment = attachment_store(
            client=self.ticket.client, name="a.txt", content=b"x", content_type="", actor=self.agent
        )
        new = NewMessage(body="See.", attachments=(attachment,))
        message_add(ticket=self.ticket, new=new, actor=self.agent)
        hidden = attachment_store(
            client=self.ticket.client, name="b.txt", content=b"x", content_type="", actor=self.agent
        )
        note = NewMessage(body="No.", attachments=(hidden,), is_public=False)
        message_add(ticket=self.ticket, new=note, actor=self.agent)
        file_url = reverse("portal:file", args=[attachment.uuid])
        self.assertEqual(self.client.get(file_url).status_code, 200)
        self.assertEqual(self.client.get(reverse("portal:file", args=[hidden.uuid])).status_code, 404)
        count = self.ticket.messages.count()
        for user in (self.world.other_requester, self.world.stranger, self.world.lead):
            self.client.force_login(user)
            for url in (self.url(), self.url("submitted"), file_url):
                self.assertEqual(self.client.get(url).status_code, 404, url)
            self.assertEqual(self.client.post(self.url("reply"), {"body": "x"}).status_code, 404)
        self.client.logout()
        self.assertEqual(self.client.post(self.url("reply"), {"body": "x"}).status_code, 302)
        self.assertEqual(self.ticket.messages.count(), count)
