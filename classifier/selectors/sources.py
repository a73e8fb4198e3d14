"""What a draft may point to: knowledge articles and resolved tickets of the same client (C16)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from django.db.models import Q

from classifier.engine.similarity import Comparable, duplicate_score, fingerprint
from classifier.selectors.neighbours import similar_tickets
from ticketing.choices import ArticleVisibility
from ticketing.models import Article, Category, Message, Ticket

_MIN_ARTICLE = 0.08
_CANDIDATES = 60
_ARTICLES = 3
_TICKETS = 2
_ASKED = 10
_COMPARED = 3_000


class SourceData(TypedDict):
    """One source as the draft engine takes it."""

    title: str
    reference: str
    url: str


@dataclass(frozen=True, slots=True)
class DraftSource:
    """Something a draft may rest on. Only what is public may be named to the requester."""

    title: str
    text: str
    reference: str = ""
    url: str = ""
    is_public: bool = True

    def cited(self) -> SourceData:
        """As the draft keeps it."""
        return SourceData(title=self.title, reference=self.reference, url=self.url)


def draft_sources(*, ticket: Ticket, category: Category | None) -> list[DraftSource]:
    """The nearest public articles, then the nearest resolved tickets of the client with what was answered."""
    text = f"{ticket.subject}\n\n{ticket.body}"
    articles = article_sources(client_id=ticket.client_id, category=category, text=text)
    return articles + resolved_sources(ticket=ticket, category=category)


def article_sources(*, client_id: int, category: Category | None, text: str) -> list[DraftSource]:
    """The public articles nearest to a text: what a draft names is sent to the requester."""
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
    return [DraftSource(title=row.title, text=row.body) for _, row in scored[:_ARTICLES]]


def resolved_sources(*, ticket: Ticket, category: Category | None) -> list[DraftSource]:
    """The nearest resolved tickets of the client, with the last public answer of an agent."""
    nearest = [item.key for item in similar_tickets(ticket=ticket, k=_ASKED, only_resolved=True)]
    rows = Ticket.objects.filter(pk__in=nearest).only("reference", "subject", "body", "uuid")
    rows = rows.filter(category=category) if category else rows.exclude(category__allow_external_llm=False)
    known, answers = {row.pk: row for row in rows}, _last_answers(nearest)
    near = [known[pk] for pk in nearest if pk in known and pk in answers]
    return [
        DraftSource(
            title=row.subject,
            text=f"Asked: {row.body[:_COMPARED]}\nAnswered: {answers[row.pk]}",
            reference=row.reference,
            url=row.get_absolute_url(),
            is_public=False,
        )
        for row in near[:_TICKETS]
    ]


def _last_answers(ticket_ids: list[int]) -> dict[int, str]:
    """The newest public reply of an agent on each ticket."""
    rows = Message.objects.filter(
        ticket__in=ticket_ids, is_public=True, author_kind=Message.AuthorKind.AGENT
    ).order_by("pk")
    return {row.ticket_id: row.body for row in rows.only("ticket_id", "body")}
