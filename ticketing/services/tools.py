"""Keeping saved views and macros, and applying a macro (T9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from common.actors import Actor
from common.exceptions import NotAllowed, ValidationFailed
from common.wording import recorded
from teams.models import User
from ticketing.choices import MACRO_VARIABLES, Status, ToolScope
from ticketing.models import Macro, SavedView, Ticket
from ticketing.models.tools import VARIABLE
from ticketing.services.assignments import ticket_assign
from ticketing.services.tickets import TicketChanges, status_change, ticket_update

ToolRow = TypeVar("ToolRow", SavedView, Macro)
_VALUE_LIMIT = 300


def may_change_tool(*, tool: SavedView | Macro, actor: Actor) -> bool:
    """The owner always; a lead what is shared among the own clients."""
    if tool.owner_id is not None and tool.owner_id == actor.user_id:
        return True
    return actor.is_lead and tool.scope != ToolScope.PRIVATE and actor.may_see_client(tool.client_id)


@transaction.atomic
def tool_save(*, tool: ToolRow, values: Mapping[str, Any], actor: Actor) -> ToolRow:
    """Create or change a saved view or a macro.

    Everyone's are a lead's to make, a team's its members'. Raises NotAllowed, ValidationFailed.
    """
    if tool.pk is not None and not may_change_tool(tool=tool, actor=actor):
        raise NotAllowed(_("Only its owner or a lead changes this."))
    for name, value in values.items():
        setattr(tool, name, value)
    if tool.scope != ToolScope.TEAM:
        tool.team = None
    if tool.pk is None:
        tool.owner_id = actor.user_id
    _check_reach(tool, actor)
    try:
        tool.full_clean()
    except ValidationError as error:
        raise ValidationFailed(fields=error.message_dict) from error
    tool.save()
    return tool


def _check_reach(tool: SavedView | Macro, actor: Actor) -> None:
    if not actor.may_see_client(tool.client_id):
        raise ValidationFailed(fields={"client": [_("There is no such client.")]})
    if actor.is_lead:
        return
    if tool.scope == ToolScope.EVERYONE:
        raise NotAllowed(_("Only leads share with everyone."))
    if tool.scope == ToolScope.TEAM and tool.team_id not in actor.team_ids:
        raise ValidationFailed(fields={"team": [_("Choose one of your own teams.")]})


@transaction.atomic
def tool_delete(*, tool: SavedView | Macro, actor: Actor) -> None:
    """Remove a saved view or a macro. Raises NotAllowed."""
    if not may_change_tool(tool=tool, actor=actor):
        raise NotAllowed(_("Only its owner or a lead removes this."))
    tool.delete()


def macro_text(*, macro: Macro, ticket: Ticket, actor: Actor) -> str:
    """The macro's text with its places filled; what is unknown stays as it is written.

    Places are looked up in a fixed table: no template engine sees the text, no attribute is reached by name.
    """
    values = _values(ticket, actor)
    return VARIABLE.sub(lambda found: values.get(found[1], found[0]), macro.body)


def _values(ticket: Ticket, actor: Actor) -> dict[str, str]:
    name = str(ticket.requester)
    found = (
        ticket.reference,
        ticket.subject,
        recorded(Status(ticket.status).label),
        ticket.category.name if ticket.category else "",
        ticket.team.name if ticket.team else "",
        name,
        name.split(maxsplit=1)[0] if name.split() else "",
        ticket.requester.email,
        actor.label,
        actor.label.split()[0] if actor.label.split() else "",
        ticket.client.name,
    )
    # One line each: what a requester wrote must not become a heading or a quote in an answer.
    plain = (" ".join(str(value).split())[:_VALUE_LIMIT] for value in found)
    return dict(zip(MACRO_VARIABLES, plain, strict=True))


@transaction.atomic
def macro_apply(*, ticket: Ticket, macro: Macro, actor: Actor) -> Ticket:
    """Make the macro's changes of fields; its text is not sent. All happen or none.

    Raises NotAllowed for a macro of another client, and what the changes raise: ValidationFailed,
    TransitionNotAllowed.
    """
    if macro.client_id != ticket.client_id:
        raise NotAllowed(_("The macro “%(name)s” belongs to another client.") % {"name": macro.name})
    wanted: dict[str, Any] = {
        name: getattr(macro, name) for name in ("priority", "severity") if getattr(macro, name)
    }
    if macro.add_tags:
        wanted["tags"] = tuple(sorted({*ticket.tags.values_list("name", flat=True), *macro.add_tags}))
    if wanted:
        ticket = ticket_update(ticket=ticket, changes=TicketChanges(**wanted), actor=actor)
    if macro.move_to_id or macro.assign_to_me:
        ticket = _assign(ticket, macro, actor)
    if macro.status:
        ticket = status_change(ticket=ticket, status=macro.status, actor=actor, reason=f"Macro: {macro.name}")
    return ticket


def _assign(ticket: Ticket, macro: Macro, actor: Actor) -> Ticket:
    team = macro.move_to or ticket.team
    person = User.objects.filter(pk=actor.user_id or 0).first() if macro.assign_to_me else None
    if person is None and ticket.assignee and (team == ticket.team):
        person = ticket.assignee
    return ticket_assign(ticket=ticket, team=team, assignee=person, actor=actor)
