"""Hostile words in a real browser: nothing of them runs (T5)."""

from __future__ import annotations

from unittest import mock

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from ingest.models import ImportJob
from teams.choices import Group
from teams.models import User
from tests.attacks import MARK, SHORT
from tests.browser.support import BrowserTestCase
from tests.test_access_matrix import Secret
from tests.test_stored_attacks import Doors, saturate
from ticketing.models import Article, Macro
from ticketing.tests.world import make_user


class AttacksInTheBrowserTest(BrowserTestCase):
    """The browser's own parser is the judge; ``tests.test_stored_attacks`` looks at every page."""

    def setUp(self) -> None:
        super().setUp()
        with mock.patch("tests.test_access_matrix.MARK", SHORT):
            self.secret = Secret()
        self.world = self.secret.world
        User.objects.filter(pk=self.world.lead.pk).update(is_staff=True)
        self.root = make_user("root", Group.ADMINISTRATORS, self.world.client_a)
        User.objects.filter(pk=self.root.pk).update(is_superuser=True, is_staff=True)
        doors = Doors(self.secret)
        self.asked, self.sent = doors.requester(), doors.program()
        doors.agent(self.sent)
        doors.lead()
        saturate()

    def pages(self) -> list[tuple[User, str]]:
        """The pages that show the most of what strangers write."""
        world, article, job = self.world, Article.objects.latest("pk"), ImportJob.objects.latest("pk")
        return [
            (world.requester, reverse("portal:home")),
            (world.requester, reverse("portal:tickets")),
            (world.requester, reverse("portal:ticket", args=[self.asked.uuid])),
            (world.requester, reverse("portal:submitted", args=[self.asked.uuid])),
            (world.requester, reverse("portal:article", args=[article.uuid])),
            (world.requester, reverse("portal:chat")),
            (world.lead, reverse("desk:queue") + "?status=all"),
            (world.lead, reverse("desk:ticket", args=[self.asked.uuid])),
            (world.lead, reverse("desk:ticket", args=[self.sent.uuid])),
            (world.lead, reverse("desk:article", args=[article.uuid])),
            (world.lead, reverse("desk:macros")),
            (world.lead, reverse("desk:macro", args=[Macro.objects.latest("pk").uuid])),
            (world.lead, reverse("desk:views")),
            (world.lead, reverse("review:queue")),
            (world.lead, reverse("imports:detail", args=[job.uuid])),
            (self.root, reverse("admin:index")),
            (self.root, reverse("admin:ticketing_ticket_changelist")),
            (self.root, reverse("admin:ticketing_ticket_change", args=[self.asked.pk])),
            (self.root, reverse("admin:ticketing_category_changelist")),
        ]

    def looked_at(self, page: Page) -> None:
        """No script ran, no handler of theirs hangs on an element, no dialog came up."""
        self.assertEqual(page.evaluate(f"typeof window.{MARK}"), "undefined", page.url)
        alive = f"[...document.images].filter(one => one.src.includes('{MARK}') || one.onerror).length"
        self.assertEqual(page.evaluate(alive), 0, page.url)
        self.assertEqual(page.locator("svg[onload], [onfocus], [onmouseover], iframe[srcdoc]").count(), 0)
        self.assertEqual(page.locator(f"a[href^='javascript:'], a[href*='{MARK}=1']").count(), 0, page.url)

    @pytest.mark.timeout(300)
    def test_nothing_runs(self) -> None:
        """T5: and no page asks another host or breaks its content policy; the set-up watches both."""
        for user, path in self.pages():
            with self.subTest(path=path):
                page = self.open(path, user=user)
                page.on("dialog", lambda box: self.complaints.append(f"A dialog: {box.message}"))
                page.wait_for_load_state("networkidle")
                self.assertIn(MARK, page.content(), "The page shows nothing of it, so it proves nothing.")
                self.looked_at(page)
                page.context.close()
