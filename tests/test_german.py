"""The interface in the reader's language and time; what is kept is the same for all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.test import TestCase
from django.urls import reverse
from django.utils import timezone, translation

from teams.choices import Group
from teams.models import User
from ticketing.choices import Status
from ticketing.models import BulkAction, Ticket, TicketEvent
from ticketing.tests.world import World, make_user

pytestmark = pytest.mark.once

# English labels of the navigation and of the commonest buttons, as they stand between tags.
_ENGLISH = (
    "Queue", "Review", "Assistant", "Articles", "Macros", "Back office", "Get help", "Your tickets",
    "Sign in", "Sign out", "Save", "Apply", "Search", "Open", "Waiting", "Unassigned", "Needs review",
    "Dashboard", "Routing", "Deadlines", "People", "Settings", "Client", "Policy", "Priority", "Severity",
    "Keywords", "Severities", "Channels", "Status after sending",
)  # fmt: skip


class GermanTest(TestCase):
    """Pages in German for who asks for German."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.admin = make_user("admin", Group.ADMINISTRATORS)
        User.objects.filter(pk__in=[cls.admin.pk, cls.world.lead.pk]).update(is_staff=True)
        User.objects.filter(pk=cls.admin.pk).update(is_superuser=True)
        cls.ticket = cls.world.ticket("The printer is on fire")

    def setUp(self) -> None:
        # The last request's language stays with the thread.
        self.addCleanup(translation.activate, "en")

    def page(self, user: User | None, url: str, language: str = "de") -> str:
        """The words of a page for a reader of a language."""
        browser = Browser(headers={"accept-language": language})
        if user is not None:
            browser.force_login(user)
        response = browser.get(url)
        self.assertEqual(response.status_code, 200)
        return response.content.decode()

    def pages(self) -> list[tuple[User | None, str, str]]:
        """Reader, address and a German heading of the main pages."""
        world = self.world
        return [
            (None, reverse("login"), "Bei Switchyard anmelden"),
            (world.requester, reverse("portal:home"), "Wie können wir helfen"),
            (world.requester, reverse("portal:tickets"), "Ihre Tickets"),
            (world.requester, reverse("portal:chat"), "Stellen Sie eine Frage"),
            (world.agent, reverse("desk:queue"), "Alle offenen"),
            (world.agent, self.ticket.get_absolute_url(), "Nicht zugewiesen"),
            (world.agent, reverse("desk:macros"), "Makros"),
            (world.agent, reverse("review:queue"), "Prüfung"),
            (world.lead, reverse("admin:index"), "Brennt etwas?"),
            (world.lead, reverse("sla:deadlines"), "Fällig in den nächsten 24 Stunden"),
            (world.lead, reverse("sla:simulation"), "Probieren Sie eine Richtlinie"),
            (world.lead, reverse("review:what_if"), "Mandant"),
            (self.admin, reverse("imports:overview"), "Datei ansehen"),
            (world.agent, reverse("desk:macro-new"), "Priorität"),
            (self.admin, reverse("admin:ticketing_routingrule_add"), "Schlüsselwörter"),
            (self.admin, reverse("admin:ticketing_ticket_changelist"), "Nicht zugewiesen"),
            (self.admin, reverse("admin:teams_team_add"), "Kurzname"),
        ]

    def test_the_main_pages_are_german(self) -> None:
        """Headings and labels are German, and none of the common English ones is left."""
        for user, url, heading in self.pages():
            with self.subTest(url):
                words = self.page(user, url)
                self.assertIn(heading, words)
                self.assertIn('lang="de"', words)
                pieces = {piece.split("<")[0].strip() for piece in words.split(">")}
                self.assertEqual(pieces & set(_ENGLISH), set())

    def test_who_asks_for_nothing_or_another_language_reads_english(self) -> None:
        """English is the default."""
        for language in ("", "fr", "en-GB,de;q=0.5"):
            self.assertIn("Sign in to Switchyard", self.page(None, reverse("login"), language))

    def test_the_switch_is_remembered(self) -> None:
        """The reader's choice goes before what the browser says, also without script."""
        browser = Browser(headers={"accept-language": "en"})
        before = browser.get(reverse("login"))
        self.assertContains(before, 'value="de"')
        response = browser.post(reverse("set_language"), {"language": "de", "next": reverse("login")})
        self.assertRedirects(response, reverse("login"))
        self.assertContains(browser.get(reverse("login")), "Bei Switchyard anmelden")

    def test_the_switch_leads_nowhere_else_and_wants_its_token(self) -> None:
        """No other host as the next page; no change by a form of another site."""
        away = {"language": "de", "next": "https://evil.example/"}
        self.assertEqual(Browser().post(reverse("set_language"), away)["Location"], "/")
        strict = Browser(enforce_csrf_checks=True)
        self.assertEqual(strict.post(reverse("set_language"), {"language": "de"}).status_code, 403)
        self.assertNotIn("switchyard_language", strict.get(reverse("set_language")).cookies)

    def test_an_error_page_speaks_the_readers_language(self) -> None:
        """404 stands alone and is German all the same."""
        response = Browser(headers={"accept-language": "de"}).get("/nowhere/")
        self.assertContains(response, "Unter dieser Adresse ist nichts", status_code=404)
        self.assertContains(response, '<html lang="de">', status_code=404)


class ReaderZoneTest(TestCase):
    """Times in the reader's zone: the profile's, else the browser's, else UTC."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.ticket = cls.world.ticket("The printer is on fire")
        Ticket.objects.filter(pk=cls.ticket.pk).update(created_at=datetime(2026, 7, 1, 22, 30, tzinfo=UTC))

    def page(self, cookie: str = "") -> Any:
        """The ticket in the portal, or on the desk."""
        browser = Browser()
        browser.force_login(User.objects.get(pk=self.world.agent.pk))
        if cookie:
            browser.cookies["switchyard_time_zone"] = cookie
        return browser.get(self.ticket.get_absolute_url())

    def test_the_browsers_zone_then_the_profiles(self) -> None:
        """A cookie tells the browser's zone; a zone in the profile goes before it."""
        self.assertContains(self.page(), "1 Jul 2026, 22:30")
        self.assertContains(self.page("Europe/Berlin"), "2 Jul 2026, 00:30")
        for nonsense in ("../etc", "Nowhere/Land", "x" * 400):
            self.assertContains(self.page(nonsense), "1 Jul 2026, 22:30")
        User.objects.filter(pk=self.world.agent.pk).update(time_zone="Asia/Tokyo")
        self.assertContains(self.page("Europe/Berlin"), "2 Jul 2026, 07:30")
        self.assertEqual(timezone.get_current_timezone_name(), "UTC")

    def test_the_api_stays_with_utc(self) -> None:
        """What programs read does not depend on a profile."""
        browser = Browser()
        browser.force_login(self.world.agent)
        browser.cookies["switchyard_time_zone"] = "Asia/Tokyo"
        body = browser.get(f"/api/v1/tickets/{self.ticket.uuid}").json()
        self.assertEqual(body["created_at"][:16], "2026-07-01T22:30")


class SameRowsTest(TestCase):
    """What is kept does not depend on the language of who acts."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def setUp(self) -> None:
        self.addCleanup(translation.activate, "en")

    def rows(self, language: str) -> list[Any]:
        """Everything written while an agent works on two tickets in a language."""
        browser = Browser(headers={"accept-language": language})
        browser.force_login(self.world.agent)
        first, second = self.world.ticket("One"), self.world.ticket("Two")
        Ticket.objects.filter(pk=second.pk).update(status=Status.CLOSED, closed_at=timezone.now())
        uuid = first.uuid
        browser.post(reverse("desk:status", args=[uuid]), {"status": "pending"})
        browser.post(reverse("desk:assign", args=[uuid]), {"team": "", "assignee": self.world.agent.pk})
        browser.post(reverse("desk:confirm", args=[uuid]), {"field": "severity", "value": "high"})
        browser.post(reverse("desk:note", args=[uuid]), {"body": "Seen."})
        browser.post(
            reverse("desk:bulk"),
            {
                "tickets": [str(uuid), str(second.uuid)],
                "status": "open",
                "priority": "urgent",
                "confirm": "1",
            },
        )
        browser.post(reverse("desk:status", args=[uuid]), {"status": "resolved"})
        events = TicketEvent.objects.filter(ticket__in=[first, second]).order_by("ticket_id", "sequence")
        told = [
            (row.verb, row.field, row.old_value, row.new_value, row.reason, row.actor_label)
            for row in events
            if row.field or row.verb == "ticket.opened"  # others name rows by their ids
        ]
        action = BulkAction.objects.order_by("-pk")[0]
        clocks = [
            (clock.kind, clock.state, clock.reason, [row.reason for row in clock.segments.order_by("pk")])
            for clock in first.clocks.order_by("pk")
        ]
        references = {first.reference: "first", second.reference: "second"}
        failures = {references[name]: why for name, why in action.failures.items()}
        return [told, action.words, failures, clocks]

    def test_german_work_leaves_english_rows(self) -> None:
        """Events, bulk actions and reasons of clocks hold the same words."""
        english, german = self.rows("en"), self.rows("de")
        self.assertGreater(len(english[0]), 6)
        self.assertTrue(english[1])
        self.assertTrue(english[2])
        self.assertEqual(german, english)

    def test_an_absence_is_read_in_the_readers_zone(self) -> None:
        """A moment typed on the desk is meant in the zone that the page shows."""
        browser = Browser()
        browser.force_login(self.world.agent)
        browser.cookies["switchyard_time_zone"] = "Europe/Berlin"
        day = timezone.now().date() + timedelta(days=2)
        browser.post(reverse("desk:presence"), {"presence": "away", "until": f"{day}T12:00"})
        self.world.agent.refresh_from_db()
        self.assertIn(
            self.world.agent.away_until,
            {datetime(day.year, day.month, day.day, hour, tzinfo=UTC) for hour in (10, 11)},
        )
