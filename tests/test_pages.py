"""The front door: who lands where, what the log-in names, and that pages are served as they should be."""

from __future__ import annotations

from django.test import TestCase, override_settings
from django.urls import reverse

from teams.choices import Group
from ticketing.services.tickets import status_change
from ticketing.tests.world import PASSWORD, World, make_user


class FrontDoorTest(TestCase):
    """O1, R3: home by role, demo accounts only in a demo."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.admin = make_user("admin", Group.ADMINISTRATORS)

    def test_everybody_lands_where_they_work(self) -> None:
        """R3: leads and administrators in the back office, agents on the desk, requesters on the portal."""
        places = {
            self.admin: "admin:index",
            self.world.lead: "admin:index",
            self.world.agent: "desk:queue",
            self.world.requester: "portal:home",
        }
        self.assertRedirects(self.client.get("/"), reverse("login"))
        for user, place in places.items():
            self.client.force_login(user)
            response = self.client.get("/")
            self.assertRedirects(response, reverse(place), fetch_redirect_response=False)

    def test_logging_in_leads_home_and_a_wrong_password_is_said(self) -> None:
        """R3: the log-in page itself."""
        wrong = self.client.post(reverse("login"), {"username": "agent", "password": "wrong"})
        self.assertContains(wrong, "Please enter a correct username and password")
        right = self.client.post(reverse("login"), {"username": "agent", "password": PASSWORD})
        self.assertRedirects(right, "/", fetch_redirect_response=False)

    def test_demo_accounts_are_named_in_a_demo_only(self) -> None:
        """O1: no password stands on the page of a real installation."""
        with override_settings(DEMO=False):
            self.assertNotContains(self.client.get(reverse("login")), "switchyard-demo")
        with override_settings(DEMO=True):
            page = self.client.get(reverse("login"))
        for name in ("admin", "lead", "agent", "requester", "other-lead"):
            self.assertContains(page, f'data-fill-username="{name}"')

    def test_a_broken_rule_is_shown_even_where_no_page_can_be_returned_to(self) -> None:
        """Style 12: the whole sentence, with the status the error has."""
        ticket = self.world.ticket()
        status_change(ticket=ticket, status="closed", actor=self.world.actor(self.world.lead))
        self.client.force_login(self.world.agent)
        response = self.client.post(reverse("desk:status", args=[ticket.uuid]), {"status": "open"})
        self.assertContains(response, "“Closed” cannot become “Open”", status_code=409)

    def test_pages_hold_no_inline_script_or_style(self) -> None:
        """Style 17: the content policy forbids both, so none may be there."""
        ticket = self.world.triage(self.world.ticket())
        pages = {
            self.world.agent: [
                reverse("desk:queue"),
                ticket.get_absolute_url(),
                reverse("review:queue"),
            ],
            self.world.requester: [
                reverse("portal:home"),
                reverse("portal:tickets"),
                reverse("portal:ticket", args=[ticket.uuid]),
                reverse("portal:submitted", args=[ticket.uuid]),
            ],
        }
        for user, urls in pages.items():
            self.client.force_login(user)
            for url in urls:
                response = self.client.get(url)
                self.assertEqual(response.status_code, 200, url)
                self.assertNotContains(response, "<script>")
                self.assertNotContains(response, " style=")
                self.assertNotContains(response, " onclick=")
                self.assertIn("default-src 'self'", response["Content-Security-Policy"], url)
