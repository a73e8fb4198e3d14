"""What a routing rule would have done with tickets that are there, before it decides anything (R2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import QuerySet, prefetch_related_objects

from common.actors import Actor
from common.registries import ticket_panels
from teams.choices import TeamKind
from teams.models import EscalationStep, Team
from ticketing.choices import Severity
from ticketing.models import RoutingRule, Ticket
from ticketing.services.routing import RoutingInput, priority_for, rule_confidence

LOOKED_AT = 500
LOOKED_BACK = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Difference:
    """A ticket that the rule would have sent elsewhere or ranked otherwise."""

    ticket: Ticket
    team: Team
    priority: str


@dataclass(slots=True)
class Trial:
    """The newest tickets of 30 days under the rule."""

    looked_at: int
    of_other_taxonomies: int = 0
    """Tickets of the same days the rule is never asked of; counted where none is left to try it on."""
    matched: list[Ticket] = field(default_factory=list)
    decided: list[Ticket] = field(default_factory=list)
    """Matched, and no earlier rule decides them."""
    differences: list[Difference] = field(default_factory=list)

    @property
    def earlier(self) -> int:
        """How many it matches that an earlier rule decides."""
        return len(self.matched) - len(self.decided)


def rule_try(*, rule: RoutingRule, actor: Actor, now: datetime) -> Trial:
    """Try a rule, stored or not, on tickets the actor may see. Reads only, in a constant number of queries.

    Tickets are judged as they stand today: with the category and severity they have now, at the hour they
    came. A rule that is switched off is tried as if it were on.
    """
    tickets = _recent(rule, actor, now)
    extracted = _extracted(tickets)
    earlier = _earlier_rules(rule)
    prefetch_related_objects([rule.team], "calendar__intervals", "calendar__days")
    escalation = _Escalation(rule.team)
    trial = Trial(looked_at=len(tickets))
    if not tickets and rule.taxonomy_id is not None:
        trial.of_other_taxonomies = _of_period(rule, actor, now).count()
    for ticket in tickets:
        given = _given(ticket, extracted.get(ticket.pk, frozenset()))
        if not _holds(rule, given):
            continue
        trial.matched.append(ticket)
        if any(_holds(other, given) for other in earlier if other.client_id in {None, ticket.client_id}):
            continue
        trial.decided.append(ticket)
        team, raised = escalation.team_of(ticket)
        priority = priority_for(given, rule, raised=raised)
        if (team.pk, priority) != (ticket.team_id, ticket.priority):
            trial.differences.append(Difference(ticket, team, priority))
    return trial


def _of_period(rule: RoutingRule, actor: Actor, now: datetime) -> QuerySet[Ticket]:
    """Tickets of the days looked back on, of the rule's client where it has one."""
    rows = Ticket.objects.visible_to(actor).filter(created_at__gt=now - LOOKED_BACK)
    return rows if rule.client_id is None else rows.filter(client_id=rule.client_id)


def _recent(rule: RoutingRule, actor: Actor, now: datetime) -> list[Ticket]:
    rows = (
        _of_period(rule, actor, now)
        .select_related("category", "taxonomy", "team", "client__ticketing_settings__escalation_team")
        .order_by("-created_at", "-pk")
    )
    if rule.taxonomy_id is not None:
        rows = rows.filter(taxonomy_id=rule.taxonomy_id)
    return list(rows[:LOOKED_AT])


def _extracted(tickets: Sequence[Ticket]) -> Mapping[int, frozenset[str]]:
    """Names of the fields found in each ticket; triage keeps them, and hangs them up by name."""
    if "extracted_fields" not in ticket_panels:
        return {}
    found = ticket_panels.get("extracted_fields").load([ticket.pk for ticket in tickets])
    return {pk: frozenset(row["name"] for row in rows if not row["rejected"]) for pk, rows in found.items()}


def _earlier_rules(rule: RoutingRule) -> list[RoutingRule]:
    """Rules that are asked before this one; among equals a new one is the last."""
    rows = (
        RoutingRule.objects.filter(is_active=True, team__is_active=True, order__lte=rule.order)
        .exclude(pk=rule.pk)
        .select_related("team__calendar")
        .prefetch_related("team__calendar__intervals", "team__calendar__days")
    )
    return [row for row in rows if row.order < rule.order or rule.pk is None or row.pk < rule.pk]


def _given(ticket: Ticket, extracted: frozenset[str]) -> RoutingInput:
    return RoutingInput(
        client=ticket.client,
        taxonomy=ticket.taxonomy,
        category=ticket.category.slug if ticket.category else "",
        category_confidence=1.0,
        severity=ticket.severity,
        severity_confidence=1.0,
        text=f"{ticket.subject}\n\n{ticket.body}",
        channel=ticket.channel,
        extracted_fields=extracted,
        now=ticket.created_at,
    )


def _holds(rule: RoutingRule, given: RoutingInput) -> bool:
    if rule.taxonomy_id not in {None, given.taxonomy.pk}:
        return False
    return rule_confidence(rule.conditions, given, rule.team) is not None


class _Escalation:
    """Critical tickets go on from a team without a path; asked once for all tickets."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self.has_path = EscalationStep.objects.filter(team=team).exists()
        kind = Team.objects.filter(kind=TeamKind.ESCALATION, is_active=True).order_by("pk")
        self.shared = list(kind)

    def team_of(self, ticket: Ticket) -> tuple[Team, bool]:
        """The team that gets the ticket, and whether that is an escalation."""
        if ticket.severity != Severity.CRITICAL or self.has_path:
            return self.team, False
        own = ticket.client.ticketing_settings.escalation_team
        if own is None or not own.is_active:
            fitting = [row for row in self.shared if row.client_id in {None, ticket.client_id}]
            own = min(fitting, key=lambda row: row.client_id is None, default=None)
        return (self.team, False) if own is None or own == self.team else (own, True)
