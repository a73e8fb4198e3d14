"""What a requester sees: own tickets, their public side, articles that may help."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.actors import Actor, ActorKind, Role
from common.letters import shortened
from teams.models import Client
from ticketing.choices import DecisionState, StatusCategory, TriageField
from ticketing.models import Article, Category, Ticket
from ticketing.querysets import statuses_in

TABS: Final = {"open": ("open",), "waiting": ("waiting",), "done": ("resolved", "closed")}
_TAB_LABELS: Final = {"": _("All"), "open": _("Open"), "waiting": _("Waiting for you"), "done": _("Finished")}
_ARTICLES: Final = 4
_MARKS: Final = re.compile(r"^\s*(?:\d+[.)]|[-*>])\s+|[*_`]")
_WAITS_AFTER: Final = timedelta(seconds=20)


def portal_actor(actor: Actor) -> Actor:
    """The person as a requester: on the portal nobody is more, whatever the person may do elsewhere."""
    if actor.role is Role.ANONYMOUS:
        return actor
    return replace(actor, kind=ActorKind.REQUESTER, role=Role.REQUESTER, team_ids=frozenset())


def own_tickets(actor: Actor) -> QuerySet[Ticket]:
    """Tickets the person asked for; nothing else, not even for staff."""
    rows: QuerySet[Ticket] = Ticket.objects.visible_to(portal_actor(actor))
    return rows


def in_tab(tickets: QuerySet[Ticket], tab: str) -> QuerySet[Ticket]:
    """The tickets of one tab, last changed first."""
    rows = tickets.filter(status__in=statuses_in(*TABS[tab])) if tab else tickets
    return rows.order_by("-updated_at", "-pk")


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab with its count."""

    label: str
    url: str
    count: int
    current: bool


def tabs_of(tickets: QuerySet[Ticket], current: str, base: str) -> list[Tab]:
    """All tabs with their counts, in one query."""
    counts = tickets.aggregate(
        every=Count("pk"), **{tab: Count("pk", filter=Q(status__in=statuses_in(*TABS[tab]))) for tab in TABS}
    )
    return [
        Tab(str(label), f"{base}?state={tab}" if tab else base, counts[tab or "every"], tab == current)
        for tab, label in _TAB_LABELS.items()
    ]


def receipt_state(ticket: Ticket) -> str:
    """Whether the ticket is sorted (done), being sorted (running), or waits for a worker (waiting)."""
    if ticket.triaged_at is not None:
        return "done"
    return "waiting" if ticket.created_at < timezone.now() - _WAITS_AFTER else "running"


def respond_by(ticket: Ticket) -> datetime | None:
    """When a first answer is promised: the earliest deadline until somebody has answered; none afterwards."""
    return None if ticket.first_response_at else ticket.next_due_at


def likely_category(ticket: Ticket) -> str:
    """The name of a suggested category nobody has confirmed; empty where there is none."""
    row = ticket.decisions.filter(field=TriageField.CATEGORY, state=DecisionState.SUGGESTED).first()
    if row is None:
        return ""
    category = Category.objects.filter(taxonomy_id=ticket.taxonomy_id, slug=row.value).first()
    return category.name if category else ""


def reopens(ticket: Ticket) -> bool:
    """Whether a reply opens a resolved ticket again; later it opens a linked follow-up."""
    until = reopen_until(ticket)
    return until is not None and timezone.now() <= until


def reopen_until(ticket: Ticket) -> datetime | None:
    """Until when a reply opens a resolved ticket again; None for one in any other state."""
    if ticket.status_category != StatusCategory.RESOLVED or ticket.resolved_at is None:
        return None
    return ticket.resolved_at + timedelta(days=ticket.client.ticketing_settings.reopen_days)


@dataclass(frozen=True, slots=True)
class ArticleLine:
    """An article as a link with its first words."""

    title: str
    url: str
    text: str


def helpful_articles(client: Client, *, category: Category | None = None) -> list[ArticleLine]:
    """Public articles: those of the category, else the client's and the shared ones."""
    taxonomy = client.ticketing_settings.taxonomy_id
    rows: Any = public_articles(client).filter(Q(category=None) | Q(category__taxonomy=taxonomy))
    if category is not None:
        rows = rows.filter(category=category)
    return [
        ArticleLine(row.title, reverse("portal:article", args=[row.uuid]), shortened(_plain(row.body), 90))
        for row in rows[:_ARTICLES]
    ]


def public_articles(client: Client) -> QuerySet[Article]:
    """Published articles that this client's requesters may read."""
    rows: QuerySet[Article] = Article.objects.for_client(client.pk).public()
    return rows


def _plain(markdown: str) -> str:
    lines = (_MARKS.sub("", line).strip() for line in markdown.splitlines() if not line.startswith("#"))
    return " ".join(line for line in lines if line)
