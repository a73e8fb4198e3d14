"""Finding knowledge articles by words, the same way on both databases (C23)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Final

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from common.actors import Actor
from common.letters import shortened
from teams.models import Client
from ticketing.models import Article
from ticketing.selectors.desk import Page

_WORD: Final = re.compile(r"[^\W_][\w.\-]{1,60}")
_MAX_WORDS: Final = 16
_CANDIDATES: Final = 200
_READ: Final = 20_000
"""Characters of a body that count: more than the renderer takes at all."""
_TITLE_WEIGHT: Final = 3.0
_EXCERPT: Final = 180
_PAGE: Final = 30
_FEW: Final = 20
_MARKS: Final = re.compile(r"^\s*(?:\d+[.)]|[-*>])\s+|[*_`]|^#+\s*", re.MULTILINE)
_COMMON: Final = frozenset(
    """
    a about after again all also am an and any are as at be been but by can cannot could did do does
    doing done for from get got had has have hello help hi how i if in into is it its just me my need no
    not now of on or our out please she should since so some thanks that the their them then there they
    this to too up was we were what when where which who why will with would you your
    aber alle als am auch auf aus bei bitte da das dass dem den der des die ein eine einen es für hallo
    hat ich im in ist kann kein keine mein meine mit nach nicht noch oder seit sich sie so und uns von
    was wenn wie wir wird zu zum zur
    """.split()  # noqa: SIM905  a list of a hundred quoted words is harder to read
)


@dataclass(frozen=True, slots=True)
class Found:
    """An article that holds words of a query.

    ``score`` orders the hits of one query; ``weight`` can be compared between queries, for words an article
    does not hold cost it nothing. ``in_title``: a word stands in the title; ``holds_all``: none is missing.
    """

    article: Article
    score: float
    weight: float
    in_title: bool
    holds_all: bool
    excerpt: str


def articles_search(articles: QuerySet[Article], query: str, *, limit: int = 20) -> list[Found]:
    """The articles that hold words of the query, best first; rare words and words of the title count more.

    Words match by their stem, cut roughly, so that "installed" finds "installing". There are hundreds of
    articles, not millions: their texts are read and no index has to be kept in step.
    """
    stems = query_stems(query)
    if not stems:
        return []
    either: Any = reduce(or_, (Q(title__icontains=stem) | Q(body__icontains=stem) for stem in stems))
    rows = list(articles.filter(either).order_by("-updated_at", "pk")[:_CANDIDATES])
    texts = [(row.title.casefold(), row.body[:_READ].casefold()) for row in rows]
    every = articles.count()
    weights = {stem: _rarity(stem, texts, every) for stem in stems}
    found = [_found(row, text, weights) for row, text in zip(rows, texts, strict=True)]
    found.sort(key=lambda item: (-item.score, item.article.title))
    return found[:limit]


def query_stems(query: str) -> list[str]:
    """The telling words of a query without their endings, each once."""
    words = (word.strip(".-").casefold() for word in _WORD.findall(query[:4_000]))
    stems = (_stem(word) for word in words if word not in _COMMON)
    return [stem for stem in dict.fromkeys(stems) if len(stem) > 1][:_MAX_WORDS]


def _stem(word: str) -> str:
    if len(word) < 6 or any(letter.isdigit() for letter in word):
        return word
    return word[: max(5, len(word) - 3)]


def _rarity(stem: str, texts: list[tuple[str, str]], every: int) -> float:
    holding = sum(stem in title or stem in body for title, body in texts)
    # In a handful of articles no word is rare; they are weighed as if they were some more.
    return math.log(1.0 + (max(every, _FEW) + 1) / (holding + 1))


def _found(row: Article, text: tuple[str, str], weights: dict[str, float]) -> Found:
    title, body = text
    total = held = 0.0
    for stem, weight in weights.items():
        in_title, in_body = stem in title, body.count(stem)
        if in_title or in_body:
            held += weight
            total += weight * (_TITLE_WEIGHT * in_title + min(in_body, 3) / 2)
    # A text that holds one word often says less than one that holds several words once.
    score = total * held / sum(weights.values())
    named = any(stem in title for stem in weights)
    complete = all(stem in title or stem in body for stem in weights)
    return Found(row, round(score, 4), round(total, 4), named, complete, _excerpt(row.body, list(weights)))


def _excerpt(body: str, stems: list[str]) -> str:
    """The sentence of the first hit and what follows, as plain text; the beginning where that is near."""
    text = " ".join(plain_text(body).split())
    places = [place for stem in stems if (place := text.casefold().find(stem)) >= 0]
    hit = min(places, default=0)
    if hit < _EXCERPT - 40:
        return shortened(text, _EXCERPT)
    sentence = max(text.rfind(mark, 0, hit) for mark in (". ", "? ", ": ")) + 2
    start = sentence if hit - sentence < _EXCERPT // 2 else text.rfind(" ", 0, hit - 40) + 1
    return f"…{shortened(text[start:], _EXCERPT)}"


def plain_text(markdown: str) -> str:
    """Markdown without its marks, for excerpts and sources."""
    return _MARKS.sub("", markdown)


def readable_articles(actor: Actor) -> QuerySet[Article]:
    """Published articles within an actor's reach: internal ones for staff only."""
    rows: QuerySet[Article] = Article.objects.visible_to(actor).published().for_list()
    return rows


def articles_of(actor: Actor, client: Client) -> QuerySet[Article]:
    """What an actor may read of one client's knowledge: its own and the shared articles of its taxonomy."""
    taxonomy = client.ticketing_settings.taxonomy_id
    rows: QuerySet[Article] = readable_articles(actor).filter(
        Q(client=None) | Q(client=client), Q(category=None) | Q(category__taxonomy=taxonomy)
    )
    return rows


def article_page(rows: QuerySet[Article], number: str, base: str) -> tuple[list[Found], Page | None]:
    """One page of articles by title, with their first words, and the way to the pages beside it."""
    paginator = Paginator(rows.order_by("title", "pk"), _PAGE)
    page = paginator.get_page(number)
    lines = [Found(row, 0.0, 0.0, False, False, _excerpt(row.body, [])) for row in page.object_list]
    if not paginator.count:
        return [], None
    label = _("%(start_index)s–%(end_index)s of %(count)s") % {
        "start_index": page.start_index(),
        "end_index": page.end_index(),
        "count": paginator.count,
    }
    before = f"{base}?page={page.previous_page_number()}" if page.has_previous() else ""
    after = f"{base}?page={page.next_page_number()}" if page.has_next() else ""
    return lines, Page(label, before, after)
