"""What the command palette of the back office finds: a few tickets, requesters and articles (T9)."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from unfold.dataclasses import SearchResult

from teams.api.actors import actor_of
from ticketing.models import Article, Requester, Ticket
from ticketing.selectors.search import tickets_search

_EACH = 6
_SHORTEST = 2


def admin_search(request: HttpRequest, search_term: str) -> list[SearchResult]:
    """The best of each kind that the person may see: three queries, whatever the size of the tables."""
    actor, term = actor_of(request), search_term.strip()
    if not actor.is_lead or len(term) < _SHORTEST:
        return []
    tickets = Ticket.objects.visible_to(actor)
    named = tickets.filter(reference=term.upper())
    rows = list(named or tickets_search(tickets, term, actor=actor).order_by("-created_at", "-pk")[:_EACH])
    people = Requester.objects.visible_to(actor).filter(
        Q(name__icontains=term) | Q(external_id=term) | Q(addresses__email__istartswith=term)
    )
    articles = Article.objects.visible_to(actor).filter(title__icontains=term)
    return [
        *(_result(f"{row.reference} {row.subject}", _("Ticket"), "confirmation_number", row) for row in rows),
        *(
            _result(str(row), _("Requester"), "person", row)
            for row in people.distinct().order_by("pk")[:_EACH]
        ),
        *(_result(row.title, _("Article"), "menu_book", row) for row in articles.order_by("pk")[:_EACH]),
    ]


def _result(title: str, kind: str, icon: str, row: Ticket | Requester | Article) -> SearchResult:
    link = reverse(f"admin:ticketing_{row._meta.model_name}_change", args=[row.pk])
    return SearchResult(title=title[:120], description=kind, link=link, icon=icon)
