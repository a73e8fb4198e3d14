"""What a person is shown beside a ticket: linked tickets, tickets in like words, examples of its category."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Q

from classifier.selectors.neighbours import nearest_confirmed, similar_tickets
from common.actors import Actor
from ticketing.choices import LinkState
from ticketing.models import Ticket, TicketLink

_SHOWN: Final = 5
_ASKED: Final = 20
"""More than are shown, for some may be of teams the person does not see."""
_TEXT_CHARACTERS: Final = 500


def linked_lines(*, ticket: Ticket, actor: Actor) -> list[dict[str, Any]]:
    """Proposed and confirmed links to tickets the actor may see, surest first."""
    links = (
        TicketLink.objects.visible_to(actor)
        .filter(Q(source=ticket) | Q(target=ticket))
        .exclude(state=LinkState.DISMISSED)
        .select_related("source", "target")
    )
    return [
        _line(
            link.target if link.source_id == ticket.pk else link.source,
            kind=link.kind,
            state=link.state,
            score=link.score,
            parts=link.parts,
        )
        for link in links
    ]


def nearest_lines(*, ticket: Ticket, actor: Actor) -> list[dict[str, Any]]:
    """The nearest tickets the actor may see that nobody has linked, or said not to belong, nearest first."""
    found = {item.key: item.similarity for item in similar_tickets(ticket=ticket, k=_ASKED)}
    linked = TicketLink.objects.filter(Q(source=ticket) | Q(target=ticket))
    known = {pk for pair in linked.values_list("source_id", "target_id") for pk in pair}
    rows = Ticket.objects.visible_to(actor).filter(pk__in=found.keys() - known).distinct()
    nearest = sorted(rows, key=lambda row: -found[row.pk])[:_SHOWN]
    return [
        _line(row, kind="similar", state="", score=round(found[row.pk], 4), parts={"text": found[row.pk]})
        for row in nearest
    ]


def _line(other: Ticket, *, kind: str, state: str, score: float | None, parts: Any) -> dict[str, Any]:
    return {
        "ticket_id": other.reference,
        "subject": other.subject,
        "status": other.status,
        "kind": kind,
        "state": state,
        "score": score,
        "parts": parts,
    }


def confirmed_lines(*, ticket: Ticket, actor: Actor) -> list[dict[str, Any]]:
    """The nearest texts whose category is certain; those of tickets the actor may not see are left out."""
    found = nearest_confirmed(
        client=ticket.client,
        taxonomy_id=ticket.taxonomy_id,
        text=f"{ticket.subject}\n\n{ticket.body}".strip(),
        k=_ASKED,
    )
    sources = {item.ticket_id for item in found if item.ticket_id is not None}
    visible = set(Ticket.objects.visible_to(actor).filter(pk__in=sources).values_list("pk", flat=True))
    return [
        {
            "text": item.text[:_TEXT_CHARACTERS],
            "category": item.category,
            "similarity": round(item.similarity, 4),
        }
        for item in found
        if item.ticket_id is None or (item.ticket_id in visible and item.ticket_id != ticket.pk)
    ][:_SHOWN]
