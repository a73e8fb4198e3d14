"""Taking a person's decision back: what it was before, and putting it there again (C4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from django.db import transaction
from django.utils.translation import gettext as _

from common.actors import Actor
from common.exceptions import Conflict
from teams.models import Team, User
from ticketing import events
from ticketing.choices import TriageField
from ticketing.models import Category, FieldDecision, Ticket
from ticketing.services.assignments import AssignmentReason, ticket_assign
from ticketing.services.audit import Change, events_append
from ticketing.services.tickets import plain, ticket_lock, ticket_save

_UNDO = "A review answer was taken back."


class DecisionState(TypedDict):
    """One field's decision as plain data; ``row`` is None where nothing had been decided."""

    field: str
    row: dict[str, Any] | None
    value: int | str | None
    assignee_id: int | None


def decisions_capture(*, ticket: Ticket, fields: Sequence[str]) -> list[DecisionState]:
    """What the fields' decisions and the ticket say now, fit for JSON."""
    rows = {row.field: row for row in ticket.decisions.filter(field__in=fields)}
    return [
        DecisionState(
            field=name,
            row=_plain_row(rows[name]) if name in rows else None,
            value=getattr(ticket, f"{name}_id") if name in _RELATIONS else getattr(ticket, name),
            assignee_id=ticket.assignee_id if name == TriageField.TEAM else None,
        )
        for name in fields
    ]


_RELATIONS = frozenset({TriageField.CATEGORY, TriageField.TEAM})
_ROW_FIELDS = ("value", "state", "confidence", "source", "reasoning", "alternatives", "evidence")


def _plain_row(row: FieldDecision) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(row, name) for name in _ROW_FIELDS}
    values["run_uuid"] = str(row.run_uuid) if row.run_uuid else None
    values["decided_by_id"] = row.decided_by_id
    return values


@transaction.atomic
def decisions_restore(
    *,
    ticket: Ticket,
    before: Sequence[DecisionState],
    answered: dict[str, str],
    needs_review: bool,
    actor: Actor,
) -> Ticket:
    """Put decisions, ticket fields and review flag back to what ``decisions_capture`` kept.

    ``answered`` are the values that are taken back. Raises Conflict when one of them has been changed since.
    Emits ``ticket_changed`` (and ``ticket_assigned``).
    """
    locked = ticket_lock(ticket_id=ticket.pk)
    _check_unchanged(locked, answered)
    changes = [change for item in before if (change := _field_restore(locked, item)) is not None]
    locked.needs_review = needs_review
    ticket_save(locked, [*(change.field for change in changes), "needs_review"])
    if changes:
        events_append(ticket=locked, actor=actor, changes=changes)
    team = next((item for item in before if item["field"] == TriageField.TEAM), None)
    if team is not None:
        locked = _team_restore(locked, team, actor)
    for item in before:
        _decision_restore(locked, item)
    names = frozenset({"needs_review", *(change.field for change in changes)})
    events.ticket_changed.publish(ticket=locked, actor=actor, fields=names)
    return locked


def _check_unchanged(ticket: Ticket, answered: dict[str, str]) -> None:
    now = {row.field: row.value for row in ticket.decisions.filter(field__in=answered)}
    if any(name in now and now[name] != value for name, value in answered.items()):
        raise Conflict(_("The ticket has been changed since, so the answer cannot be taken back."))


def _field_restore(ticket: Ticket, item: DecisionState) -> Change | None:
    """Set one field of the ticket back; the team goes through the assignment instead."""
    name = item["field"]
    if name == TriageField.TEAM:
        return None
    old = getattr(ticket, name)
    new: Any = item["value"]
    if name == TriageField.CATEGORY:
        new = Category.objects.filter(pk=item["value"] or 0, taxonomy_id=ticket.taxonomy_id).first()
    if old == new:
        return None
    setattr(ticket, name, new)
    return Change("ticket.changed", field=name, old=plain(old), new=plain(new), reason=_UNDO)


def _team_restore(ticket: Ticket, item: DecisionState, actor: Actor) -> Ticket:
    team = Team.objects.for_client(ticket.client_id).filter(pk=item["value"] or 0).first()
    person = User.objects.filter(pk=item["assignee_id"]).first() if item["assignee_id"] else None
    if team is not None and person is not None and not team.members.filter(user=person).exists():
        person = None
    return ticket_assign(
        ticket=ticket, team=team, assignee=person, actor=actor, reason=AssignmentReason(text=_UNDO)
    )


def _decision_restore(ticket: Ticket, item: DecisionState) -> None:
    rows = FieldDecision.objects.filter(ticket=ticket, field=item["field"])
    if item["row"] is None:
        rows.delete()
    else:
        rows.update(**item["row"])
