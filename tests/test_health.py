"""Health and metrics (O3)."""

from __future__ import annotations

from unittest import mock

from django.db import OperationalError
from django.test import TestCase, override_settings
from rest_framework.test import APIClient

from config.health import checks
from ticketing.tests.world import World


def gone() -> tuple[str, str]:
    """A database that does not answer."""
    raise OperationalError


class HealthTests(TestCase):
    """The three calls and their short forms."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def test_anybody_may_ask_and_learns_little(self) -> None:
        """API.md: checks and metrics for staff only."""
        for path in ("/api/v1/health/live", "/api/v1/health/ready", "/api/v1/health", "/health"):
            answer = self.client.get(path)
            self.assertEqual(answer.status_code, 200, path)
            self.assertEqual(set(answer.json()), {"status", "service", "version", "timestamp"})

    def test_staff_see_every_check_and_the_day(self) -> None:
        """O3: database, broker, cache, storage, LLM, Zendesk, scheduler, last run, disk."""
        api = APIClient()
        api.force_authenticate(self.world.lead)
        answer = api.get("/api/v1/health").json()
        wanted = {"database", "broker", "cache", "storage", "llm", "zendesk", "scheduler", "last_run", "disk"}
        self.assertEqual(set(answer["checks"]), wanted)
        self.assertEqual(
            set(answer["metrics"]), {"success_rate_24h", "avg_latency_24h", "tickets_processed_24h"}
        )
        api.force_authenticate(self.world.requester)
        self.assertNotIn("checks", api.get("/api/v1/health").json())

    def test_without_the_database_it_is_unhealthy(self) -> None:
        """O3: 503."""
        with mock.patch.dict(checks.CHECKS, {"database": gone}):
            self.assertEqual(self.client.get("/api/v1/health/ready").status_code, 503)
            answer = self.client.get("/api/v1/health")
        self.assertEqual((answer.status_code, answer.json()["status"]), (503, "unhealthy"))

    def test_something_amiss_is_degraded_and_still_serves(self) -> None:
        """O3: one check that breaks is named and stops nothing."""
        with mock.patch.dict(checks.CHECKS, {"storage": gone}):
            answer = self.client.get("/api/v1/health")
        self.assertEqual((answer.status_code, answer.json()["status"]), (200, "degraded"))

    def test_metrics_are_behind_a_token_or_an_address(self) -> None:
        """API.md: to everybody else they do not exist."""
        far = {"REMOTE_ADDR": "203.0.113.9"}
        self.assertEqual(self.client.get("/metrics", **far).status_code, 404)
        self.assertContains(self.client.get("/metrics"), "classification_requests_total")
        with override_settings(METRICS_TOKEN="secret-token"):
            good = {"Authorization": "Bearer secret-token"}
            self.assertEqual(self.client.get("/metrics", headers=good, **far).status_code, 200)
            bad = {"Authorization": "Bearer other"}
            self.assertEqual(self.client.get("/metrics", headers=bad, **far).status_code, 404)
