"""What narrows the list of tickets beyond single fields: named sets, imports; and its bounded count."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.admin import ListFilter
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from common.registries import ticket_sets
from ticketing.models import Ticket

COUNTED = 5_000
"""Rows a list counts; of longer ones it only says that there are more."""


class AtLeast(int):
    """A count that was broken off."""

    def __str__(self) -> str:
        return f"{int(self):,}+"


class BoundedPaginator(Paginator):
    """Counts no further than ``COUNTED``: counting half a million rows costs more than showing fifty."""

    @cached_property
    def count(self) -> int:
        """The number of rows, or ``AtLeast``."""
        found = self.object_list.order_by().values("pk")[: COUNTED + 1].count()
        return AtLeast(COUNTED) if found > COUNTED else found


class _AddressFilter(ListFilter):
    """A filter that is set by links, not chosen from a list: shown only while it is on, to be taken off."""

    names: tuple[str, ...] = ()
    template = "admin/ticketing/link_filter.html"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.names:
            if name in params:
                given = params.pop(name)
                self.used_parameters[name] = given[-1] if isinstance(given, list) else given

    def has_output(self) -> bool:
        """Only while it is on."""
        return bool(self.used_parameters)

    def expected_parameters(self) -> list[str | None]:
        """The names in the address."""
        return list(self.names)

    @property
    def chosen(self) -> str:
        """What it is set to, in words."""
        return ""

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """All, and what is chosen."""
        yield {
            "selected": False,
            "query_string": changelist.get_query_string(remove=self.names),
            "display": "All",
        }
        yield {"selected": True, "query_string": changelist.get_query_string(), "display": self.chosen}


class SetFilter(_AddressFilter):
    """One of the sets that figures count (``common.registries.ticket_sets``), from ``since`` to ``until``."""

    title = "figure"
    names = ("set", "since", "until")

    @property
    def chosen(self) -> str:
        """The set's own words."""
        name = self.used_parameters.get("set", "")
        return ticket_sets.get(name).label if name in ticket_sets else "Nothing"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> QuerySet[Ticket]:
        """The rows of the set; an address that names none shows nothing rather than everything."""
        name = self.used_parameters.get("set", "")
        since, until = (_moment(self.used_parameters.get(end, "")) for end in ("since", "until"))
        if name not in ticket_sets:
            return queryset.none()
        return ticket_sets.get(name).narrow(queryset, since, until)


class BatchFilter(_AddressFilter):
    """The tickets of one import."""

    title = "import"
    names = ("batch",)
    chosen = "One import"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> QuerySet[Ticket]:
        """By the id of the batch."""
        try:
            uuid = UUID(self.used_parameters["batch"])
        except ValueError:
            return queryset.none()
        return queryset.filter(imported_from__batch__uuid=uuid)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    return found if found.tzinfo else None
