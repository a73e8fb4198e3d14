"""Keeping the search document of a ticket in step with its text."""

from __future__ import annotations

from ticketing.models import Ticket, TicketSearchDocument

TEXT_LIMIT = 200_000


def search_document_write(*, ticket: Ticket) -> None:
    """Write what search knows of the ticket; database triggers and indexes do the rest."""
    requester = ticket.requester
    addresses = list(requester.addresses.values_list("email", flat=True))
    identifiers = [ticket.reference, requester.name, requester.external_id, requester.phone, *addresses]
    for row in ticket.followers.select_related("requester").prefetch_related("requester__addresses"):
        identifiers += [row.requester.name, *(item.email for item in row.requester.addresses.all())]
    bodies = ticket.messages.filter(is_first=False).values_list("body", flat=True)
    text = "\n".join([ticket.subject, ticket.body, *bodies])[:TEXT_LIMIT]
    TicketSearchDocument.objects.update_or_create(
        ticket=ticket,
        defaults={"identifiers": " ".join(filter(None, identifiers)), "text": text},
    )
