"""Watched figures become alerts: raised once, told once, resolved once; bounds take effect (S7, O7)."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

from axes.models import AccessAttempt
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import TestCase, TransactionTestCase, override_settings
from django.utils import timezone

from classifier.models import LlmCall, WorkflowRun
from common.registries import Indicator, Reading, indicators
from teams.choices import Scope
from teams.models import Alert, ApiKey, Notification, NotificationTarget
from teams.services.alerts import alert_raise, alert_resolve
from teams.services.keys import api_key_issue, api_key_revoke, api_key_use
from teams.services.notifications import notifications_deliver
from teams.services.targets import target_save
from teams.services.watch import alerts_evaluate, download_note
from ticketing.models import Ticket
from ticketing.tests.world import World


class WatchCase(TestCase):
    """Rows to measure."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.ticket = cls.world.ticket()

    def setUp(self) -> None:
        self.now = timezone.now()

    def runs(self, count: int, **values: Any) -> None:
        """Triage runs that ended a minute ago."""
        given = {
            "state": "completed",
            "duration_ms": 500,
            "finished_at": self.now - timedelta(minutes=1),
            **values,
        }
        WorkflowRun.objects.bulk_create(
            WorkflowRun(
                client=self.ticket.client, ticket=self.ticket, content_hash=uuid4().hex,
                configuration_hash="x",
                **given,
            )
            for _ in range(count)
        )  # fmt: skip

    def open_rules(self) -> set[str]:
        """Evaluate, and name the rules with an open alert but the disk's, which depends on the machine."""
        alerts_evaluate(now=timezone.now())
        return set(Alert.objects.filter(state="open").exclude(rule="disk").values_list("rule", flat=True))


class RuleTests(WatchCase):
    """Each rule at and beyond its bound."""

    def test_quiet(self) -> None:
        """Nothing to measure raises nothing."""
        self.assertEqual(self.open_rules(), set())

    def test_one_failed_run_of_one_says_nothing(self) -> None:
        """S7: a share needs a sample."""
        self.runs(1, state="stuck")
        self.assertEqual(self.open_rules(), set())

    def test_failure_and_success_rate(self) -> None:
        """S7: failures > 5 %, success < 99 %."""
        self.runs(94)
        self.runs(5, state="stuck")
        self.assertEqual(self.open_rules(), {"success_rate", "failure_rate"})
        self.assertEqual(Alert.objects.get(rule="failure_rate").severity, "critical")

    @override_settings(ALERT_ON_FAILURE_RATE=0.5)
    def test_the_bound_of_failures_is_a_setting(self) -> None:
        """O6: ALERT_ON_FAILURE_RATE takes effect."""
        self.runs(94)
        self.runs(5, state="stuck")
        self.assertEqual(self.open_rules(), {"success_rate"})

    def test_slow_processing(self) -> None:
        """S7: mean > 10 s, 95th percentile > 15 s."""
        self.runs(30, duration_ms=10_001)
        self.assertEqual(self.open_rules(), {"mean_latency"})
        self.runs(10, duration_ms=16_000)
        self.assertEqual(self.open_rules(), {"mean_latency", "p95_latency"})

    @override_settings(ALERT_ON_SLOW_PROCESSING=0.2)
    def test_the_bound_of_slowness_is_a_setting(self) -> None:
        """O6: ALERT_ON_SLOW_PROCESSING moves the mean's bound and the percentile's with it."""
        self.runs(30)
        self.assertEqual(self.open_rules(), {"mean_latency", "p95_latency"})

    def test_queue_depth_and_cost(self) -> None:
        """S7: more than 200 waiting runs; more than ten cents a ticket."""
        self.runs(200, state="pending", finished_at=None)
        self.runs(20, cost="0.10")
        self.assertEqual(self.open_rules(), set())
        self.runs(1, state="pending", finished_at=None)
        self.runs(1, cost="1.00")
        self.assertEqual(self.open_rules(), {"queue_depth", "cost_per_ticket"})

    def test_llm_failures(self) -> None:
        """S7: more than 2 % of calls."""
        LlmCall.objects.bulk_create(
            LlmCall(client=self.ticket.client, provider="p", model="m", outcome=outcome)
            for outcome in ["ok"] * 48 + ["timeout"]
        )
        self.assertEqual(self.open_rules(), {"llm_failures"})

    def test_failures_of_an_evaluation_alarm_nobody(self) -> None:
        """S7, C25: a prompt on trial may fail as often as it likes."""
        LlmCall.objects.bulk_create(
            LlmCall(
                client=self.ticket.client, provider="p", model="m", outcome="refusal", purpose="evaluation"
            )
            for _ in range(60)
        )
        self.assertEqual(self.open_rules(), set())

    def test_mood_and_critical_tickets_by_client(self) -> None:
        """S7: > 20 % negative, > 5 open critical; the alert belongs to the client."""
        tickets = [self.world.ticket() for _ in range(25)]
        Ticket.objects.update(sentiment="neutral")
        for ticket in tickets[:6]:
            Ticket.objects.filter(pk=ticket.pk).update(sentiment="negative", severity="critical")
        self.assertEqual(self.open_rules(), {"negative_sentiment", "critical_tickets"})
        self.assertEqual(
            {alert.client for alert in Alert.objects.all() if alert.client}, {self.world.client_a}
        )

    def test_disk(self) -> None:
        """S7: 80 % warns, 90 % is critical, told again when it gets worse."""
        with mock.patch("config.indicators.shutil.disk_usage") as usage:
            usage.return_value = mock.Mock(used=85, total=100)
            alerts_evaluate(now=self.now)
            self.assertEqual(Alert.objects.get(rule="disk").severity, "warning")
            usage.return_value = mock.Mock(used=91, total=100)
            alerts_evaluate(now=self.now)
            self.assertEqual(Alert.objects.get(rule="disk").severity, "critical")
            usage.return_value = mock.Mock(used=60, total=100)
            alerts_evaluate(now=self.now)
        self.assertEqual(Alert.objects.get(rule="disk").state, "resolved")

    def test_login_bursts(self) -> None:
        """S7."""
        for number in range(4):
            AccessAttempt.objects.create(
                username=f"u{number}", ip_address="10.0.0.1", failures_since_start=9, attempt_time=self.now
            )
        self.assertEqual(self.open_rules(), {"login_failures"})

    def test_keys_that_are_old_or_misused(self) -> None:
        """O7: 90 days; S7: a revoked key that is still used."""
        lead = self.world.actor(self.world.lead)
        issued = api_key_issue(client=self.world.client_a, name="shop", scopes=[Scope.CLASSIFY], actor=lead)
        ApiKey.objects.update(created_at=self.now - timedelta(days=91))
        self.assertEqual(self.open_rules(), {"key_age"})
        api_key_revoke(key=issued.key, actor=lead)
        self.assertEqual(self.open_rules(), set())
        for _ in range(50):
            self.assertIsNone(api_key_use(secret=issued.secret, now=self.now))
        misuse = Alert.objects.get(rule="key_misuse")
        self.assertEqual((misuse.severity, misuse.count, misuse.client), ("critical", 1, self.world.client_a))
        alerts_evaluate(now=self.now + timedelta(hours=25))
        misuse.refresh_from_db()
        self.assertEqual(misuse.state, "resolved")

    @override_settings(ALERT_ON_DOWNLOADS=3)
    def test_mass_downloads(self) -> None:
        """S7: one person who takes very many files."""
        cache.clear()
        actor = self.world.actor(self.world.agent)
        for number in range(6):
            download_note(actor=actor, now=self.now)
            self.assertEqual(Alert.objects.filter(rule="mass_download").exists(), number >= 3)
        self.assertEqual(Alert.objects.get(rule="mass_download").count, 1)


class LifeTests(WatchCase):
    """Raised once, told once, resolved once."""

    def test_an_alert_is_told_once_and_its_end_once(self) -> None:
        """S7: targets that want alerts; nothing is repeated with every evaluation."""
        target_save(target=NotificationTarget(address="house@example.org"))
        self.runs(30, state="stuck")
        for _ in range(3):
            self.open_rules()
        notifications_deliver(now=timezone.now())
        subjects = [message.subject for message in mail.outbox]
        self.assertEqual(len([text for text in subjects if "failure rate" in text]), 1)
        self.assertEqual(Alert.objects.get(rule="failure_rate").count, 3)
        WorkflowRun.objects.update(state="completed")
        self.open_rules()
        self.open_rules()
        notifications_deliver(now=timezone.now())
        ended = [message.subject for message in mail.outbox if message.subject.startswith("Resolved")]
        self.assertEqual(len([text for text in ended if "failure rate" in text]), 1)

    def test_a_value_that_hovers_at_the_bound_does_not_flap(self) -> None:
        """S7: an alert is over only well within the bound; one that came back is a new one."""
        values = iter([101, 99, 95, 101, 89, 101])
        indicator = Indicator("Depth", lambda now: [Reading(next(values))], lambda: 100)
        states = []
        with mock.patch.object(indicators, "_items", {"depth": indicator}):
            for _ in range(6):
                alerts_evaluate(now=self.now)
                states.append([alert.state for alert in Alert.objects.filter(rule="depth").order_by("pk")])
        self.assertEqual(states[:4], [["open"]] * 4)
        self.assertEqual(states[4:], [["resolved"], ["resolved", "open"]])

    def test_a_share_that_should_be_high_eases_upwards(self) -> None:
        """99 % is the bound, 99.1 % is well within it."""
        indicator = Indicator("Success", lambda now: [], lambda: 0.99, direction="below")
        self.assertEqual([indicator.eased(value) for value in (0.98, 0.9905, 0.992)], [False, False, True])

    def test_an_indicator_that_breaks_blinds_no_other(self) -> None:
        """S7."""
        broken = Indicator("Broken", mock.Mock(side_effect=RuntimeError), lambda: 1)
        good = Indicator("Good", lambda now: [Reading(2)], lambda: 1)
        with mock.patch.object(indicators, "_items", {"broken": broken, "good": good}):
            self.assertEqual(self.open_rules(), {"good"})


class TwoEvaluatorTests(TransactionTestCase):
    """Two schedulers at once."""

    def together(self, work: Any) -> None:
        """Run it in four threads at the same moment."""
        start, problems = threading.Barrier(4), []

        def run() -> None:
            start.wait()
            try:
                work()
            except Exception as error:
                problems.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])

    def test_they_raise_tell_and_resolve_once(self) -> None:
        """S7: raised once, resolved once."""
        target_save(target=NotificationTarget(address="house@example.org"))
        now = timezone.now()
        self.together(lambda: alert_raise(rule="r", message="Too slow.", now=now))
        self.assertEqual(Alert.objects.count(), 1)
        self.assertEqual(Notification.objects.filter(kind="alert.raised").count(), 1)
        self.together(lambda: alert_resolve(rule="r", now=now))
        self.assertEqual(Notification.objects.filter(kind="alert.resolved").count(), 1)


def test_every_rule_is_in_the_reference() -> None:
    """``docs/reference/alerts.md`` names every indicator and every rule raised where it happens."""
    text = (Path(__file__).resolve().parents[1] / "docs" / "reference" / "alerts.md").read_text(
        encoding="utf-8"
    )
    rules = {name for name, _ in indicators.items()} | {"key_misuse", "mass_download", "notification_target"}
    assert [rule for rule in sorted(rules) if f"`{rule}`" not in text] == []
