"""Finding one object for an actor: not found and not allowed look the same (404)."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from common.actors import Actor
from common.exceptions import NotFound
from ticketing.models import Ticket


def access_ticket(*, actor: Actor, ref: str) -> Ticket:
    """The ticket with this reference or id, if the actor may see it. Raises NotFound."""
    rows = Ticket.objects.visible_to(actor).select_related(
        "client", "requester", "category", "team", "assignee", "taxonomy", "project", "module"
    )
    wanted = _uuid(ref)
    ticket = (rows.filter(uuid=wanted) if wanted else rows.filter(reference=ref.upper())).first()
    if ticket is None:
        raise NotFound(_("There is no such ticket."))
    return ticket


def _uuid(ref: str) -> UUID | None:
    try:
        return UUID(ref)
    except ValueError:
        return None
