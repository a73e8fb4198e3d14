"""Every page in a browser: readable for everybody, silent towards other hosts, whole at phone width."""

from __future__ import annotations

from django.urls import reverse

from teams.choices import Group
from teams.models import User
from tests.browser.support import HEIGHT, PHONE, WIDE, BrowserTestCase
from ticketing.models import Article
from ticketing.services.conversation import NewMessage, message_add
from ticketing.tests.world import World, make_user

DESK = ("articles", "views", "view-new", "macros", "macro-new", "presence")
BACK_OFFICE = (
    "sla:deadlines", "sla:simulation", "review:queue", "review:what_if", "review:providers",
    "review:proposals", "imports:overview",
    "admin:index", "admin:ticketing_ticket_changelist", "admin:teams_team_changelist",
    "admin:ticketing_routingrule_add", "admin:ticketing_routingrule_changelist",
    "admin:sla_policy_changelist", "admin:sla_clock_changelist",
    "admin:teams_businesscalendar_changelist", "admin:classifier_promptversion_changelist",
    "admin:teams_notificationtarget_changelist", "admin:teams_alert_changelist",
)  # fmt: skip


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
            (world.requester, reverse("portal:chat")),
            (world.requester, reverse("portal:articles")),
            *((world.agent, reverse(f"desk:{name}")) for name in DESK),
            (world.agent, reverse("desk:merge", args=[ticket.uuid])),
            (world.agent, reverse("desk:article", args=[article.uuid])),
            (world.agent, reverse("assistant:start")),
            (world.agent, reverse("notices:mine")),
        ]
        return [*shared, *((world.lead, reverse(name)) for name in BACK_OFFICE)]

    def test_every_page_is_readable_and_whole(self) -> None:
        """WCAG 2.2 AA: nothing serious in the light theme, contrast in the dark one; whole at both widths.

        One visit a page, which is then narrowed and darkened: loading it anew for each question would take
        minutes.
        """
        for user, path in self.pages():
            with self.subTest(path=path):
                page = self.open(path, user=user)
                self.assertTrue(page.locator("h1, #content h2").first.is_visible(), "no visible heading")
                self.assertEqual(self.flaws(page), [])
                for width in (WIDE, PHONE):
                    page.set_viewport_size({"width": width, "height": HEIGHT})
                    self.assertLessEqual(
                        page.evaluate("document.documentElement.scrollWidth"),
                        width + 1,
                        f"cut off at {width}",
                    )
                page.emulate_media(color_scheme="dark")
                # Colours fade over; what is measured is where they arrive.
                page.evaluate("document.getAnimations().forEach(one => one.finish())")
                self.assertEqual(self.flaws(page, "color-contrast"), [])

    def test_a_phone_shows_every_way_of_the_desk_and_forms_that_fit(self) -> None:
        """No link of the bar is cut off, and a form with long values is no wider than the window."""
        page = self.open(reverse("desk:queue"), user=self.world.agent, width=PHONE)
        ends = "[...document.querySelectorAll('.topnav__link')].map(one => one.getBoundingClientRect().right)"
        self.assertEqual([end for end in page.evaluate(ends) if end > PHONE], [])
        form = reverse("admin:teams_user_change", args=[self.admin.pk])
        for width in (WIDE, PHONE):
            page = self.open(form, user=self.admin, width=width)
            self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), width + 1)

    def test_a_flaw_would_be_seen(self) -> None:
        """The test above is worth something: words nobody can read are found."""
        page = self.open(reverse("portal:home"), user=self.world.requester)
        page.evaluate("document.querySelector('h1').style.color = '#eeeeee'")
        self.assertTrue(any("color-contrast" in flaw for flaw in self.flaws(page)))
