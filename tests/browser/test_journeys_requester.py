"""What a requester does, by keyboard alone, and the rows it leaves behind."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from django.urls import reverse

from classifier.models import ChatConvo, ChatMessage
from tests.browser.keyboard import KeyboardTestCase
from ticketing.choices import Channel
from ticketing.models import Article, Attachment, Ticket
from ticketing.tests.world import World

LOG = "2026-01-05 09:12:44 ERROR vpn: tunnel closed, code ERR-4711\n"


class RequesterJourneyTest(KeyboardTestCase):
    """I1, C22, T13: help is found without a mouse."""

    def setUp(self) -> None:
        super().setUp()
        self.world = World()

    def test_text_and_a_file_become_a_ticket_with_a_number(self) -> None:
        """I1: the receipt shows the number at once; text and file are kept."""
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "vpn.log").write_text(LOG)
        page = self.open(reverse("portal:home"), user=self.world.requester)
        self.tab_to(page, "textarea[name=body]")
        page.keyboard.type("The VPN drops since Monday.")
        self.tab_to(page, "input[name=subject]")
        page.keyboard.type("VPN drops")
        self.pick_file(page, "input[type=file]", folder / "vpn.log")
        self.says(page, "vpn.log")
        self.follow(page, "form[data-once] .card__foot button")
        ticket = Ticket.objects.get()
        self.assertRegex(page.url, r"/received$")
        self.assertEqual(page.locator("h1").inner_text(), ticket.reference)
        self.assertEqual((ticket.subject, ticket.channel), ("VPN drops", Channel.WEB))
        self.assertIn("The VPN drops since Monday.", ticket.body)
        self.assertEqual(ticket.requester.user, self.world.requester)
        file = Attachment.objects.get()
        self.assertEqual((file.name, file.message.ticket), ("vpn.log", ticket))
        self.follow(page, ".card__foot .btn--primary")
        self.assertIn(reverse("portal:ticket", args=[ticket.uuid]), page.url)

    def test_a_chat_becomes_a_ticket(self) -> None:
        """C22: the question, the answer with its source, and one button to a person."""
        Article.objects.create(
            client=self.world.client_a, slug="vpn", title="The VPN drops", visibility="public",
            body="Import the profile again.", is_published=True,
        )  # fmt: skip
        page = self.open(reverse("portal:chat"), user=self.world.requester)
        self.tab_to(page, "[data-chat-input]")
        page.keyboard.type("The VPN drops after the update")
        self.press(page, "Enter")
        page.wait_for_selector(".msg--assistant .chat-source")
        self.assertTrue(page.evaluate("document.activeElement.matches('[data-chat-input]')"))
        convo = ChatConvo.objects.get()
        link = page.locator(f"aside a[href='{reverse('portal:chat-convo', args=[convo.uuid])}']")
        self.assertEqual(link.count(), 1, "The conversation can be found again at once.")
        self.tab_to(page, "form[action$='/ticket'] button", back=True)
        with self.go(page):
            pass
        page.wait_for_url(re.compile("/received$"))
        ticket = Ticket.objects.get()
        convo.refresh_from_db()
        self.assertEqual((convo.ticket, ticket.channel), (ticket, Channel.CHAT))
        self.assertEqual(ticket.body, "The VPN drops after the update", "Nobody else's words.")
        answer = ChatMessage.objects.get(role="assistant")
        note = ticket.messages.get(is_public=False)
        self.assertIn(answer.body.splitlines()[0], note.body)
