"""What a draft may point to: knowledge articles and resolved tickets of the same client (C16)."""

from __future__ import annotations

from typing import TypedDict

from django.db.models import Q

from classifier.engine.similarity import Comparable, duplicate_score, fingerprint
from ticketing.choices import ArticleVisibility
from ticketing.models import Article, Category, Ticket

_MIN_ARTICLE = 0.08
_CANDIDATES = 60
_ARTICLES = 3


class SourceData(TypedDict):
    """One source as the draft engine takes it."""

    title: str
    reference: str
    url: str


def draft_sources(*, ticket: Ticket, category: Category | None) -> list[SourceData]:
    """What the draft of a ticket may point to."""
    text = f"{ticket.subject}\n\n{ticket.body}"
    return article_sources(client_id=ticket.client_id, category=category, text=text)


def article_sources(*, client_id: int, category: Category | None, text: str) -> list[SourceData]:
    """The public articles nearest to the ticket's text, those of its category first.

    Only public articles: what a draft names is sent to the requester, and a colleague's ticket is not theirs.
    """
    own = Q(client=None) | Q(client_id=client_id)
    near = Q(category=None) | Q(category=category) if category else Q(category=None)
    rows = Article.objects.filter(own & near, is_published=True, visibility=ArticleVisibility.PUBLIC)
    mine = fingerprint(Comparable(text))
    scored: list[tuple[float, Article]] = []
    for row in rows.only("title", "slug", "body", "category_id")[:_CANDIDATES]:
        score = duplicate_score(mine, Comparable(f"{row.title}\n\n{row.title}\n\n{row.body}")).parts["text"]
        if score >= _MIN_ARTICLE:
            scored.append((score, row))
    scored.sort(key=lambda pair: -pair[0])
    return [SourceData(title=row.title, reference="", url="") for _, row in scored[:_ARTICLES]]
