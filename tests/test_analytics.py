"""The dashboard's figures over the API: for leads, of their clients, in constant queries (O5)."""

from __future__ import annotations

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from classifier.choices import Purpose
from classifier.models import WorkflowRun
from common.actors import system_actor
from config.dashboard import dashboard
from sla.services.defaults import defaults_load
from teams.choices import Scope
from teams.services.keys import api_key_issue
from ticketing.models import Ticket
from ticketing.services.conversation import NewMessage, message_add
from ticketing.tests.world import World

URL = "/api/v1/admin/analytics"
FIELDS = {
    "tickets", "by_category", "by_severity", "by_sentiment", "success_rate", "avg_processing_time",
    "review_rate", "cost", "sla", "accuracy_sample",
}  # fmt: skip


class AnalyticsTests(TestCase):
    """``GET admin/analytics`` and ``GET metrics``."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = world = World()
        defaults_load()
        first = world.ticket("One")
        world.ticket("Foreign", client=world.client_b, user=world.stranger)
        Ticket.objects.filter(pk=first.pk).update(severity="critical", sentiment="negative")
        message_add(ticket=first, new=NewMessage(body="Hello."), actor=world.actor(world.agent))
        for state, duration in (("completed", 2000), ("completed", 4000), ("stuck", None)):
            WorkflowRun.objects.create(
                ticket=first, client=first.client, purpose=Purpose.TRIAGE, state=state, duration_ms=duration,
                content_hash=f"{state}{duration}", configuration_hash="x", cost="0.25",
            )  # fmt: skip

    def setUp(self) -> None:
        self.api = APIClient()

    def test_a_lead_gets_the_figures_of_the_dashboard(self) -> None:
        """API: every field of the contract, of the lead's clients only."""
        self.api.force_authenticate(self.world.lead)
        answer = self.api.get(URL, {"days": 7})
        self.assertEqual(answer.status_code, 200)
        found = answer.json()
        self.assertLessEqual(FIELDS, set(found))
        self.assertEqual((found["tickets"], found["by_severity"]), (1, {"critical": 1}))
        self.assertEqual((found["by_sentiment"], found["by_category"]), ({"negative": 1}, {"": 1}))
        self.assertEqual((found["success_rate"], found["avg_processing_time"]), (0.6667, 3.0))
        self.assertEqual((found["cost"], found["sla"]["met"], found["sla"]["attainment"]), (0.75, 1, 1.0))
        self.assertEqual(found["accuracy_sample"], {"answers": 0, "accuracy": None})
        page = dashboard(actor=self.world.actor(self.world.lead), now=timezone.now(), days=7)
        figures = {row.label: row for section in page["sections"] for row in section["figures"]}
        self.assertEqual(figures["Deadlines met"].count, found["sla"]["met"] + found["sla"]["missed"])

    def test_who_is_no_lead_is_refused(self) -> None:
        """API: 401 without a log-in, 403 with too little."""
        self.assertEqual(self.api.get(URL).status_code, 401)
        for user in (self.world.agent, self.world.requester):
            self.api.force_authenticate(user)
            self.assertEqual(self.api.get(URL).status_code, 403)

    def test_a_key_reads_its_client_and_no_other(self) -> None:
        """API: keys are bound to their client and need the scope; a foreign client is not found."""
        for scopes, status in (([Scope.METRICS], 200), ([Scope.TICKETS_READ], 403)):
            client = self.world.client_b
            issued = api_key_issue(client=client, name="x", scopes=scopes, actor=system_actor())
            self.api.credentials(HTTP_AUTHORIZATION=f"Bearer {issued.secret}")
            answer = self.api.get(URL)
            self.assertEqual(answer.status_code, status)
            if status == 200:
                self.assertEqual((answer.json()["tickets"], answer.json()["cost"]), (1, 0.0))
                own = self.api.get("/api/v1/metrics", {"client_id": client.slug})
                self.assertEqual(own.json()["tickets"], 1)
                foreign = self.api.get("/api/v1/metrics", {"client_id": self.world.client_a.slug})
                self.assertEqual(foreign.status_code, 404)
                self.assertEqual(self.api.get("/api/v1/metrics").status_code, 400)

    def test_the_period_is_bounded(self) -> None:
        """API: 1 to 365 days."""
        self.api.force_authenticate(self.world.lead)
        for days, status in (("0", 400), ("366", 400), ("x", 400), ("1", 200), ("365", 200)):
            self.assertEqual(self.api.get(URL, {"days": days}).status_code, status)

    def test_queries_do_not_grow_with_tickets(self) -> None:
        """API: 3 and 30 tickets take the same queries."""
        self.api.force_authenticate(self.world.lead)
        self.api.get(URL)
        counts = []
        for tickets in (3, 27):
            for number in range(tickets):
                self.world.ticket(f"Ticket {number}")
            with CaptureQueriesContext(connection) as seen:
                self.api.get(URL)
            counts.append(len(seen))
        self.assertEqual(counts[0], counts[1])
