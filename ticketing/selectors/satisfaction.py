"""How content requesters are: by team and by category (T11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, Q, QuerySet
from django.utils.translation import gettext as _

from common.actors import Actor
from ticketing.models import Ticket, TicketFeedback
from ticketing.selectors.volume import Span

GOOD = 4
"""From this rating on a requester counts as content."""


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """Ratings of one group: how many, their mean in [1, 5], and the share that is content."""

    label: str
    count: int
    mean: float | None
    content: float | None


def ratings(actor: Actor) -> QuerySet[TicketFeedback]:
    """Ratings of tickets the actor may see."""
    return TicketFeedback.objects.filter(ticket__in=Ticket.objects.visible_to(actor))


def overall(*, actor: Actor, span: Span) -> dict[str, Any]:
    """Count and mean of the period, and the mean of the one before, in one query."""
    now, before = span.now("created_at"), span.earlier("created_at")
    return ratings(actor).aggregate(
        count=Count("pk", filter=now),
        mean=Avg("rating", filter=now),
        mean_before=Avg("rating", filter=before),
    )


def by_team(*, actor: Actor, span: Span) -> list[Satisfaction]:
    """The teams that have the rated tickets, most ratings first."""
    return grouped(ratings(actor).filter(span.now("created_at")), "ticket__team__name", _("No team"))


def by_category(*, actor: Actor, span: Span) -> list[Satisfaction]:
    """The categories of the rated tickets, most ratings first."""
    return grouped(ratings(actor).filter(span.now("created_at")), "ticket__category__name", _("No category"))


def grouped(rows: QuerySet[TicketFeedback], field: str, nothing: str) -> list[Satisfaction]:
    """Ratings by one field, most first, in one query."""
    found = (
        rows.order_by()
        .values(field)
        .annotate(count=Count("pk"), mean=Avg("rating"), content=Count("pk", filter=Q(rating__gte=GOOD)))
    )
    lines = [
        Satisfaction(str(row[field] or nothing), row["count"], row["mean"], row["content"] / row["count"])
        for row in found
    ]
    return sorted(lines, key=lambda line: (-line.count, line.label))
