"""What an agent does with one gesture: reply and move on, hand over, change many tickets at once (T9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog
from django.db import transaction

from common.actors import Actor
from common.exceptions import ApplicationError, ValidationFailed
from teams.models import Team, User
from ticketing.models import Macro, Message, Ticket
from ticketing.services.assignments import person_pick, ticket_assign
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.tickets import status_change
from ticketing.services.tools import macro_apply

logger = structlog.get_logger(__name__)
_NAMED_FAILURES = 3


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
        person = person_pick(team=team, client_id=ticket.client_id)
    return ticket_assign(ticket=ticket, team=team, assignee=person, actor=actor)


@transaction.atomic
def ticket_take(*, ticket: Ticket, person: User | None, actor: Actor) -> Ticket:
    """Give a ticket to a person within its team, or to nobody. Raises ValidationFailed for an outsider."""
    return ticket_assign(ticket=ticket, team=ticket.team, assignee=person, actor=actor)


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkChange:
    """What many tickets are to become; empty parts stay as they are."""

    status: str = ""
    team: Team | None = None
    person: User | None = None


@dataclass(slots=True)
class BulkResult:
    """How many tickets changed, and why others did not, by reference."""

    changed: int = 0
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The result in words."""
        noun = "ticket" if self.changed == 1 else "tickets"
        text = (
            f"{self.changed} {noun} changed."
            if self.changed or not self.failures
            else "No ticket was changed."
        )
        if not self.failures:
            return text
        named = " ".join(f"{ref}: {why}" for ref, why in list(self.failures.items())[:_NAMED_FAILURES])
        more = len(self.failures) - _NAMED_FAILURES
        rest = f" And {more} more." if more > 0 else ""
        return f"{text} {len(self.failures)} stayed as before. {named}{rest}"


def tickets_change(*, tickets: Iterable[Ticket], change: BulkChange, actor: Actor) -> BulkResult:
    """Change tickets one by one, each in a transaction of its own: one that cannot change stops no other.

    Raises ValidationFailed when nothing is to be changed.
    """
    if not (change.status or change.team or change.person):
        raise ValidationFailed("Choose what to change: a status, a team or a person.")
    result = BulkResult()
    for ticket in tickets:
        try:
            _change_one(ticket, change, actor)
        except ApplicationError as error:
            result.failures[ticket.reference] = error.sentence
        except Exception:  # the outer edge of a loop: one ticket never stops the batch
            logger.exception("bulk_change_failed", ticket=ticket.reference)
            result.failures[ticket.reference] = "It could not be changed."
        else:
            result.changed += 1
    return result


@transaction.atomic
def _change_one(ticket: Ticket, change: BulkChange, actor: Actor) -> None:
    if change.person is not None:
        team = change.team or ticket.team
        ticket = ticket_assign(ticket=ticket, team=team, assignee=change.person, actor=actor)
    elif change.team is not None:
        ticket = ticket_hand_over(ticket=ticket, team=change.team, actor=actor)
    if change.status:
        status_change(ticket=ticket, status=change.status, actor=actor)
