"""Macros and saved views in the back office: what is shared, for leads."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from teams.admin import ClientAdmin, HistoryAdmin
from ticketing.models import Macro, SavedView


class OwnedByMaker(ClientAdmin):
    """Whoever makes a row owns it; the client must be the person's."""

    exclude: Any = ("owner",)

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """The owner is set once."""
        if not change:
            obj.owner_id = request.user.pk
        super().save_model(request, obj, form, change)


@admin.register(Macro)
class MacrosAdmin(OwnedByMaker, HistoryAdmin):
    """Canned replies and changes of fields, used from a ticket and in bulk."""

    list_display = ("name", "scope", "team", "client", "status", "owner", "is_active")
    list_filter = ("client", "scope", "is_active")
    search_fields = ("name", "body")
    list_select_related = ("client", "team", "owner")


@admin.register(SavedView)
class SavedViewsAdmin(OwnedByMaker):
    """Views of the desk under a name."""

    list_display = ("name", "scope", "team", "client", "query", "owner")
    list_filter = ("client", "scope")
    search_fields = ("name",)
    list_select_related = ("client", "team", "owner")
