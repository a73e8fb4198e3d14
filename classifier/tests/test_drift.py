"""Alerts when tickets stop being what the models learned (C26)."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

import pytest
from celery import current_app as app
from django.test import TestCase
from django.utils import timezone

from classifier.choices import ExampleSource, ReviewState
from classifier.models import LabelledExample, ReviewItem
from classifier.services.drift import Finding, drift_check
from classifier.services.examples import hash_of
from classifier.services.training import models_train
from classifier.tasks import check_drift
from classifier.tests.support import load_world, open_ticket
from teams.choices import AlertState
from teams.models import Alert, Client
from ticketing.models import Category, Taxonomy, Ticket
from ticketing.services.defaults import client_settings_ensure

pytestmark = pytest.mark.once


WORDS = {"network": "vpn wifi router cable", "hardware": "laptop screen keyboard battery"}
NOW = timezone.now()


class DriftTests(TestCase):
    """A taxonomy with tickets of five weeks."""

    @classmethod
    def setUpTestData(cls) -> None:
        load_world()
        cls.taxonomy = Taxonomy.objects.create(slug="small", name="Small")
        for slug, words in WORDS.items():
            category = Category.objects.create(taxonomy=cls.taxonomy, slug=slug, name=slug)
            for number in range(12):
                text = f"the {words} is broken in room {number}"
                LabelledExample.objects.create(
                    taxonomy=cls.taxonomy,
                    text=text,
                    text_hash=hash_of(text),
                    category=category,
                    source=ExampleSource.STARTER,
                )
        cls.owner = Client.objects.create(slug="small", name="Small client")
        client_settings_ensure(client=cls.owner, taxonomy_slug="small")
        models_train(taxonomy=cls.taxonomy)

    def setUp(self) -> None:
        patched = mock.patch("classifier.services.drift.ENOUGH_TICKETS", 10)
        patched.start()
        self.addCleanup(patched.stop)

    def tickets(self, slug: str, count: int, *, days: int, body: str = "the vpn is broken") -> list[Ticket]:
        """So many tickets of a category, so many days old."""
        category = Category.objects.get(taxonomy=self.taxonomy, slug=slug)
        made = [open_ticket(self.owner, body) for _ in range(count)]
        Ticket.objects.filter(pk__in=[ticket.pk for ticket in made]).update(
            category=category, created_at=NOW - timedelta(days=days)
        )
        return made

    def answers(self, right: int, wrong: int) -> None:
        """Blind answers of yesterday."""
        for number, ticket in enumerate(self.tickets("network", right + wrong, days=50)):
            ReviewItem.objects.create(
                ticket=ticket,
                client=self.owner,
                state=ReviewState.ACCEPTED if number < right else ReviewState.CORRECTED,
                is_blind=True,
                inclusion_probability=0.05,
                frozen={"category": {"value": "network"}},
                answer={"decisions": {"category": "network" if number < right else "hardware"}},
                reviewed_at=NOW - timedelta(days=1),
            )

    def found(self, rule: str) -> Finding:
        """One figure after a check."""
        findings = drift_check(taxonomy=self.taxonomy, now=NOW)
        return next(row for row in findings if row.rule == rule)

    def open_alerts(self) -> list[str]:
        """The rules with an open alert."""
        return list(Alert.objects.filter(state=AlertState.OPEN).values_list("rule", flat=True))

    def test_without_data_nothing_is_said(self) -> None:
        """C26: no figure is made up."""
        findings = drift_check(taxonomy=self.taxonomy, now=NOW)
        self.assertEqual([row.measured for row in findings], [None, None, None])
        self.assertEqual(self.open_alerts(), [])

    def test_a_blind_sample_clearly_below_the_target_is_an_alert(self) -> None:
        """C26: 14 of 24 is not bad luck."""
        self.answers(14, 10)
        finding = self.found("drift_accuracy")
        self.assertAlmostEqual(finding.measured or 0, 14 / 24)
        alert = Alert.objects.get(rule="drift_accuracy")
        self.assertEqual(alert.subject, "shared/small")
        self.assertIn("58%", alert.message)

    def test_a_blind_sample_that_may_be_bad_luck_is_none(self) -> None:
        """C26: 21 of 24 happens at 90 %."""
        self.answers(21, 3)
        self.assertFalse(self.found("drift_accuracy").is_out)
        self.assertEqual(self.open_alerts(), [])

    def test_a_shifted_mix_is_an_alert_that_ends_with_it(self) -> None:
        """C26: raised once, counted, resolved once."""
        for slug, now, before in (("network", 4, 20), ("hardware", 26, 20)):
            self.tickets(slug, now, days=2)
            self.tickets(slug, before, days=20)
        self.assertTrue(self.found("drift_mix").is_out)
        self.found("drift_mix")
        alert = Alert.objects.get(rule="drift_mix")
        self.assertEqual(alert.count, 2)
        self.assertIn("hardware has grown most", alert.message)
        self.tickets("network", 22, days=2)
        self.assertFalse(self.found("drift_mix").is_out)
        alert.refresh_from_db()
        self.assertEqual(alert.state, AlertState.RESOLVED)

    def test_words_the_model_does_not_know_are_an_alert(self) -> None:
        """C26: people write about something new."""
        self.tickets("network", 12, days=20)
        self.tickets("network", 12, days=2, body="zylophon quarbit flimsy borogove")
        finding = self.found("drift_words")
        self.assertGreater(finding.measured or 0, 0.4)
        self.assertEqual(self.open_alerts(), ["drift_words"])

    def test_the_same_words_are_none(self) -> None:
        """C26."""
        self.tickets("network", 12, days=20)
        self.tickets("network", 12, days=2)
        self.assertEqual(self.found("drift_words").measured, 0.0)
        self.assertEqual(self.open_alerts(), [])

    def test_it_is_checked_every_week(self) -> None:
        """C26: the schedule names a task that does it."""
        self.assertIn(check_drift.name, {entry["task"] for entry in app.conf.beat_schedule.values()})
        self.answers(5, 20)
        check_drift()
        self.assertEqual(self.open_alerts(), ["drift_accuracy"])
