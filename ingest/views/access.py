"""Who reads a page of the portal, at which client, and the reader's own ticket behind an address."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from common.actors import Actor
from teams.api.actors import actor_of
from teams.models import Client
from teams.selectors import default_client
from ticketing.models import Ticket
from ticketing.selectors import portal as selectors


def portal_reader(request: HttpRequest) -> Actor:
    """The reader as a requester."""
    return selectors.portal_actor(actor_of(request))


def client_or_404(actor: Actor) -> Client:
    """The client the reader asks at."""
    client = default_client(actor)
    if client is None:
        raise Http404(_("This account belongs to no client."))
    return client


def own_ticket_or_404(request: HttpRequest, uuid: UUID) -> Ticket:
    """One of the reader's own tickets."""
    rows = selectors.own_tickets(actor_of(request)).select_related(
        "client__ticketing_settings", "requester", "category", "team"
    )
    ticket: Ticket | None = rows.filter(uuid=uuid).first()
    if ticket is None:
        raise Http404
    return ticket
