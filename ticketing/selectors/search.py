"""Full-text search over tickets; PostgreSQL and SQLite behind one function (T9)."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.db import connection
from django.db.models import F, Func, Q, QuerySet

from common.actors import Actor
from ticketing.models import Ticket, TicketSearchDocument

Tickets = TypeVar("Tickets", bound="QuerySet[Ticket]")

_WORD = re.compile(r"[\w@.\-+]+", re.UNICODE)
_MAX_WORDS = 12
_PART = 3
"""A part of a reference or address must have so many letters: the trigram indexes know no shorter ones."""

_FEW = 10_000
"""Up to so many documents the matching ones are looked up first and then ordered."""

_MATCH = "ticket_id IN (SELECT rowid FROM {0} WHERE {0} MATCH %s)"


def tickets_search(tickets: Tickets, query: str, *, actor: Actor, at_once: bool = False) -> Tickets:
    """The tickets that contain every word of the query, or whose reference or address contains it.

    Only staff find by internal notes and by other people's names and addresses. ``at_once`` keeps all in one
    statement: for counts, which are in no order.
    """
    words = _WORD.findall(query)[:_MAX_WORDS]
    if not words:
        return tickets.none() if query.strip() else tickets
    engine = _sqlite if connection.vendor == "sqlite" else _postgres
    rows = engine(words, everything=actor.is_staff)
    slow = connection.vendor == "postgresql" and actor.is_staff and not at_once
    found = Q(pk__in=_few_first(rows) if slow else rows)
    if not actor.is_staff:
        found |= Q(reference__iexact=query.strip())
    return tickets.filter(found)


def _sqlite(words: list[str], *, everything: bool) -> QuerySet[Any, Any]:
    """Quoted words with a prefix match; quoting makes operators plain text."""
    match = " ".join('"' + word.replace('"', "") + '"*' for word in words)
    if not everything:
        return _matching("ticket_search", f"{{text}} : ({match})")
    rows = _matching("ticket_search", match)
    part = " ".join(words)
    if len(part) < _PART:
        return rows
    parts = _matching("ticket_search_parts", '"' + part.replace('"', "") + '"')
    return TicketSearchDocument.objects.filter(Q(pk__in=rows) | Q(pk__in=parts)).values("ticket_id")


def _matching(table: str, match: str) -> QuerySet[Any, Any]:
    # The table's name is one of two constants; what a person wrote is a parameter.
    rows = TicketSearchDocument.objects.extra(where=[_MATCH.format(table)], params=[match])  # noqa: S610
    return rows.values("ticket_id")


def _postgres(words: list[str], *, everything: bool) -> QuerySet[Any, Any]:
    """The GIN index answers words by their beginning; the trigram index parts of references and addresses.

    The vector of staff is written exactly as the index has it; any other spelling reads every row. Those who
    ask for themselves have few tickets, and read them without an index.
    """
    names = ("identifiers", "text", "notes") if everything else ("text",)
    vector = Func(
        *(F(name) for name in names),
        template="to_tsvector('simple', %(expressions)s)",
        arg_joiner=" || ' ' || ",
        output_field=SearchVectorField(),
    )
    query = SearchQuery(" & ".join(f"'{word}':*" for word in words), config="simple", search_type="raw")
    found = Q(document=query)
    part = " ".join(words)
    if everything and len(part) >= _PART:
        found |= Q(identifiers__icontains=part)
    return TicketSearchDocument.objects.annotate(document=vector).filter(found).values("ticket_id")


def _few_first(rows: QuerySet[Any, Any]) -> QuerySet[Any, Any] | list[int]:
    """The numbers of the tickets when the index finds few; else leave the choice to the planner.

    The planner has no idea how rare a word is and walks all tickets from the newest, reading each document,
    until it has found a page of them: quick for a word of every tenth ticket, minutes for that of one.
    """
    few = list(rows.values_list("ticket_id", flat=True)[: _FEW + 1])
    return few if len(few) <= _FEW else rows
