"""Ratings of resolved tickets: the signed link, and the one rating a ticket has (T11)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.actors import Actor, Role
from common.exceptions import Conflict, NotAllowed, ValidationFailed
from ticketing.choices import StatusCategory
from ticketing.models import Ticket, TicketFeedback
from ticketing.services.audit import Change, events_append
from ticketing.services.tickets import ticket_lock

FEEDBACK_WINDOW: Final = timedelta(days=30)
COMMENT_LIMIT: Final = 2_000
_SALT: Final = "ticketing.feedback"
_FINISHED: Final = {StatusCategory.RESOLVED, StatusCategory.CLOSED}


class RatingClosed(Conflict):
    """The ticket is not finished, or was finished too long ago."""

    code = "rating_closed"
    default_message = gettext_lazy("This ticket cannot be rated now.")


def feedback_token(*, ticket: Ticket) -> str:
    """What a rating link carries: the ticket, signed, good for 30 days; it opens the rating alone."""
    return signing.dumps(ticket.uuid.hex, salt=_SALT)


def feedback_ticket(*, token: str) -> Ticket | None:
    """The ticket of a token; None for one that was tampered with or has expired."""
    try:
        wanted = UUID(signing.loads(token, salt=_SALT, max_age=FEEDBACK_WINDOW))
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        return None
    rows = Ticket.objects.select_related("client", "requester").filter(uuid=wanted)
    return rows.first()


def may_rate(*, ticket: Ticket, now: datetime) -> bool:
    """Whether a rating may be given or changed: from the resolution on, for 30 days."""
    if ticket.status_category not in _FINISHED:
        return False
    finished = ticket.resolved_at or ticket.closed_at
    return finished is not None and now <= finished + FEEDBACK_WINDOW


@transaction.atomic
def feedback_give(
    *, ticket: Ticket, rating: int, comment: str, source: str, actor: Actor
) -> tuple[TicketFeedback, bool]:
    """Store the rating, or change the one that is there; True where it is the first.

    Only the requester rates: in person, by the signed link, or through a service that speaks for requesters.
    Raises NotAllowed for agents, RatingClosed outside the window, ValidationFailed.
    """
    if actor.role not in {Role.REQUESTER, Role.SERVICE}:
        raise NotAllowed(_("Only the requester rates a ticket."))
    locked = ticket_lock(ticket_id=ticket.pk)
    if not may_rate(ticket=locked, now=timezone.now()):
        raise RatingClosed
    row = TicketFeedback.objects.filter(ticket=locked).first()
    is_new, old = row is None, row.rating if row else None
    row = row or TicketFeedback(ticket=locked)
    row.rating, row.source = rating, source
    row.comment = comment.replace("\x00", "").strip()
    if len(row.comment) > COMMENT_LIMIT:
        raise ValidationFailed(
            fields={"comment": [_("At most %(limit)s characters.") % {"limit": f"{COMMENT_LIMIT:,}"}]}
        )
    try:
        row.full_clean()
    except ValidationError as error:
        raise ValidationFailed(fields=error.message_dict) from error
    row.save()
    change = Change("ticket.rated", field="rating", old=old, new=rating)
    events_append(ticket=locked, actor=actor, changes=[change])
    return row, is_new
