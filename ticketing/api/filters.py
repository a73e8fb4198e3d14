"""Explicit filters of the ticket list (API.md)."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError

from teams.api.actors import actor_of
from ticketing.choices import PRIORITY_ALIASES, STATUS_CATEGORY, Priority, Severity, Status, StatusCategory
from ticketing.models import Ticket
from ticketing.selectors.search import tickets_search

_MAX_IDS = 200


class CharInFilter(django_filters.BaseInFilter, django_filters.CharFilter):
    """Values separated by commas."""


class TicketFilter(django_filters.FilterSet):
    """Several values of one filter are alternatives; several filters must all hold."""

    status = CharInFilter(method="by_status")
    status_category = CharInFilter(method="by_status_category")
    category = CharInFilter(field_name="category__slug")
    severity = CharInFilter(method="by_severity")
    priority = CharInFilter(method="by_priority")
    team = CharInFilter(field_name="team__slug")
    assignee = CharInFilter(field_name="assignee__username")
    client_id = django_filters.CharFilter(field_name="client__slug")
    project = CharInFilter(field_name="project__slug")
    module = CharInFilter(field_name="module__slug")
    channel = CharInFilter()
    sentiment = CharInFilter()
    tag = CharInFilter(method="by_tag")
    needs_review = django_filters.BooleanFilter()
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    ids = CharInFilter(method="by_ids")
    q = django_filters.CharFilter(method="by_words")

    class Meta:
        model = Ticket
        fields: tuple[str, ...] = ()

    def by_status(self, rows: QuerySet[Ticket], name: str, value: list[str]) -> QuerySet[Ticket]:
        """Tickets in one of the statuses."""
        return rows.filter(status__in=_known(name, value, Status.values))

    def by_status_category(self, rows: QuerySet[Ticket], name: str, value: list[str]) -> QuerySet[Ticket]:
        """Tickets whose status belongs to one of the categories."""
        wanted = _known(name, value, StatusCategory.values)
        return rows.filter(status__in=[s for s, category in STATUS_CATEGORY.items() if category in wanted])

    def by_severity(self, rows: QuerySet[Ticket], name: str, value: list[str]) -> QuerySet[Ticket]:
        """Tickets of one of the severities."""
        return rows.filter(severity__in=_known(name, value, Severity.values))

    def by_priority(self, rows: QuerySet[Ticket], name: str, value: list[str]) -> QuerySet[Ticket]:
        """Tickets of one of the priorities, aliases included."""
        named = [PRIORITY_ALIASES.get(item, item) for item in value]
        return rows.filter(priority__in=_known(name, named, Priority.values))

    def by_tag(self, rows: QuerySet[Ticket], name: str, value: list[str]) -> QuerySet[Ticket]:
        """Tickets with one of the tags; each once."""
        return rows.filter(pk__in=rows.filter(tags__name__in=value).values("pk"))

    def by_ids(self, rows: QuerySet[Ticket], name: str, value: list[str]) -> QuerySet[Ticket]:
        """Tickets by reference."""
        if len(value) > _MAX_IDS:
            raise ValidationError({name: [f"At most {_MAX_IDS}."]})
        return rows.filter(reference__in=[item.strip().upper() for item in value])

    def by_words(self, rows: QuerySet[Ticket], name: str, value: str) -> QuerySet[Ticket]:
        """Full text."""
        return tickets_search(rows, value, actor=actor_of(self.request))


def _known(name: str, given: list[str], allowed: Any) -> list[str]:
    unknown = [item for item in given if item not in allowed]
    if unknown:
        raise ValidationError({name: [f"Use one of: {', '.join(allowed)}."]})
    return given
