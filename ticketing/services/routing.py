"""Which team gets a ticket and how urgent it is (C17): rules, default team, fallback, escalation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F, Q
from django.utils import timezone

from common.memory import ShortMemory
from teams.choices import TeamKind
from teams.models import Client, Team
from teams.selectors import calendar_is_open
from ticketing.choices import PRIORITY_OF_SEVERITY, PRIORITY_ORDER, Priority, Severity
from ticketing.models import Category, RoutingRule, Taxonomy


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingInput:
    """What is known when a ticket is routed. Confidences are in [0, 1]."""

    client: Client
    taxonomy: Taxonomy
    category: str
    category_confidence: float
    severity: str
    severity_confidence: float
    text: str
    channel: str = ""
    extracted_fields: frozenset[str] = frozenset()
    alternative_categories: Sequence[str] = ()
    now: datetime
    toggled_rule_id: int | None = None
    """A rule that counts as switched the other way: to see what it would do before it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingDecision:
    """The answer, its reasons, and what else was possible."""

    team: Team | None
    priority: str
    confidence: float
    reasoning: str
    alternatives: list[dict[str, str]] = field(default_factory=list)
    escalation_path: list[str] = field(default_factory=list)
    rule_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Choice:
    team: Team | None
    confidence: float
    reason: str
    rule: RoutingRule | None = None


_categories: ShortMemory[Category | None] = ShortMemory()
_rules: ShortMemory[list[RoutingRule]] = ShortMemory()
_paths: ShortMemory[list[str]] = ShortMemory()


def route_decide(*, given: RoutingInput) -> RoutingDecision:
    """Rules in order, else the category's default team, else the fallback team; then escalation.

    A rule's confidence is that of the predictions its conditions rest on: a hit proves nothing about them.
    """
    category = _category(given)
    choice = _by_rule(given) or _by_default(given, category) or _fallback(given)
    escalated = _escalate(given, choice)
    final = escalated or choice
    priority = priority_for(given, final.rule or choice.rule, raised=escalated is not None)
    return RoutingDecision(
        team=final.team,
        priority=priority,
        confidence=round(final.confidence, 4),
        reasoning=f"{final.reason} Priority {priority}, from severity {given.severity or 'unknown'}.",
        alternatives=_alternatives(given, final, choice),
        escalation_path=_path(final.team),
        rule_id=choice.rule.pk if choice.rule else None,
    )


def _category(given: RoutingInput) -> Category | None:
    rows = Category.objects.filter(taxonomy=given.taxonomy, slug=given.category)
    key = (_database(), given.taxonomy.pk, given.category)
    return _categories.get(key, rows.select_related("default_team").first)


def _rules_in_order(given: RoutingInput) -> list[RoutingRule]:
    """The rules of a client, seconds old at most; anew for a trial, which turns one of them round."""
    rows = (
        RoutingRule.objects.for_client(given.client.pk)
        .filter(_in_use(given.toggled_rule_id), team__in=Team.objects.for_client(given.client.pk))
        .select_related("team__calendar")
        .order_by("order", "pk")
    )
    if given.toggled_rule_id is not None:
        return list(rows)
    return _rules.get((_database(), given.client.pk), lambda: list(rows))


def _database() -> str:
    return str(connection.settings_dict["NAME"])


def _by_rule(given: RoutingInput) -> _Choice | None:
    for rule in _rules_in_order(given):
        if rule.taxonomy_id not in {None, given.taxonomy.pk}:
            continue
        confidence = rule_confidence(rule.conditions, given, rule.team)
        if confidence is not None:
            return _Choice(rule.team, confidence, f"Rule “{rule.name}” matched.", rule)
    return None


def _in_use(toggled_id: int | None) -> Q:
    active = Q(is_active=True)
    return active if toggled_id is None else active ^ Q(pk=toggled_id)


def rule_confidence(conditions: Mapping[str, Any], given: RoutingInput, team: Team) -> float | None:
    """How sure a rule's match is: None when a condition fails, else the weakest prediction it rests on.

    Business hours are those of ``team``, to which the rule leads.
    """
    hours = conditions.get("business_hours")
    if not (_facts_match(conditions, given) and _hours_match(hours, team, given.now)):
        return None
    confidence = 1.0
    predicted = (
        ("categories", given.category, given.category_confidence),
        ("severities", given.severity, given.severity_confidence),
    )
    for name, value, sure in predicted:
        if conditions.get(name):
            if value not in conditions[name]:
                return None
            confidence = min(confidence, sure)
    return confidence


def _facts_match(conditions: Mapping[str, Any], given: RoutingInput) -> bool:
    """The conditions that rest on no prediction: channel, extracted fields, words of the text."""
    channels, fields = conditions.get("channels"), conditions.get("extracted_fields")
    if channels and given.channel not in channels:
        return False
    if fields and not given.extracted_fields.intersection(fields):
        return False
    words = conditions.get("keywords")
    text = given.text.casefold()
    # A blank word stands in every text; it is a slip in a list, not a condition.
    return not words or any(
        word in text for given_word in words if (word := str(given_word).casefold().strip())
    )


def _hours_match(wanted: bool | None, team: Team, now: datetime) -> bool:
    """A team without a calendar is always at work."""
    if wanted is None:
        return True
    return wanted == (team.calendar is None or calendar_is_open(team.calendar, now=now))


def _by_default(given: RoutingInput, category: Category | None) -> _Choice | None:
    team = category.default_team if category else None
    if team is None or not team.is_active or team.client_id not in {None, given.client.pk}:
        return None
    name = category.name if category else ""
    return _Choice(team, given.category_confidence, f"{team.name} is the default team of {name}.")


def _fallback(given: RoutingInput) -> _Choice:
    settings = given.client.ticketing_settings
    team = _serving(given.client, settings.fallback_team) or _team_of_kind(given.client, TeamKind.FALLBACK)
    reason = "No rule and no default team applies; the fallback team looks at it."
    return _Choice(team, given.category_confidence, reason)


def _serving(client: Client, team: Team | None) -> Team | None:
    """A team that settings name, if it is in use and not another client's."""
    serves = team is not None and team.is_active and team.client_id in {None, client.pk}
    return team if serves else None


def _team_of_kind(client: Client, kind: str) -> Team | None:
    return (
        Team.objects.for_client(client.pk)
        .filter(kind=kind, is_active=True)
        .order_by(F("client_id").asc(nulls_last=True), "pk")
        .first()
    )


def _escalate(given: RoutingInput, choice: _Choice) -> _Choice | None:
    """Critical goes to the escalation team unless the chosen team has a path of its own."""
    if given.severity != Severity.CRITICAL:
        return None
    if choice.team is not None and _path(choice.team):
        return None
    own = _serving(given.client, given.client.ticketing_settings.escalation_team)
    team = own or _team_of_kind(given.client, TeamKind.ESCALATION)
    if team is None or team == choice.team:
        return None
    confidence = min(choice.confidence, given.severity_confidence)
    return _Choice(team, confidence, f"Critical tickets go to {team.name}.")


def priority_for(given: RoutingInput, rule: RoutingRule | None, *, raised: bool) -> str:
    """The priority: the rule's, else that of the severity, moved by the rule and by an escalation."""
    if rule is not None and rule.priority:
        return rule.priority
    base = PRIORITY_OF_SEVERITY.get(given.severity, Priority.NORMAL)
    steps = (rule.priority_modifier if rule else 0) + (1 if raised else 0)
    position = PRIORITY_ORDER.index(base) + steps
    return PRIORITY_ORDER[max(0, min(position, len(PRIORITY_ORDER) - 1))]


def _path(team: Team | None) -> list[str]:
    if team is None:
        return []
    steps = team.escalation_steps.filter(target__is_active=True).order_by("position")
    slugs = steps.values_list("target__slug", flat=True)
    return _paths.get((_database(), team.pk), lambda: list(slugs))


def _alternatives(given: RoutingInput, final: _Choice, choice: _Choice) -> list[dict[str, str]]:
    found: dict[str, str] = {}
    if choice.team is not None and choice.team != final.team:
        found[choice.team.slug] = choice.reason
    rows = Category.objects.filter(
        taxonomy=given.taxonomy, slug__in=list(given.alternative_categories), default_team__isnull=False
    ).select_related("default_team")
    by_slug = {row.slug: row for row in rows}
    for slug in given.alternative_categories:
        row = by_slug.get(slug)
        if row is None or row.default_team is None or row.default_team == final.team:
            continue
        if row.default_team.is_active and row.default_team.client_id in {None, given.client.pk}:
            found.setdefault(row.default_team.slug, f"If it is {row.name}.")
    return [{"team": team, "reason": reason} for team, reason in list(found.items())[:3]]


def rule_hit(*, rule_id: int) -> None:
    """Count one more ticket routed by a rule; exact however many count at once."""
    RoutingRule.objects.filter(pk=rule_id).update(hit_count=F("hit_count") + 1, last_hit_at=timezone.now())
