"""What an agent does with one gesture: reply and move on, hand over, take (T9)."""

from __future__ import annotations

from django.db import transaction

from common.actors import Actor
from teams.models import Team, User
from ticketing.models import Macro, Message, Ticket
from ticketing.services.assignments import ticket_assign
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.handout import person_pick
from ticketing.services.tickets import status_change
from ticketing.services.tools import macro_apply


@transaction.atomic
def reply_send(
    *, ticket: Ticket, new: NewMessage, then: str, actor: Actor, macro: Macro | None = None
) -> Message:
    """Send a reply, make a macro's changes, and move the ticket to the status ``then`` (empty keeps it).

    All happen or none.

    Raises ValidationFailed, TransitionNotAllowed. Emits what ``message_add`` and ``status_change`` emit.
    """
    message = message_add(ticket=ticket, new=new, actor=actor)
    if macro is not None:
        macro_apply(ticket=ticket, macro=macro, actor=actor)
    if then:
        status_change(ticket=ticket, status=then, actor=actor)
    return message


@transaction.atomic
def ticket_hand_over(*, ticket: Ticket, team: Team | None, actor: Actor) -> Ticket:
    """Give a ticket to a team; its person stays where a member of that team, else the next one is picked."""
    person = ticket.assignee
    if team is None:
        person = None
    elif person is None or not team.members.filter(user=person).exists():
        person = person_pick(team=team, ticket=ticket)
    return ticket_assign(ticket=ticket, team=team, assignee=person, actor=actor)


@transaction.atomic
def ticket_take(*, ticket: Ticket, person: User | None, actor: Actor) -> Ticket:
    """Give a ticket to a person within its team, or to nobody. Raises ValidationFailed for an outsider."""
    return ticket_assign(ticket=ticket, team=ticket.team, assignee=person, actor=actor)
