"""What an answer in the chat may rest on: articles, own tickets, and for agents resolved tickets (C22)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypedDict

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.text import Truncator

from classifier.choices import ChatAudience
from classifier.engine.similarity import Comparable, duplicate_score, fingerprint
from classifier.models import ChatConvo
from classifier.selectors.neighbours import SIMILAR_FROM, nearest_tickets
from classifier.selectors.spaces import active_space
from common.actors import Actor
from common.wording import recorded
from ticketing.choices import Status
from ticketing.models import Article, Message, Ticket
from ticketing.querysets import statuses_in
from ticketing.selectors.articles import Found, articles_of, articles_search, plain_text

REFERENCE: Final = re.compile(r"\bSW-(\d{1,18})\b", re.IGNORECASE)
_ABOUT_OWN: Final = re.compile(
    r"\b(?:my|open|meine?)\b[^.?!]{0,40}\b(?:tickets?|requests?|cases?|anfragen?)\b|\bstatus\b|\bstand der\b",
    re.IGNORECASE,
)
_MIN_WEIGHT: Final = 4.0
"""Of 27 questions tried on the shipped articles all fifteen with an answer were led to it, fourteen of them
first; of twelve without one nine were led nowhere."""
_MIN_OF_BEST: Final = 0.3
_ARTICLES: Final = 3
_NAMED: Final = 5
_LISTED: Final = 5
_RECENT: Final = 50
_MIN_LIKE: Final = 0.22
_RESOLVED: Final = 2
_ASKED: Final = 12
_ANSWER_CHARACTERS: Final = 1_200


class SourceLine(TypedDict):
    """A source as it is kept and shown."""

    kind: Literal["article", "ticket", "resolved"]
    title: str
    reference: str
    url: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class ChatSource:
    """Something an answer may rest on; ``may_leave`` is False where the category keeps its texts in."""

    line: SourceLine
    text: str
    may_leave: bool = True


@dataclass(frozen=True, slots=True)
class ChatFindings:
    """What was found for a question; ``unknown`` are references the caller may not know of."""

    named: Sequence[Ticket] = ()
    unknown: Sequence[str] = ()
    own: Sequence[Ticket] = ()
    lists_own: bool = False
    articles: Sequence[ChatSource] = ()
    tickets: Sequence[ChatSource] = ()

    @property
    def sources(self) -> list[ChatSource]:
        """All, what was asked for by name first."""
        return [*self.tickets, *self.articles]


def chat_findings(*, convo: ChatConvo, actor: Actor, question: str, context: str = "") -> ChatFindings:
    """Everything that may answer a question; ``context`` is what else was said or attached.

    Whatever is found the actor may see: a reference of somebody else's ticket is unknown, as one that does
    not exist.
    """
    visible = Ticket.objects.visible_to(actor).filter(client=convo.client).select_related("category", "team")
    wanted = [f"SW-{number}" for number in dict.fromkeys(REFERENCE.findall(question))][:_NAMED]
    named = list(visible.filter(reference__in=wanted)) if wanted else []
    known = {ticket.reference for ticket in named}
    unknown = [reference for reference in wanted if reference not in known]
    lists_own = not wanted and convo.audience == ChatAudience.REQUESTER and bool(_ABOUT_OWN.search(question))
    text = f"{question}\n{context}".strip()
    if convo.about is not None:
        text = f"{text}\n{convo.about.subject}\n{convo.about.body[:_ANSWER_CHARACTERS]}"
    own = list(visible.open().order_by("-updated_at")[:_LISTED]) if lists_own else []
    found = _articles(convo, actor, text)
    like = _like(convo, actor, visible, text, {ticket.pk for ticket in (*named, *own)})
    tickets = [ticket_source(ticket, convo.audience) for ticket in (*named, *own)]
    return ChatFindings(
        named=named, unknown=unknown, own=own, lists_own=lists_own, articles=found, tickets=[*tickets, *like]
    )


def _articles(convo: ChatConvo, actor: Actor, text: str) -> list[ChatSource]:
    rows = articles_of(actor, convo.client)
    hits = articles_search(rows, text, limit=_ARTICLES)
    telling = [hit for hit in hits if hit.holds_all or (hit.in_title and hit.weight >= _MIN_WEIGHT)]
    bound = max((hit.score for hit in telling), default=0.0) * _MIN_OF_BEST
    return [article_source(hit, convo.audience) for hit in telling if hit.score >= bound]


def article_source(hit: Found, audience: str) -> ChatSource:
    """An article with its address for the reader."""
    page = "portal:article" if audience == ChatAudience.REQUESTER else "desk:article"
    article: Article = hit.article
    line = SourceLine(
        kind="article",
        title=article.title,
        reference="",
        url=reverse(page, args=[article.uuid]),
        excerpt=hit.excerpt,
    )
    closed = article.category is not None and not article.category.allow_external_llm
    return ChatSource(line, plain_text(article.body), may_leave=not closed)


def _like(
    convo: ChatConvo, actor: Actor, visible: QuerySet[Ticket], text: str, known: set[int]
) -> list[ChatSource]:
    """Tickets in like words: a requester's own, or what an agent may see of the client's resolved ones."""
    if convo.audience == ChatAudience.REQUESTER:
        mine = fingerprint(Comparable(text))
        scored = [
            (duplicate_score(mine, Comparable(f"{row.subject}\n\n{row.body}")).parts["text"], row)
            for row in visible.exclude(pk__in=known).order_by("-updated_at")[:_RECENT]
        ]
        near = sorted((pair for pair in scored if pair[0] >= _MIN_LIKE), key=lambda pair: -pair[0])
        return [ticket_source(row, convo.audience) for _, row in near[:_RESOLVED]]
    return [
        ticket_source(row, convo.audience, resolved=True) for row in _resolved(convo, visible, text, known)
    ]


def _resolved(convo: ChatConvo, visible: QuerySet[Ticket], text: str, known: set[int]) -> list[Ticket]:
    loaded = active_space()
    if loaded is None:
        return []
    near = nearest_tickets(
        client=convo.client,
        vector=loaded.space.embed([text])[0],
        space_id=loaded.pk,
        k=_ASKED,
        only_resolved=True,
    )
    keys = [item.key for item in near if item.similarity >= SIMILAR_FROM and item.key not in known]
    answered = Message.objects.filter(is_public=True, author_kind=Message.AuthorKind.AGENT)
    rows = visible.filter(pk__in=keys, messages__in=answered).distinct()
    rows = rows.filter(status__in=statuses_in("resolved", "closed"))
    found = {row.pk: row for row in rows}
    return [found[key] for key in keys if key in found][:_RESOLVED]


def ticket_source(ticket: Ticket, audience: str, *, resolved: bool = False) -> ChatSource:
    """A ticket with its state and the last public answer of an agent."""
    requester = audience == ChatAudience.REQUESTER
    url = reverse("portal:ticket", args=[ticket.uuid]) if requester else ticket.get_absolute_url()
    answer = (
        ticket.messages.filter(is_public=True, author_kind=Message.AuthorKind.AGENT)
        .order_by("-pk")
        .values_list("body", flat=True)
        .first()
    )
    line = SourceLine(
        kind="resolved" if resolved else "ticket",
        title=ticket.subject,
        reference=ticket.reference,
        url=url,
        # The own words say nothing new to the one who wrote them.
        excerpt=Truncator(" ".join(plain_text(answer or "").split())).chars(180),
    )
    status = recorded(Status(ticket.status).label)
    text = f"{ticket.reference}, {status}. Asked: {ticket.body[:_ANSWER_CHARACTERS]}"
    if answer:
        text += f"\nAnswered: {answer[:_ANSWER_CHARACTERS]}"
    closed = ticket.category is not None and not ticket.category.allow_external_llm
    return ChatSource(line, text, may_leave=not closed)
