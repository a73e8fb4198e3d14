"""One ticket with everything around it; the apps above add their parts through the panels."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from common.actors import Actor
from common.registries import ticket_panels
from ticketing.api.serializers import LinkSerializer, TicketSerializer
from ticketing.models import Assignment, FieldDecision, Ticket, TicketLink

STAFF_ONLY = ("needs_review", "metadata")
"""Fields a requester does not see."""


def ticket_json(*, ticket: Ticket, actor: Actor, request: Request | None = None) -> dict[str, Any]:
    """The ticket as its detail call answers; requesters get the plain ticket only."""
    data = dict(TicketSerializer(ticket, context={"request": request}).data)
    if not actor.is_staff:
        return {name: value for name, value in data.items() if name not in STAFF_ONLY}
    decisions = FieldDecision.objects.filter(ticket=ticket).select_related("decided_by")
    newest = Assignment.objects.filter(ticket=ticket).select_related("team", "assignee").first()
    links = TicketLink.objects.visible_to(actor).filter(source=ticket).select_related("source", "target")
    data |= {
        "version": ticket.version,
        "assignment": _assignment(newest),
        "triage": {row.field: _decision(row) for row in decisions},
        "links": LinkSerializer(links, many=True).data,
    }
    parts = {
        key: panel.load([ticket.pk]).get(ticket.pk) for key, panel in ticket_panels.items() if key not in data
    }
    return {**data, **parts}


def _decision(row: FieldDecision) -> dict[str, Any]:
    return {
        "value": row.value,
        "state": row.state,
        "confidence": row.confidence,
        "source": row.source,
        "reasoning": row.reasoning,
        "alternatives": row.alternatives,
        "decided_by": row.decided_by.username if row.decided_by else None,
    }


def _assignment(row: Assignment | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "team": row.team.slug if row.team else None,
        "assignee": row.assignee.username if row.assignee else None,
        "by": row.actor_label,
        "reason": row.reason,
        "confidence": row.confidence,
        "alternatives": row.alternatives,
        "at": row.created_at,
    }


def etag_of(ticket: Ticket) -> str:
    """Names the version of a ticket."""
    return f'"{ticket.reference}-{ticket.version}"'
