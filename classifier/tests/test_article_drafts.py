"""A resolved ticket becomes the draft of an article without the people in it (C23, C21)."""

from __future__ import annotations

from django.test import TestCase
from django.urls import reverse
from rest_framework.test import APIClient

from classifier.services.article_drafts import NothingToTell, article_from_ticket
from common.exceptions import Conflict, NotAllowed
from ticketing.models import Article, Ticket
from ticketing.selectors.articles import articles_of
from ticketing.services.audit import chain_verify
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.tickets import status_change
from ticketing.tests.world import World

ASKED = "Rita here. The VPN drops. Write to rita@example.net or call +1 202 555 0143. password: Sommer2024!"
TOLD = "Hello Rita, import the profile again. Regards, Agent"


class DraftTests(TestCase):
    """One resolved ticket with an answer, a note and personal data."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.agent = cls.world.actor(cls.world.agent)
        cls.ticket = cls.world.ticket("VPN drops for Rita", body=ASKED)
        message_add(ticket=cls.ticket, new=NewMessage(body=TOLD), actor=cls.agent)
        note = NewMessage(body="An internal secret.", is_public=False)
        message_add(ticket=cls.ticket, new=note, actor=cls.agent)

    def resolve(self) -> Ticket:
        """The ticket, resolved."""
        return status_change(ticket=self.ticket, status="resolved", actor=self.agent)

    def test_the_draft_tells_what_helped_and_names_nobody(self) -> None:
        """C23: question and public answers stay, people and secrets go, notes were never there."""
        draft, is_new = article_from_ticket(ticket=self.resolve(), actor=self.agent)
        text = f"{draft.title}\n{draft.slug}\n{draft.body}"
        self.assertTrue(is_new)
        for value in ("rita", "example.net", "555 0143", "Sommer2024", "internal secret"):
            self.assertNotIn(value.lower(), text.lower())
        self.assertIn("Import the profile again", draft.body)
        self.assertIn("(e-mail address)", draft.body)
        self.assertEqual((draft.source_ticket, draft.client), (self.ticket, self.ticket.client))
        self.assertIsNone(chain_verify(ticket=self.ticket))

    def test_greetings_sign_offs_and_quoted_lines_stay_behind(self) -> None:
        """C23: an article is no letter."""
        quoted = "Hi Rita,\n\nthen restart the client.\n\nBest wishes,\nYour team\n\n> The VPN drops."
        message_add(ticket=self.ticket, new=NewMessage(body=quoted), actor=self.agent)
        draft, _ = article_from_ticket(ticket=self.resolve(), actor=self.agent)
        helped = draft.body.partition("## What helped")[2].strip()
        self.assertEqual(helped, "Import the profile again.\n\nThen restart the client.")

    def test_a_draft_is_internal_and_unpublished(self) -> None:
        """C23: neither requesters nor the chat see it before a lead has read it."""
        draft, _ = article_from_ticket(ticket=self.resolve(), actor=self.agent)
        self.assertEqual((draft.is_published, draft.visibility), (False, "internal"))
        for user in (self.world.requester, self.world.agent):
            self.assertFalse(articles_of(self.world.actor(user), self.ticket.client).exists())

    def test_a_second_call_finds_the_same_draft(self) -> None:
        """C23: by page and API."""
        self.resolve()
        self.client.force_login(self.world.agent)
        url = reverse("triage:article", args=[self.ticket.uuid])
        self.assertContains(self.client.get(self.ticket.get_absolute_url()), f'action="{url}"')
        page = self.client.post(url, follow=True)
        self.assertContains(page, "This is a draft")
        self.assertContains(page, self.ticket.reference)
        api = APIClient()
        api.force_authenticate(self.world.agent)
        answer = api.post(f"/api/v1/tickets/{self.ticket.reference}/article")
        self.assertEqual((answer.status_code, Article.objects.count()), (200, 1))

    def test_what_cannot_become_an_article(self) -> None:
        """C23: an open ticket, one without an answer, and a requester who asks for it."""
        with self.assertRaises(Conflict):
            article_from_ticket(ticket=self.ticket, actor=self.agent)
        silent = status_change(ticket=self.world.ticket("Silent"), status="resolved", actor=self.agent)
        with self.assertRaises(NothingToTell):
            article_from_ticket(ticket=silent, actor=self.agent)
        with self.assertRaises(NotAllowed):
            article_from_ticket(ticket=self.resolve(), actor=self.world.actor(self.world.requester))
