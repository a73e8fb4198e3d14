"""Filters of the classification history."""

from __future__ import annotations

import django_filters

from classifier.models import Classification


class ClassificationFilter(django_filters.FilterSet):
    """Explicit filters (API.md)."""

    user_id = django_filters.CharFilter(field_name="user_reference")
    category = django_filters.CharFilter()
    engine = django_filters.CharFilter()
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Classification
        fields = ("user_id", "category", "engine", "created_after", "created_before")
