"""Every page in a browser: readable for everybody, silent towards other hosts, whole at phone width."""

from __future__ import annotations

from django.urls import reverse

from teams.choices import Group
from teams.models import User
from tests.browser.support import PHONE, WIDE, BrowserTestCase
from ticketing.models import Article
from ticketing.services.conversation import NewMessage, message_add
from ticketing.tests.world import World, make_user


class EveryPageTest(BrowserTestCase):
    """WCAG 2.2 AA in both themes, one column on a phone, no request to another host on any page."""

    def setUp(self) -> None:
        super().setUp()
        self.world = World()
        self.admin = make_user("root", Group.ADMINISTRATORS)
        self.admin.is_superuser = True
        self.admin.save(update_fields=["is_superuser"])
        self.ticket = self.world.triage(self.world.ticket())
        self.world.triage(
            self.world.ticket("Laptop dark"), category="hardware", state="applied", confidence=0.9
        )
        answer = NewMessage(body="We are **looking** into it.", is_public=True)
        message_add(ticket=self.ticket, new=answer, actor=self.world.actor(self.world.agent))
        self.article = Article.objects.create(
            title="VPN drops",
            slug="vpn",
            body="Install the profile again.",
            is_published=True,
            visibility="public",
        )

    def pages(self) -> list[tuple[User | None, str]]:
        """Who sees which page."""
        world, ticket, article = self.world, self.ticket, self.article
        shared = [
            (None, reverse("login")),
            (world.requester, reverse("portal:home")),
            (world.requester, reverse("portal:tickets")),
            (world.requester, reverse("portal:ticket", args=[ticket.uuid])),
            (world.requester, reverse("portal:submitted", args=[ticket.uuid])),
            (world.requester, reverse("portal:article", args=[article.uuid])),
            (world.agent, reverse("desk:queue")),
            (world.agent, reverse("desk:ticket", args=[ticket.uuid])),
        ]
        back_office = ["review:queue", "review:what_if", "review:providers"]
        back_office += ["review:proposals", "admin:index", "admin:ticketing_ticket_changelist"]
        return [*shared, *((world.lead, reverse(name)) for name in back_office)]

    def test_no_serious_flaw(self) -> None:
        """WCAG 2.2 AA: axe-core finds nothing serious on any page."""
        for user, path in self.pages():
            with self.subTest(path=path):
                self.assertEqual(self.flaws(self.open(path, user=user)), [])

    def test_a_flaw_would_be_seen(self) -> None:
        """The two tests around this one are worth something: words nobody can read are found."""
        page = self.open(reverse("portal:home"), user=self.world.requester)
        page.evaluate("document.querySelector('h1').style.color = '#eeeeee'")
        self.assertTrue(any("color-contrast" in flaw for flaw in self.flaws(page)))

    def test_the_dark_theme_is_readable_too(self) -> None:
        """DESIGN: contrast AA in both themes."""
        for user, path in self.pages():
            with self.subTest(path=path):
                page = self.open(path, user=user, scheme="dark")
                self.assertEqual(self.flaws(page, "color-contrast"), [])

    def test_nothing_is_cut_off_on_a_phone(self) -> None:
        """DESIGN: no page scrolls sideways, at 390 px or at 1280."""
        for width in (PHONE, WIDE):
            for user, path in self.pages():
                with self.subTest(path=path, width=width):
                    page = self.open(path, user=user, width=width)
                    wide = page.evaluate("document.documentElement.scrollWidth")
                    self.assertLessEqual(wide, width + 1)
