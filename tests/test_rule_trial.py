"""A routing rule tried on past tickets before it decides anything (R2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from classifier.models import ExtractedField
from teams.choices import TeamKind
from teams.models import Team
from ticketing.models import RoutingRule, Taxonomy, Ticket
from ticketing.services.routing import rule_hit
from ticketing.services.rule_trial import Trial, rule_try
from ticketing.tests.world import World


class RuleTrialTests(TestCase):
    """The page, its figures, and who sees what."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        for user in (cls.world.lead, cls.world.stranger):
            user.is_staff = True
            user.save()
        cls.rule = RoutingRule.objects.create(
            client=cls.world.client_a, slug="vpn", name="VPN", order=50, team=cls.world.hardware,
            conditions={"keywords": ["vpn"]},
        )  # fmt: skip
        cls.ticket = cls.world.triage(cls.world.ticket(), state="applied")

    def setUp(self) -> None:
        self.client.force_login(self.world.lead)
        self.url = reverse("admin:ticketing_routingrule_trial", args=[self.rule.pk])

    def tried(self, rule: RoutingRule | None = None) -> Trial:
        """By the lead of client A."""
        return rule_try(rule=rule or self.rule, actor=self.world.actor(self.world.lead), now=timezone.now())

    def form(self, **changes: Any) -> dict[str, Any]:
        """What the form of the rule sends."""
        return {
            "name": "VPN", "slug": "vpn", "client": self.world.client_a.pk, "order": 50, "is_active": "on",
            "team": self.world.hardware.pk, "priority_modifier": 0, "keywords": "vpn",
            "business_hours": "unknown", **changes,
        }  # fmt: skip

    def test_it_counts_what_it_decides_and_lists_what_differs(self) -> None:
        """R2: team and priority, against what the ticket has."""
        self.world.triage(self.world.ticket("Printer", body="No paper."), state="applied")
        trial = self.tried()
        self.assertEqual((trial.looked_at, len(trial.decided)), (2, 1))
        self.assertEqual([(row.ticket, row.team) for row in trial.differences], [
            (self.ticket, self.world.hardware)])  # fmt: skip
        page = self.client.get(self.url)
        self.assertContains(page, "1 of 2 tickets would be decided by this rule")
        self.assertContains(page, self.ticket.reference)

    def test_unsaved_values_are_tried_and_nothing_is_saved(self) -> None:
        """R2: before saving; a new rule as well as a stored one."""
        self.assertContains(self.client.post(self.url, self.form(keywords="paper")), "0 of 1 tickets")
        new = reverse("admin:ticketing_routingrule_trial_new")
        self.assertContains(self.client.post(new, self.form(slug="new")), "1 more match")
        self.rule.refresh_from_db()
        self.assertEqual((self.rule.conditions, self.rule.hit_count), ({"keywords": ["vpn"]}, 0))
        self.assertEqual(RoutingRule.objects.count(), 1)
        self.assertEqual(Ticket.objects.get().team, self.world.network)

    def test_what_cannot_be_tried_is_said(self) -> None:
        """STYLE 12: field by field."""
        page = self.client.post(self.url, self.form(team=""))
        self.assertContains(page, "cannot be tried yet")
        self.assertContains(page, "This field is required.")

    def test_an_earlier_rule_decides_first(self) -> None:
        """C17: the first match decides, here as in routing."""
        RoutingRule.objects.create(slug="first", name="First", order=1, team=self.world.network)
        trial = self.tried()
        self.assertEqual((len(trial.decided), trial.earlier), (0, 1))

    def test_critical_tickets_go_on_to_the_escalation_team(self) -> None:
        """C17: the rule's team has no path."""
        high = Team.objects.create(slug="high", name="High", kind=TeamKind.ESCALATION)
        Ticket.objects.update(severity="critical")
        (row,) = self.tried().differences
        self.assertEqual((row.team, row.priority), (high, "urgent"))

    def test_extracted_fields_are_judged(self) -> None:
        """R2: what triage found in the text."""
        self.rule.conditions = {"extracted_fields": ["error_code"]}
        self.assertEqual(self.tried().decided, [])
        ExtractedField.objects.create(
            ticket=self.ticket, name="error_code", value="E1", confidence=1, source="rules"
        )
        self.assertEqual(self.tried().decided, [self.ticket])

    def test_only_the_last_thirty_days_count(self) -> None:
        """R2: what was long ago says little."""
        Ticket.objects.update(created_at=timezone.now() - timedelta(days=31))
        self.assertEqual(self.tried().looked_at, 0)

    def test_a_shared_rule_shows_a_lead_no_ticket_of_another_client(self) -> None:
        """T10: neither counted nor named."""
        RoutingRule.objects.update(client=None)
        self.world.ticket("Zebra VPN", user=self.world.stranger, client=self.world.client_b)
        page = self.client.get(self.url)
        self.assertNotContains(page, "Zebra")
        self.assertContains(page, "1 of 1 tickets")
        change = reverse("admin:ticketing_routingrule_change", args=[self.rule.pk])
        self.assertNotContains(self.client.get(change), "Zebra")

    def test_strangers_find_nothing(self) -> None:
        """T10: another client's lead, an agent, nobody."""
        self.client.force_login(self.world.stranger)
        self.assertEqual(self.client.get(self.url).status_code, 404)
        for user in (self.world.agent, None):
            self.client.logout()
            if user:
                self.client.force_login(user)
            self.assertEqual(self.client.get(self.url).status_code, 302)

    def test_the_number_of_queries_is_constant(self) -> None:
        """R2: with 20 tickets and five rules as with one of each."""
        before = self.cost()
        for number in range(20):
            self.world.triage(self.world.ticket(f"VPN {number}"), state="applied")
        for number in range(5):
            RoutingRule.objects.create(
                slug=f"r{number}", name="R", order=1, team=self.world.hardware,
                conditions={"business_hours": False},
            )  # fmt: skip
        self.assertEqual(self.cost(), before)

    def cost(self) -> int:
        """Queries of one trial."""
        with CaptureQueriesContext(connection) as seen:
            self.tried(RoutingRule.objects.select_related("team__calendar").get(pk=self.rule.pk))
        return len(seen)

    def test_the_order_is_changed_in_the_list(self) -> None:
        """R2: without opening each rule; hits and the last of them stand beside it."""
        rule_hit(rule_id=self.rule.pk)
        url = reverse("admin:ticketing_routingrule_changelist")
        self.assertContains(self.client.get(url), 'name="form-0-order"')
        data = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": self.rule.pk,
                "form-0-order": 7, "_save": "Save"}  # fmt: skip
        self.client.post(url, data)
        self.rule.refresh_from_db()
        self.assertEqual((self.rule.order, self.rule.hit_count), (7, 1))
        self.assertEqual(self.rule.conditions, {"keywords": ["vpn"]})
        self.assertIsNotNone(self.rule.last_hit_at)

    def test_a_lead_does_not_move_a_shared_rule_in_the_list(self) -> None:
        """R3: it serves every client, so an administrator does."""
        RoutingRule.objects.update(client=None)
        data = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": self.rule.pk,
                "form-0-order": 7, "_save": "Save"}  # fmt: skip
        self.client.post(reverse("admin:ticketing_routingrule_changelist"), data)
        self.rule.refresh_from_db()
        self.assertEqual(self.rule.order, 50)

    def test_a_rule_of_another_taxonomy_says_why_nothing_was_tried(self) -> None:
        """R2: "0 of 0" would look like a rule that catches nothing."""
        other = Taxonomy.objects.create(name="Shop floor", slug="shop_floor", client=self.world.client_a)
        RoutingRule.objects.filter(pk=self.rule.pk).update(taxonomy=other)
        page = self.client.get(self.url)
        assert page.context["trial"].of_other_taxonomies == 1
        self.assertContains(page, "The rule is for the taxonomy “Shop floor”")
        self.assertNotContains(page, "0 of 0")

    def test_a_shared_rule_shows_its_conditions_to_whoever_may_only_look(self) -> None:
        """R2: a lead reads what a rule of all clients asks for, and that it is not the lead's to change."""
        conditions = {"keywords": ["stolen", "lost"], "severities": ["high"], "business_hours": False}
        RoutingRule.objects.filter(pk=self.rule.pk).update(client=None, conditions=conditions)
        page = self.client.get(reverse("admin:ticketing_routingrule_change", args=[self.rule.pk]))
        for words in ("stolen, lost", "<strong>Severities:</strong> High", "Only outside working hours",
                      "shared by all clients"):  # fmt: skip
            self.assertContains(page, words)

    def test_the_hours_of_a_rule_are_named(self) -> None:
        """The choice says what it does instead of "Unknown, Yes, No", and keeps what was chosen."""
        RoutingRule.objects.filter(pk=self.rule.pk).update(conditions={"business_hours": True})
        page = self.client.get(reverse("admin:ticketing_routingrule_change", args=[self.rule.pk]))
        self.assertContains(page, '<option value="true" selected>Only in working hours</option>', html=True)
        self.assertNotContains(page, "Unknown")


class ReferenceApiTests(TestCase):
    """Teams and rules over the API; strangers are proved in the access matrix."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def setUp(self) -> None:
        self.client.force_login(self.world.lead)

    def test_a_lead_makes_a_team_and_says_how_it_gives_out_tickets(self) -> None:
        """A1, R1: created, changed, listed; an agent may only read."""
        made = self.client.post(
            "/api/v1/teams",
            {"slug": "night", "name": "Night", "strategy": "least_load"},
            content_type="application/json",
        )
        self.assertEqual(made.status_code, 201)
        url = f"/api/v1/teams/{made.json()['id']}"
        changed = self.client.patch(
            url,
            {"skills_mode": "require", "absence_policy": "after", "absence_hours": 2},
            content_type="application/json",
        )
        self.assertEqual(changed.json()["absence_hours"], 2)
        self.assertIn("night", [row["slug"] for row in self.client.get("/api/v1/teams").json()["results"]])
        self.client.force_login(self.world.agent)
        self.assertEqual(self.client.get(url).status_code, 200)
        refused = self.client.patch(url, {"name": "Mine"}, content_type="application/json")
        self.assertEqual(refused.status_code, 403)

    def test_a_rule_made_over_the_api_has_its_counters(self) -> None:
        """A1, R2: conditions are checked by shape."""
        body = {"slug": "r", "name": "R", "team": "network_team", "conditions": {"keywords": ["vpn"]}}
        made = self.client.post("/api/v1/routing-rules", body, content_type="application/json")
        self.assertEqual((made.status_code, made.json()["hit_count"]), (201, 0))
        self.assertIsNone(made.json()["last_hit_at"])
        body |= {"slug": "s", "conditions": {"channels": ["pigeon"]}}
        refused = self.client.post("/api/v1/routing-rules", body, content_type="application/json")
        self.assertEqual(refused.status_code, 400)
