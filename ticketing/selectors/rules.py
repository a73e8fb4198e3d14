"""What a routing rule would do: tried on recent tickets before it decides anything (R2)."""

from __future__ import annotations

from typing import Any

from ticketing.models import RoutingRule, Ticket

LOOKED_AT = 200


def recent_tickets(*, rule: RoutingRule) -> list[Ticket]:
    """The newest tickets the rule could have seen."""
    rows = Ticket.objects.select_related("category", "client", "taxonomy").order_by("-created_at")
    if rule.client_id is not None:
        rows = rows.filter(client_id=rule.client_id)
    if rule.taxonomy_id is not None:
        rows = rows.filter(taxonomy_id=rule.taxonomy_id)
    return list(rows[:LOOKED_AT])


def holds(conditions: dict[str, Any], ticket: Ticket) -> bool:
    """Whether the conditions that can be judged from a stored ticket hold; working hours are not judged."""
    text = f"{ticket.subject}\n\n{ticket.body}".casefold()
    words = [str(word).casefold() for word in conditions.get("keywords") or []]
    judged = (
        not conditions.get("categories")
        or (ticket.category and ticket.category.slug in conditions["categories"]),
        not conditions.get("severities") or ticket.severity in conditions["severities"],
        not conditions.get("channels") or ticket.channel in conditions["channels"],
        not words or any(word in text for word in words),
    )
    return all(judged)


def matching_tickets(*, rule: RoutingRule) -> tuple[list[Ticket], int]:
    """The recent tickets the rule matches, and how many were looked at."""
    rows = recent_tickets(rule=rule)
    return [ticket for ticket in rows if holds(rule.conditions, ticket)], len(rows)
