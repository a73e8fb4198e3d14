"""Keeping the search document of a ticket in step with its text (T9)."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q

from ticketing.models import Requester, Ticket, TicketSearchDocument

TEXT_LIMIT = 200_000
_BATCH = 200


def search_document_write(*, ticket: Ticket) -> None:
    """Write what search knows of the ticket; database triggers and indexes do the rest."""
    TicketSearchDocument.objects.update_or_create(ticket=ticket, defaults=_document(ticket))


def search_document_add(*, ticket: Ticket) -> None:
    """The first document of a ticket: nobody has answered yet, and nobody follows."""
    TicketSearchDocument.objects.create(
        ticket=ticket,
        identifiers=_words_of(ticket.reference, [ticket.requester]),
        text=f"{ticket.subject}\n{ticket.body}"[:TEXT_LIMIT],
    )


def _document(ticket: Ticket) -> dict[str, str]:
    """Notes stand apart: who must not read them must not find by them either."""
    rows = list(ticket.messages.filter(is_first=False).values_list("is_public", "body"))
    public = [body for is_public, body in rows if is_public]
    notes = [body for is_public, body in rows if not is_public]
    return {
        "identifiers": _identifiers(ticket),
        "text": "\n".join([ticket.subject, ticket.body, *public])[:TEXT_LIMIT],
        "notes": "\n".join(notes)[:TEXT_LIMIT],
    }


def _identifiers(ticket: Ticket) -> str:
    followers = [row.requester for row in ticket.followers.select_related("requester")]
    return _words_of(ticket.reference, [ticket.requester, *followers])


def _words_of(reference: str, people: list[Requester]) -> str:
    words = [reference]
    for person in people:
        addresses = person.addresses.values_list("email", flat=True)
        words += [person.name, person.external_id, person.phone, *addresses]
    return " ".join(filter(None, words))


@transaction.atomic
def search_requester_write(*, requester: Requester) -> None:
    """Let the tickets of a requester be found by a new name or address; their texts stay as they are."""
    mine = Q(requester=requester) | Q(followers__requester=requester)
    for ticket in Ticket.objects.filter(mine).select_related("requester").distinct():
        rows = TicketSearchDocument.objects.filter(ticket=ticket)
        rows.update(identifiers=_identifiers(ticket))


def search_repair(*, since: datetime | None = None) -> tuple[int, int]:
    """Write documents that are missing or differ from their ticket; returns how many, and of how many.

    With ``since`` only tickets changed since then are compared; missing documents are always written.
    """
    rows = Ticket.objects.select_related("requester", "search_document").order_by("pk")
    if since is not None:
        rows = rows.filter(Q(updated_at__gte=since) | Q(search_document=None))
    repaired = looked_at = 0
    for ticket in rows.iterator(chunk_size=_BATCH):
        looked_at += 1
        repaired += _repair_one(ticket)
    return repaired, looked_at


def _repair_one(ticket: Ticket) -> bool:
    wanted = _document(ticket)
    known = getattr(ticket, "search_document", None)
    if known is not None and all(getattr(known, name) == value for name, value in wanted.items()):
        return False
    with transaction.atomic():
        # Under the lock nobody adds a message between reading and writing.
        locked = Ticket.objects.select_for_update(of=("self",), no_key=True).filter(pk=ticket.pk).first()
        if locked is not None:
            search_document_write(ticket=locked)
    return True


def search_index_rebuild() -> None:
    """Build SQLite's full-text tables anew from the documents; PostgreSQL keeps its indexes itself."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        for table in ("ticket_search", "ticket_search_parts"):
            cursor.execute(f"INSERT INTO {table}({table}) VALUES ('rebuild')")  # noqa: S608  names are constants
