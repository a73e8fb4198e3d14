"""Asking the next team of an escalation path (C17, R1)."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from common.actors import Actor
from common.exceptions import Conflict
from ticketing.models import Ticket
from ticketing.selectors.escalation import escalation_next
from ticketing.services.assignments import AssignmentReason, ticket_assign
from ticketing.services.handout import person_pick
from ticketing.services.tickets import ticket_lock


@transaction.atomic
def ticket_escalate(*, ticket: Ticket, actor: Actor, reason: str = "") -> Ticket:
    """Hand the ticket to the next team of its path.

    Raises Conflict at the end of the path, and for a ticket that is solved or closed.
    """
    locked = ticket_lock(ticket_id=ticket.pk)
    if not locked.is_open:
        raise Conflict(_("A ticket that is solved or closed is not escalated."))
    team = escalation_next(ticket=locked)
    if team is None:
        raise Conflict(_("There is no further team on the escalation path of this ticket."))
    text = f"Escalated: {reason}" if reason else f"Escalated to {team.name}, the next step of the path."
    return ticket_assign(
        ticket=locked,
        team=team,
        assignee=person_pick(team=team, ticket=locked),
        actor=actor,
        reason=AssignmentReason(text=text),
    )
