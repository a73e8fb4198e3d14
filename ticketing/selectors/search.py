"""Full-text search over tickets; PostgreSQL and SQLite behind one function (T9)."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.db import connection
from django.db.models import F, Func, Q, QuerySet

from ticketing.models import Ticket, TicketSearchDocument

_WORD = re.compile(r"[\w@.\-+]+", re.UNICODE)
_MAX_WORDS = 12


def tickets_search(tickets: QuerySet[Ticket], query: str) -> QuerySet[Ticket]:
    """The tickets that contain every word of the query, or whose reference or address contains it."""
    words = _WORD.findall(query)[:_MAX_WORDS]
    if not words:
        return tickets.none() if query.strip() else tickets
    documents = _sqlite(words) if connection.vendor == "sqlite" else _postgres(words)
    return tickets.filter(pk__in=documents)


def _sqlite(words: list[str]) -> QuerySet[Any, Any]:
    """Quoted words with a prefix match; quoting makes operators plain text."""
    match = " ".join('"' + word.replace('"', "") + '"*' for word in words)
    return TicketSearchDocument.objects.extra(
        where=["ticket_id IN (SELECT rowid FROM ticket_search WHERE ticket_search MATCH %s)"], params=[match]
    ).values("ticket_id")


def _postgres(words: list[str]) -> QuerySet[Any, Any]:
    """The GIN index answers words by their beginning; the trigram index parts of references and addresses.

    The vector is written exactly as the index has it; any other spelling reads every row.
    """
    vector = Func(
        F("identifiers"),
        F("text"),
        template="to_tsvector('simple', %(expressions)s)",
        arg_joiner=" || ' ' || ",
        output_field=SearchVectorField(),
    )
    query = SearchQuery(" & ".join(f"'{word}':*" for word in words), config="simple", search_type="raw")
    return (
        TicketSearchDocument.objects.annotate(document=vector)
        .filter(Q(document=query) | Q(identifiers__icontains=" ".join(words)))
        .values("ticket_id")
    )
