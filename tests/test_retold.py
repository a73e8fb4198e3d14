"""Reasons that rows keep, read in German; the rows themselves stay as they were written."""

from __future__ import annotations

import pytest
from django.test import Client as Browser
from django.test import SimpleTestCase, TestCase
from django.urls import reverse
from django.utils import timezone, translation

from common.phrases import deeds_retold, retold
from sla.models import Clock, Policy, Segment, Target
from teams.choices import TeamKind
from teams.models import Team
from ticketing.choices import Severity, TriageField
from ticketing.models import BulkAction, FieldDecision, Ticket, TicketEvent
from ticketing.services.escalation import ticket_escalate
from ticketing.services.routing import RoutingInput, route_decide
from ticketing.services.tickets import status_change
from ticketing.tests.world import World

pytestmark = pytest.mark.once


class PatternTest(SimpleTestCase):
    """Sentences are found again with their parts, names may hold anything, and strange words stay."""

    def setUp(self) -> None:
        self.enterContext(translation.override("de"))

    def test_sentences_are_said_in_german(self) -> None:
        """One, several, with labels, and the votes of the engines."""
        for text, german in (
            ("Started.", "Gestartet."),
            ("Ticket is waiting on requester.", "Status des Tickets: „Wartet auf Anfragesteller“."),
            ("“Gold” promises no first response.", "„Gold“ enthält keine Zusage für „Erstantwort“."),
            (
                "Rule “VIP. Now” matched. Priority high, from severity medium.",
                "Die Regel „VIP. Now“ trifft zu. Priorität „Hoch“, abgeleitet vom Schweregrad „Mittel“.",
            ),
            (
                "rules: high (0.83); local: low (0.61). Indicators of high: “down”, “all of us”.",
                "Regeln: Hoch (0,83); Lokale Engine: Niedrig (0,61). "
                "Anzeichen für „Hoch“: „down“, „all of us“.",
            ),
            ("The severity “critical” is only suggested.", "Schweregrad „Kritisch“ ist nur ein Vorschlag."),
            (
                "Escalated: The promise to the requester was not kept.",
                "Eskaliert: Die Zusage an den Anfragesteller wurde nicht eingehalten.",
            ),
            (
                "It is “Closed” and cannot become “Open”.",
                "Es ist „Geschlossen“ und kann nicht „Offen“ werden.",
            ),
            ("This person is not a member of the team.", "Diese Person gehört nicht zum Team."),
        ):
            with self.subTest(text):
                self.assertEqual(retold(text), german)

    def test_words_of_people_stay(self) -> None:
        """Also beside a sentence of the system: half a translation would be worse than none."""
        for text in ("", "Open", "Escalated", "100 % of it. %(name)s", "Started. She called twice."):
            self.assertEqual(retold(text), text)
        self.assertEqual(retold("Escalated: she called."), "Eskaliert: she called.")

    def test_english_readers_read_what_is_kept(self) -> None:
        """The record itself."""
        with translation.override("en"):
            self.assertEqual(retold("Ticket is open."), "Ticket is open.")

    def test_a_bulk_change_is_summed_up_in_german(self) -> None:
        """Names may hold the comma that stands between the deeds."""
        self.assertEqual(
            deeds_retold("move to Support, EU, set the priority to high, set the status to “Resolved”"),
            "an Support, EU geben, Priorität auf Hoch setzen, Status auf „Gelöst“ setzen",
        )
        self.assertEqual(deeds_retold("something else"), "something else")


class RecordedTest(TestCase):
    """What the services really write is known to the patterns, and the pages show it in German."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.policy = Policy.objects.create(name="Gold", slug="gold")
        for severity in Severity.values:
            Target.objects.create(policy=cls.policy, kind="resolution", severity=severity, minutes=60)
        cls.ticket = cls.world.ticket("The printer is on fire")

    def setUp(self) -> None:
        self.addCleanup(translation.activate, "en")

    def page(self, url: str) -> str:
        """A page for a German lead."""
        browser = Browser(headers={"accept-language": "de"})
        browser.force_login(self.world.lead)
        return browser.get(url).content.decode()

    def routed(self, category: str, severity: str) -> str:
        """The reason for a route."""
        given = RoutingInput(
            client=self.world.client_a, taxonomy=self.world.taxonomy, category=category,
            category_confidence=0.8, severity=severity, severity_confidence=0.8, text="", now=timezone.now(),
        )  # fmt: skip
        return route_decide(given=given).reasoning

    def test_routing(self) -> None:
        """By the default team, by the fallback, by escalation."""
        Team.objects.create(slug="first_aid", name="First aid", kind=TeamKind.ESCALATION)
        reasons = {
            self.routed(category, severity)
            for category in ("network", "")
            for severity in ("", Severity.LOW, Severity.CRITICAL)
        }
        self.assertGreater(len(reasons), 4)
        with translation.override("de"):
            for reason in reasons:
                with self.subTest(reason):
                    self.assertNotEqual(retold(reason), reason)

    def test_clocks_and_history(self) -> None:
        """Started, paused, resolved: reasons of segments, of events and of decisions."""
        actor = self.world.actor(self.world.lead)
        for status in ("pending", "open", "resolved"):
            status_change(ticket=Ticket.objects.get(pk=self.ticket.pk), status=status, actor=actor)
        kept = {
            *Segment.objects.values_list("reason", flat=True),
            *Clock.objects.values_list("reason", flat=True),
            *TicketEvent.objects.values_list("reason", flat=True),
            *FieldDecision.objects.values_list("reasoning", flat=True),
        } - {""}
        self.assertTrue(kept)
        with translation.override("de"):
            self.assertEqual([reason for reason in kept if retold(reason) == reason], [])

    def test_the_ticket_shows_reasons_in_german(self) -> None:
        """A decision's reason and an event's."""
        FieldDecision.objects.create(
            ticket=self.ticket, field=TriageField.SENTIMENT, value="neutral", source="rules",
            state="applied", reasoning="No tone words found.",
        )  # fmt: skip
        self.world.network.escalation_steps.create(target=self.world.hardware, position=1)
        Ticket.objects.filter(pk=self.ticket.pk).update(team=self.world.network)
        self.ticket.refresh_from_db()
        ticket_escalate(ticket=self.ticket, actor=self.world.actor(self.world.lead), reason="")
        words = self.page(self.ticket.get_absolute_url())
        self.assertIn("Keine Wörter gefunden, die den Ton angeben.", words)
        self.assertIn("Eskaliert an Hardware, die nächste Stufe des Eskalationswegs.", words)
        self.assertNotIn("next step of the path", words)
        event = TicketEvent.objects.filter(ticket=self.ticket, field="team").order_by("-sequence")[0]
        self.assertEqual(event.reason, "Escalated to Hardware, the next step of the path.")

    def test_a_bulk_change_is_shown_in_german(self) -> None:
        """What was asked for, and why a ticket stayed as it was."""
        action = BulkAction.objects.create(
            owner=self.world.lead, words="set the priority to high", changed=[],
            failures={self.ticket.reference: "The macro belongs to another client."},
        )  # fmt: skip
        words = self.page(reverse("desk:bulk-done", args=[action.uuid]))
        self.assertIn("Priorität auf Hoch setzen", words)
        self.assertIn("Das Makro gehört einem anderen Mandanten.", words)
