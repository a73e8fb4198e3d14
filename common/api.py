"""What every API list shares."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination as BaseCursorPagination
from rest_framework.request import Request

from common.exceptions import ValidationFailed


def without_nul(value: Any) -> Any:
    """A JSON value as PostgreSQL can keep it. Raises ValidationError for a NUL character, however deep."""
    if isinstance(value, str) and "\x00" in value:
        raise ValidationError("Null characters are not allowed.")
    if isinstance(value, dict):
        for key, inner in value.items():
            without_nul(key)
            without_nul(inner)
    elif isinstance(value, list):
        for inner in value:
            without_nul(inner)
    return value


class CursorPagination(BaseCursorPagination):
    """Cursor pages in an allow-listed order.

    Views set ``ordering_fields`` (public name → model field, must not be null) and ``ordering``.
    """

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    invalid_cursor_message = "The cursor is not valid."

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        """The requested order with the primary key as tie-breaker. Raises ValidationFailed."""
        allowed: dict[str, str] = getattr(view, "ordering_fields", {})
        wanted = request.query_params.get("ordering", "").strip() or getattr(view, "ordering", "-pk")
        names = []
        for part in wanted.split(","):
            sign, name = ("-", part[1:]) if part.startswith("-") else ("", part)
            if name not in allowed and part != getattr(view, "ordering", "-pk"):
                choices = ", ".join(allowed) or "none"
                raise ValidationFailed(fields={"ordering": [f"Choose from: {choices}."]})
            names.append(sign + allowed.get(name, name))
        if names[-1].lstrip("-") not in {"pk", "id"}:
            names.append("-pk" if names[-1].startswith("-") else "pk")
        return tuple(names)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The OpenAPI form of a page."""
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": link, "previous": link},
        }
