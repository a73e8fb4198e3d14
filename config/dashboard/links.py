"""Addresses of the lists behind the figures."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from ticketing.selectors.volume import Span


def rows(name: str, **query: Any) -> str:
    """A list of the back office, filtered."""
    url = reverse(f"admin:{name}_changelist")
    return f"{url}?{urlencode(query)}" if query else url


def tickets(**query: Any) -> str:
    """The list of tickets, filtered."""
    return rows("ticketing_ticket", **query)


def ticket_set(name: str, span: Span | None = None, **query: Any) -> str:
    """The tickets of a named set, in a period."""
    if span is not None:
        query = {"since": span.start.isoformat(), "until": span.until.isoformat(), **query}
    return tickets(set=name, **query)


def opened(span: Span, **query: Any) -> str:
    """Tickets opened in a period."""
    return ticket_set("opened", span, **query)


def within(span: Span, field: str) -> dict[str, str]:
    """The period as filters of a list of the back office."""
    return {f"{field}__gte": span.start.isoformat(), f"{field}__lt": span.until.isoformat()}
