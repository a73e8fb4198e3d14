"""The chat and an article's feedback in a real browser, with script and without (C22, C23)."""

from __future__ import annotations

import os
import re
import shutil
from typing import Any, ClassVar
from unittest import mock

import pytest
from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.urls import reverse

from classifier.models import ChatMessage
from ticketing.models import Article, ArticleFeedback, Ticket
from ticketing.tests.world import PASSWORD, World

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUESTION = "The VPN drops after the update"


@pytest.mark.browser
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="No Chromium is installed.")
class ChatInTheBrowserTests(StaticLiveServerTestCase):
    """A requester asks, reads, opens the ticket."""

    browser: ClassVar[Any]

    @classmethod
    def setUpClass(cls) -> None:
        # The driver runs an event loop in this thread; the database is used beside it, never inside it.
        cls.enterClassContext(mock.patch.dict(os.environ, {"DJANGO_ALLOW_ASYNC_UNSAFE": "1"}))
        super().setUpClass()
        driver = cls.enterClassContext(playwright.sync_playwright())
        cls.browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        cls.addClassCleanup(cls.browser.close)

    def setUp(self) -> None:
        self.world = World()
        self.article = Article.objects.create(
            client=self.world.client_a, slug="vpn", title="The VPN drops", visibility="public",
            body="Import the profile again.", is_published=True,
        )  # fmt: skip

    def page(self, *, script: bool) -> Any:
        """A page of the requester, logged in."""
        context = self.browser.new_context(java_script_enabled=script, base_url=self.live_server_url)
        self.addCleanup(context.close)
        page = context.new_page()
        page.set_default_timeout(20_000)
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto("/login/")
        page.fill("[name=username]", self.world.requester.username)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url(re.compile("/portal/"))
        return page

    def test_a_streamed_answer_becomes_a_ticket(self) -> None:
        """C22: by keyboard alone; nothing is lost on the way to the ticket."""
        page = self.page(script=True)
        page.goto(reverse("portal:chat"))
        page.focus("[data-chat-input]")
        page.keyboard.type(QUESTION)
        page.keyboard.press("Enter")
        page.wait_for_selector(".msg--assistant .chat-source")
        answer = ChatMessage.objects.get(role="assistant")
        self.assertEqual(page.url, self.live_server_url + f"/portal/chat/{answer.convo.uuid}")
        self.assertEqual(page.evaluate("document.activeElement.name"), "message")
        self.assertEqual(page.input_value("[data-chat-input]"), "")
        page.click("text=Turn into a ticket")
        page.wait_for_url(re.compile("/received$"))
        ticket = Ticket.objects.get()
        self.assertIn(ticket.reference, page.content())
        self.assertIn(QUESTION, ticket.body)
        self.assertEqual(self.errors, [])

    def test_without_script_the_form_does_the_same(self) -> None:
        """C22: a plain post, the same answer."""
        page = self.page(script=False)
        page.goto(reverse("portal:chat"))
        page.fill("[name=message] >> nth=-1", QUESTION)
        page.click("[data-chat-send]")
        self.assertIn("This article may help", page.inner_text(".msg--assistant"))
        page.click(".chat-source")
        page.click("button[value=yes]")
        self.assertTrue(ArticleFeedback.objects.get().helped)

    def test_a_refused_question_keeps_its_words(self) -> None:
        """C22: the sentence is shown and announced, the words stay to be sent again."""
        page = self.page(script=True)
        page.goto(reverse("portal:chat"))
        page.fill("[data-chat-input]", QUESTION)
        with self.settings(CHAT_QUESTIONS_PER_MINUTE=0):
            page.keyboard.press("Enter")
            page.wait_for_selector("[data-chat-problem]:not([hidden])")
        self.assertIn("Too many questions", page.inner_text("[data-chat-problem]"))
        self.assertEqual(page.input_value("[data-chat-input]"), QUESTION)
        self.assertEqual(page.locator(".msg").count(), 0)
