"""Giving tickets to teams and people (T7, C17)."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext as _

from common.actors import Actor, Deed
from common.exceptions import NotAllowed, ValidationFailed
from teams.models import Team, User
from ticketing import events
from ticketing.choices import DecisionState
from ticketing.models import Assignment, FieldDecision, Ticket
from ticketing.services.audit import Change, events_append
from ticketing.services.tickets import ticket_lock, ticket_save


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentReason:
    """Why a ticket goes where it goes."""

    text: str = ""
    confidence: float | None = None
    alternatives: list[dict[str, str]] = field(default_factory=list)


@transaction.atomic
def ticket_assign(
    *,
    ticket: Ticket,
    team: Team | None,
    assignee: User | None,
    actor: Actor,
    reason: AssignmentReason | None = None,
) -> Ticket:
    """Set team and person, keep the history, tell the upper apps. Emits ``ticket_assigned``.

    A person's choice of team becomes a decision that no run overwrites. Raises ValidationFailed for a team of
    another client or a person outside the team, NotAllowed for staff without the permission to reassign (R3).
    The same assignment again changes nothing.
    """
    if actor.is_staff and not actor.may(Deed.REASSIGN):
        raise NotAllowed(_("You may not give tickets to another team or person."))
    locked = ticket_lock(ticket_id=ticket.pk)
    _check(locked, team, assignee)
    if (locked.team_id, locked.assignee_id) == (team and team.pk, assignee and assignee.pk):
        return locked
    why = reason or AssignmentReason()
    changes = _changes(locked, team, assignee, why.text)
    freed_team_id = locked.team_id if locked.assignee_id else None
    locked.team, locked.assignee = team, assignee
    ticket_save(locked, ["team", "assignee"])
    assignment = Assignment.objects.create(
        ticket=locked,
        team=team,
        assignee=assignee,
        actor_kind=actor.kind.value,
        actor_label=actor.label[:200],
        confidence=why.confidence,
        reason=why.text,
        alternatives=why.alternatives,
    )
    events_append(ticket=locked, actor=actor, changes=changes)
    if actor.is_person and any(change.field == "team" for change in changes):
        _decide_team(locked, team, actor)
    events.ticket_assigned.publish(
        ticket=locked, actor=actor, assignment=assignment, freed_team_id=freed_team_id
    )
    return locked


def _check(ticket: Ticket, team: Team | None, assignee: User | None) -> None:
    if team is not None and team.client_id not in {None, ticket.client_id}:
        raise ValidationFailed(fields={"team": [_("There is no such team.")]})
    if assignee is None:
        return
    serves = assignee.is_superuser or assignee.clients.filter(pk=ticket.client_id).exists()
    if not (assignee.is_active and serves):
        raise ValidationFailed(fields={"assignee": [_("There is no such person.")]})
    if team is not None and not team.members.filter(user=assignee).exists():
        raise ValidationFailed(fields={"assignee": [_("This person is not a member of the team.")]})


def _changes(ticket: Ticket, team: Team | None, assignee: User | None, reason: str) -> list[Change]:
    changes = []
    if ticket.team_id != (team and team.pk):
        old_team = ticket.team.slug if ticket.team else None
        new_team = team.slug if team else None
        changes.append(Change("ticket.assigned", field="team", old=old_team, new=new_team, reason=reason))
    if ticket.assignee_id != (assignee and assignee.pk):
        old_name = ticket.assignee.username if ticket.assignee else None
        new_name = assignee.username if assignee else None
        changes.append(Change("ticket.assigned", field="assignee", old=old_name, new=new_name, reason=reason))
    return changes


def _decide_team(ticket: Ticket, team: Team | None, actor: Actor) -> None:
    row = ticket.decisions.filter(field="team").first()
    value = team.slug if team else ""
    agreed = row is not None and row.value == value
    FieldDecision.objects.update_or_create(
        ticket=ticket,
        field="team",
        defaults={
            "value": value,
            "state": DecisionState.CONFIRMED if agreed else DecisionState.CORRECTED,
            "decided_by_id": actor.user_id,
            "source": row.source if agreed and row else actor.kind.value,
        },
    )
    events.field_decided.publish(ticket=ticket, actor=actor, decisions={"team": value})
