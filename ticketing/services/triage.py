"""Applying what triage decided, and what people make of it (C3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from common.actors import Actor, ActorKind, automation_actor
from common.exceptions import ValidationFailed
from teams.models import Team
from ticketing import events
from ticketing.choices import PERSON_STATES, DecisionState, Severity, StatusCategory, TriageField
from ticketing.models import Category, FieldDecision, Tag, Ticket
from ticketing.services.assignments import AssignmentReason, ticket_assign
from ticketing.services.audit import Change, events_append
from ticketing.services.handout import person_pick
from ticketing.services.tickets import TicketChanges, plain, ticket_lock, ticket_save, ticket_update

_ACTOR_OF_SOURCE = {
    "local": ActorKind.LOCAL_MODEL,
    "llm": ActorKind.LLM,
    "lora": ActorKind.LOCAL_MODEL,
    "rules": ActorKind.RULE,
    "routing": ActorKind.RULE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOutcome:
    """One predicted field with what is to become of it."""

    field: str
    value: str
    state: str
    source: str
    confidence: float | None = None
    reasoning: str = ""
    alternatives: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    evidence: list[dict[str, Any]] = dataclasses.field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageOutcome:
    """Everything a run found out about a ticket."""

    run_uuid: UUID
    fields: Sequence[FieldOutcome]
    secondary_categories: Sequence[str] = ()
    needs_review: bool = False
    tags: Sequence[str] = ()


@transaction.atomic(savepoint=False)
def triage_apply(
    *, ticket: Ticket, outcome: TriageOutcome, known: Sequence[FieldDecision] | None = None
) -> Ticket:
    """Write a run's outcome to the ticket, whose lock the caller holds, and return it as it is then.

    ``known`` are its decisions, where the caller has read them. A field a person decided stays as it is,
    whatever the run says; so does a ticket that was closed while the run was at work: nothing of it changes
    and nothing is told. Emits ``ticket_triaged`` (and ``ticket_assigned``).
    """
    if ticket.status_category == StatusCategory.CLOSED:
        return ticket
    existing = {row.field: row for row in (ticket.decisions.order_by() if known is None else known)}
    open_fields = [
        item
        for item in outcome.fields
        if item.field not in existing or existing[item.field].state not in PERSON_STATES
    ]
    _store_decisions(ticket, existing, open_fields, outcome.run_uuid)
    changes = _field_changes(ticket, open_fields)
    _write_secondary(ticket, outcome)
    ticket.needs_review = outcome.needs_review
    ticket.triaged_at = ticket.triaged_at or timezone.now()
    ticket_save(ticket, [*(change.field for change in changes), "needs_review", "triaged_at"])
    if changes:
        events_append(ticket=ticket, actor=automation_actor(ActorKind.SYSTEM, "Triage"), changes=changes)
    before, ticket = ticket, _write_team(ticket, open_fields)
    events.ticket_triaged.publish(
        ticket=ticket,
        run_uuid=outcome.run_uuid,
        needs_review=outcome.needs_review,
        reassigned=ticket.version != before.version,
    )
    return ticket


_DECISION_FIELDS = (
    "value", "state", "confidence", "source", "reasoning", "alternatives", "evidence", "run_uuid",
    "decided_by", "updated_at",
)  # fmt: skip


def _store_decisions(
    ticket: Ticket, existing: Mapping[str, FieldDecision], items: Sequence[FieldOutcome], run_uuid: UUID
) -> None:
    """One row a field; the caller holds the ticket's lock, so nobody else adds one meanwhile."""
    new: list[FieldDecision] = []
    changed: list[FieldDecision] = []
    for item in items:
        known = existing.get(item.field)
        row = known or FieldDecision(ticket=ticket, field=item.field)
        (changed if known else new).append(row)
        row.value, row.state = item.value[:200], item.state
        row.confidence, row.source, row.reasoning = item.confidence, item.source, item.reasoning
        row.alternatives, row.evidence = item.alternatives, item.evidence
        row.run_uuid, row.decided_by, row.updated_at = run_uuid, None, timezone.now()
    FieldDecision.objects.bulk_create(new)
    if changed:
        FieldDecision.objects.bulk_update(changed, _DECISION_FIELDS)


def _field_changes(ticket: Ticket, items: Sequence[FieldOutcome]) -> list[Change]:
    """Set applied values on the ticket; each change is one event signed by the engine that made it."""
    changes = []
    for item in items:
        if item.state != DecisionState.APPLIED or item.field == TriageField.TEAM:
            continue
        value = _row_value(ticket, item)
        old = getattr(ticket, item.field)
        if value is None or old == value:
            continue
        setattr(ticket, item.field, value)
        changes.append(
            Change(
                "ticket.triaged",
                field=item.field,
                old=plain(old),
                new=plain(value),
                reason=item.reasoning,
                actor=_signed_by(item),
            )
        )
    return changes


def _signed_by(item: FieldOutcome) -> Actor:
    kind = _ACTOR_OF_SOURCE.get(item.source, ActorKind.SYSTEM)
    return automation_actor(kind, f"{item.source} engine")


def _row_value(ticket: Ticket, item: FieldOutcome) -> Any:
    if item.field == TriageField.CATEGORY:
        return Category.objects.filter(taxonomy_id=ticket.taxonomy_id, slug=item.value).first()
    if item.field == TriageField.SUMMARY:
        return item.value[:100]
    return item.value


def _write_secondary(ticket: Ticket, outcome: TriageOutcome) -> None:
    if outcome.secondary_categories or ticket.triaged_at:
        # Only triage sets them, so a ticket it has not seen has none to take away.
        rows = Category.objects.filter(taxonomy_id=ticket.taxonomy_id, slug__in=outcome.secondary_categories)
        ticket.secondary_categories.set(rows)
    for name in outcome.tags:
        tag, _ = Tag.objects.get_or_create(client=ticket.client, name=name[:60])
        ticket.tags.add(tag)


def _write_team(ticket: Ticket, items: Sequence[FieldOutcome]) -> Ticket:
    """The ticket as it is after its team was set."""
    item = next((row for row in items if row.field == TriageField.TEAM), None)
    if item is None or item.state != DecisionState.APPLIED:
        return ticket
    team = (
        Team.objects.for_client(ticket.client_id)
        .filter(slug=item.value)
        .order_by(F("client_id").desc(nulls_last=True))
        .first()
    )
    if team is None or team.pk == ticket.team_id:
        return ticket
    return ticket_assign(
        ticket=ticket,
        team=team,
        assignee=person_pick(team=team, ticket=ticket),
        actor=_signed_by(item),
        reason=AssignmentReason(
            text=item.reasoning, confidence=item.confidence, alternatives=item.alternatives
        ),
    )


@transaction.atomic
def ticket_confirm(*, ticket: Ticket, decisions: Mapping[str, str], actor: Actor) -> Ticket:
    """A person says what is right for the named fields (accepting or correcting). Clears the review flag.

    ``decisions`` maps triage fields to values (slugs for category and team). Raises ValidationFailed for a
    field or value that does not exist. Emits ``field_decided``.
    """
    unknown = set(decisions) - set(TriageField.values)
    if unknown:
        raise ValidationFailed(fields={name: ["This field cannot be confirmed."] for name in unknown})
    values = _resolve(ticket, decisions)
    # A run that is being kept has read the decisions; what a person says must come after it, or before.
    ticket_lock(ticket_id=ticket.pk)
    team = values.pop("team", None)
    if values:
        ticket = ticket_update(ticket=ticket, changes=TicketChanges(**values), actor=actor)
    if team is not None:
        ticket = _confirm_team(ticket, team, actor)
    locked = ticket_lock(ticket_id=ticket.pk)
    if locked.needs_review:
        locked.needs_review = False
        ticket_save(locked, ["needs_review"])
    return locked


def _confirm_team(ticket: Ticket, team: Team, actor: Actor) -> Ticket:
    if ticket.team_id != team.pk:
        person = person_pick(team=team, ticket=ticket)
        return ticket_assign(ticket=ticket, team=team, assignee=person, actor=actor)
    FieldDecision.objects.filter(ticket=ticket, field="team").update(
        state=DecisionState.CONFIRMED, decided_by_id=actor.user_id
    )
    events.field_decided.publish(ticket=ticket, actor=actor, decisions={"team": team.slug})
    return ticket


def _resolve(ticket: Ticket, decisions: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    problems: dict[str, list[str]] = {}
    for name, value in decisions.items():
        found: Any = value
        if name == TriageField.CATEGORY:
            found = Category.objects.filter(taxonomy_id=ticket.taxonomy_id, slug=value).first()
        elif name == TriageField.TEAM:
            found = (
                Team.objects.for_client(ticket.client_id)
                .filter(slug=value)
                .order_by(F("client_id").desc(nulls_last=True))
                .first()
            )
        elif name == TriageField.SEVERITY:
            found = value if value in Severity.values else None
        if found is None:
            problems[name] = [f"There is no {name} “{value}”."]
        values[name] = found
    if problems:
        raise ValidationFailed(fields=problems)
    return values


@transaction.atomic
def needs_review_set(*, ticket_id: int) -> None:
    """Bring an open ticket before a person, because triage could not be done."""
    locked = ticket_lock(ticket_id=ticket_id)
    if not locked.needs_review and locked.is_open:
        locked.needs_review = True
        ticket_save(locked, ["needs_review"])
