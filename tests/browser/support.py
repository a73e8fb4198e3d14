"""A real browser on a real server: what the page tests with a client that runs no script cannot see."""

from __future__ import annotations

import os
import shutil
from unittest import SkipTest
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.test import Client as Visitor
from playwright.sync_api import Browser, Page, Playwright, Request, sync_playwright

from teams.models import User

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""
WIDE, PHONE = 1280, 390
HEIGHT = 860
PATIENCE_MS = 10_000
SERIOUS = ("serious", "critical")


@pytest.mark.browser
class BrowserTestCase(StaticLiveServerTestCase):
    """One Chromium a class, one clean profile a person.

    Every page is watched: a request to another host, a refusal of the content policy and an uncaught error
    of a script are kept in ``complaints`` and fail the test at its end.
    """

    playwright: Playwright
    browser: Browser

    @classmethod
    def setUpClass(cls) -> None:
        if not CHROMIUM:
            if os.environ.get("REQUIRE_BROWSER"):
                raise AssertionError("Install Chromium or name it in CHROMIUM.")
            raise SkipTest("There is no Chromium here; install it or name it in CHROMIUM.")
        super().setUpClass()
        # Playwright keeps an event loop in this thread, where Django then refuses the database.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        cls.addClassCleanup(os.environ.pop, "DJANGO_ALLOW_ASYNC_UNSAFE", None)
        cls.playwright = sync_playwright().start()
        cls.addClassCleanup(cls.playwright.stop)
        cls.browser = cls.playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        cls.addClassCleanup(cls.browser.close)

    def setUp(self) -> None:
        self.complaints: list[str] = []

    def tearDown(self) -> None:
        self.assertEqual(self.complaints, [])

    def open(
        self,
        path: str,
        *,
        user: User | None = None,
        width: int = WIDE,
        scheme: str = "light",
        script: bool = True,
    ) -> Page:
        """A page at a path of the site, as a person sees it, in a profile of its own."""
        context = self.browser.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=script,
            base_url=self.live_server_url,
        )
        self.addCleanup(context.close)
        context.set_default_timeout(PATIENCE_MS)
        if user is not None:
            visitor = Visitor()
            visitor.force_login(user)
            session = visitor.cookies[settings.SESSION_COOKIE_NAME].value
            cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": self.live_server_url}
            context.add_cookies([cookie])
        page = context.new_page()
        page.on("request", self._watch)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self._heard(page, said.type, said.text))
        page.goto(path)
        return page

    def _watch(self, request: Request) -> None:
        here = urlsplit(self.live_server_url).netloc
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != here:
            self.complaints.append(f"Asked another host: {request.url}")

    def _heard(self, page: Page, kind: str, text: str) -> None:
        if kind == "error" and "Content Security Policy" in text:
            self.complaints.append(f"{page.url}: {text}")

    def flaws(self, page: Page, *rules: str) -> list[str]:
        """What axe-core calls serious or critical, a line a place; by all rules of WCAG 2.2 AA or some."""
        chosen = list(rules) or ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
        answer = Axe().run(page, options={"runOnly": chosen}).response
        self.assertTrue(answer["passes"], f"No rule applied to {page.url}.")
        return [
            f"{urlsplit(page.url).path}: {rule['id']}: {place['html'][:160]}"
            for rule in answer["violations"]
            if rule["impact"] in SERIOUS
            for place in rule["nodes"]
        ]
