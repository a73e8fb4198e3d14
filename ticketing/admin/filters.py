"""What narrows the list of tickets beyond single fields: named sets, imports; and its bounded count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.admin import ListFilter
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

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


@dataclass(frozen=True, slots=True)
class ActiveFilter:
    """A filter that narrows a list now: what it looks at, what it is set to, and the address without it."""

    title: str
    value: str
    without: str


def active_filters(changelist: Any) -> list[ActiveFilter]:
    """Every filter and the search words a list is narrowed by, in the order of the filters."""
    found = [_active(spec, changelist) for spec in changelist.filter_specs]
    if changelist.query:
        found.append(ActiveFilter(_("Words"), changelist.query, changelist.get_query_string(remove=["q"])))
    return [item for item in found if item is not None]


def _active(spec: Any, changelist: Any) -> ActiveFilter | None:
    names = [name for name in spec.expected_parameters() if name and name in changelist.filter_params]
    if not names:
        return None
    without = changelist.get_query_string(remove=names)
    # The first choice of a filter stands for "all"; one without choices (a range) is told by its values.
    chosen = [str(row["display"]) for row in list(spec.choices(changelist))[1:] if row.get("selected")]
    given = [", ".join(map(str, changelist.filter_params[name])) for name in names]
    return ActiveFilter(str(spec.title), ", ".join(chosen) or " – ".join(filter(None, given)), without)


class AddressFilter(ListFilter):
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
            "display": _("All"),
        }
        yield {"selected": True, "query_string": changelist.get_query_string(), "display": self.chosen}


class SetFilter(AddressFilter):
    """One of the sets that figures count (``common.registries.ticket_sets``), from ``since`` to ``until``."""

    title = gettext_lazy("figure")
    names = ("set", "since", "until")

    @property
    def chosen(self) -> str:
        """The set's own words."""
        name = self.used_parameters.get("set", "")
        return ticket_sets.get(name).label if name in ticket_sets else _("Nothing")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> QuerySet[Ticket]:
        """The rows of the set; an address that names none shows nothing rather than everything."""
        name = self.used_parameters.get("set", "")
        since, until = (moment_given(self.used_parameters.get(end, "")) for end in ("since", "until"))
        if name not in ticket_sets:
            return queryset.none()
        return ticket_sets.get(name).narrow(queryset, since, until)


class BatchFilter(AddressFilter):
    """The tickets of one import."""

    title = gettext_lazy("import")
    names = ("batch",)
    chosen = gettext_lazy("One import")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> QuerySet[Ticket]:
        """By the id of the batch."""
        try:
            uuid = UUID(self.used_parameters["batch"])
        except ValueError:
            return queryset.none()
        return queryset.filter(imported_from__batch__uuid=uuid)


def moment_given(text: str) -> datetime | None:
    """A moment from an address, with its zone; None for anything else."""
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    return found if found.tzinfo else None
