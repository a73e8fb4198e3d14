"""Which team gets a ticket (C17)."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from django.test import TestCase

from teams.choices import TeamKind
from teams.models import BusinessCalendar, CalendarInterval, EscalationStep, Team
from ticketing.models import RoutingRule
from ticketing.services.routing import RoutingDecision, RoutingInput, route_decide
from ticketing.tests.world import World

MONDAY_NOON = datetime(2027, 6, 7, 12, 0, tzinfo=UTC)
MONDAY_NIGHT = datetime(2027, 6, 7, 22, 0, tzinfo=UTC)


class RoutingTests(TestCase):
    """Rules, default teams, fallback, escalation."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def route(self, **changes: Any) -> RoutingDecision:
        """Route a network ticket of client A, or what the changes say."""
        values: dict[str, Any] = {
            "client": self.world.client_a,
            "taxonomy": self.world.taxonomy,
            "category": "network",
            "category_confidence": 0.9,
            "severity": "medium",
            "severity_confidence": 0.7,
            "text": "The VPN drops.",
            "now": MONDAY_NOON,
        }
        return route_decide(given=RoutingInput(**{**values, **changes}))

    def test_the_hours_of_a_rule_are_those_of_its_own_team(self) -> None:
        """C17: another team's calendar says nothing."""
        night = BusinessCalendar.objects.create(slug="night", name="Night")
        CalendarInterval.objects.create(calendar=night, weekday=0, starts=time(20), ends=time(4))
        Team.objects.filter(pk=self.world.hardware.pk).update(calendar=night)
        day_team = Team.objects.create(
            slug="a_first", name="First", calendar=BusinessCalendar.objects.create(slug="never", name="Never")
        )
        rule = RoutingRule.objects.create(
            name="Night shift", team=self.world.hardware, conditions={"business_hours": True}
        )
        self.assertEqual(self.route(now=MONDAY_NIGHT).rule_id, rule.pk)
        self.assertEqual(self.route(now=MONDAY_NOON).team, self.world.network)
        self.assertNotEqual(self.route(now=MONDAY_NIGHT).team, day_team)

    def test_a_rule_is_as_sure_as_the_weakest_prediction_it_rests_on(self) -> None:
        """C17: a hit proves nothing of its conditions."""
        RoutingRule.objects.create(
            name="Grave",
            team=self.world.hardware,
            conditions={"categories": ["network"], "severities": ["medium"]},
        )
        self.assertEqual(self.route().confidence, 0.7)
        self.assertEqual(self.route(severity="low").team, self.world.network)

    def test_a_shared_rule_never_leads_to_a_team_of_another_client(self) -> None:
        """C17, A2: what the default team is asked, a rule is asked too."""
        foreign = Team.objects.create(slug="foreign", name="Foreign", client=self.world.client_b)
        RoutingRule.objects.create(name="Shared", slug="shared", team=foreign, conditions={})
        self.assertEqual(self.route().team, self.world.network)
        self.assertEqual(self.route(client=self.world.client_b).team, foreign)

    def test_a_fallback_of_another_client_is_none(self) -> None:
        """C17, A2: nor do the settings lead there."""
        foreign = Team.objects.create(slug="foreign", name="Foreign", client=self.world.client_b)
        settings = self.world.client_a.ticketing_settings
        settings.fallback_team = settings.escalation_team = foreign
        settings.save()
        self.assertNotEqual(self.route(category="unknown").team, foreign)
        self.assertNotEqual(self.route(severity="critical").team, foreign)

    def test_a_path_of_teams_out_of_use_is_no_path(self) -> None:
        """C17: a critical ticket would stay where it is, with nobody to escalate to."""
        closed = Team.objects.create(slug="closed", name="Closed", is_active=False)
        grave = Team.objects.create(slug="grave", name="Grave", kind=TeamKind.ESCALATION)
        EscalationStep.objects.create(team=self.world.network, target=closed, position=1)
        found = self.route(severity="critical")
        self.assertEqual((found.team, found.escalation_path), (grave, []))

    def test_an_empty_keyword_matches_nothing(self) -> None:
        """C17: a blank line in a list is no word, and no text is full of it."""
        RoutingRule.objects.create(name="Blank", team=self.world.hardware, conditions={"keywords": ["", " "]})
        self.assertEqual(self.route().team, self.world.network)

    def test_teams_that_were_put_out_of_use_get_nothing(self) -> None:
        """C17: neither as fallback nor for escalation."""
        closed = Team.objects.create(slug="x", name="X", kind=TeamKind.FALLBACK, is_active=False)
        Team.objects.create(slug="y", name="Y", kind=TeamKind.ESCALATION, is_active=False)
        settings = self.world.client_a.ticketing_settings
        settings.fallback_team = settings.escalation_team = closed
        settings.save()
        self.assertIsNone(self.route(category="unknown").team)
        self.assertEqual(self.route(severity="critical").team, self.world.network)

    def test_critical_is_escalated_unless_the_team_has_a_path(self) -> None:
        """C17: billing and critical stays with billing."""
        second = Team.objects.create(slug="second", name="Second")
        high = Team.objects.create(slug="high", name="High", kind=TeamKind.ESCALATION)
        self.assertEqual(self.route(severity="critical").team, high)
        self.assertEqual(self.route(severity="critical").priority, "urgent")
        EscalationStep.objects.create(team=self.world.network, target=second, position=1)
        decision = self.route(severity="critical")
        self.assertEqual((decision.team, decision.escalation_path), (self.world.network, ["second"]))
