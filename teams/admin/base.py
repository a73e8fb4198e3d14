"""Who sees and changes what in the back office: administrators all, leads what their clients own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.admin import RelatedFieldListFilter
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin, StackedInline, TabularInline

from common.actors import Actor
from teams.api.actors import actor_of
from teams.models import Client, User


def short_time(moment: datetime) -> SafeString:
    """Day and hour in one line of a list, with the exact time on hover."""
    at = localtime(moment)
    short = date_format(at, "SHORT_DATETIME_FORMAT" if at.year == localtime().year else "DATE_FORMAT")
    full = date_format(at, "DATETIME_FORMAT")
    return format_html(
        '<time class="no-wrap" datetime="{}" title="{}">{}</time>', at.isoformat(), full, short
    )


def actor_in_admin(request: HttpRequest) -> Actor:
    """The acting lead or administrator."""
    return actor_of(request)


def limited(rows: QuerySet[Any], actor: Actor) -> QuerySet[Any]:
    """What of a table an actor may see, by the table's own rule."""
    if actor.sees_every_client:
        return rows
    if hasattr(rows, "visible_to"):
        visible: QuerySet[Any] = rows.visible_to(actor)
        return visible
    names = {field.name for field in rows.model._meta.get_fields()}
    if rows.model is Client:
        return rows.filter(pk__in=actor.client_ids or [])
    if "client" in names:
        return rows.filter(client__in=actor.client_ids or [])
    if "ticket" in names:
        return rows.filter(ticket__client__in=actor.client_ids or [])
    return rows.none()


class ClientChoices:
    """Foreign keys offer only what the person may see."""

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Limit the choices of a related row; a row of another client is none."""
        manager = db_field.related_model._default_manager  # type: ignore[union-attr]
        kwargs.setdefault("queryset", limited(manager.all(), actor_in_admin(request)))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


class VisibleRelatedFilter(RelatedFieldListFilter):
    """A filter by a related row that names only what the person may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        """Rows of other clients are not even named."""
        rows = limited(field.related_model._default_manager.all(), actor_in_admin(request))
        return [(row.pk, str(row)) for row in rows[:_FILTER_CHOICES]]


_FILTER_CHOICES = 200


class ClientAdmin(ClientChoices, ModelAdmin):  # type: ignore[misc]
    """Reference data: leads change what belongs to their clients and read what is shared."""

    list_filter_submit = True
    compressed_fields = True
    warn_unsaved_form = True
    show_full_result_count = False
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """What the person may see."""
        return limited(super().get_queryset(request), actor_in_admin(request))

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Filters by related rows offer visible ones only."""
        return [self._visible(item) for item in super().get_list_filter(request)]

    def _visible(self, item: Any) -> Any:
        if not isinstance(item, str) or "__" in item:
            return item
        field = self.model._meta.get_field(item)
        limits = field.is_relation and field.related_model is not Group
        return (item, VisibleRelatedFilter) if limits else item

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Leads and administrators."""
        return actor_in_admin(request).is_lead

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Leads and administrators; which rows is decided by the queryset."""
        return actor_in_admin(request).is_lead

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leads and administrators."""
        return actor_in_admin(request).is_lead

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Shared rows serve every client: only an administrator changes them."""
        actor = actor_in_admin(request)
        return actor.is_lead and (obj is None or self.belongs_to(actor, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """As for changes."""
        return self.has_change_permission(request, obj)

    def belongs_to(self, actor: Actor, obj: Any) -> bool:
        """Whether a row is the actor's to change."""
        if actor.sees_every_client:
            return True
        client_id = getattr(obj, "client_id", None)
        return client_id is not None and actor.may_see_client(client_id)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A lead's new rows belong to one of the lead's clients: "shared" is not offered."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and db_field.name == "client" and not actor_in_admin(request).sees_every_client:
            field.required, field.empty_label = True, None
        return field


class HistoryAdmin(ClientAdmin, SimpleHistoryAdmin):
    """Reference data whose every version is kept. Old versions can be read, by whoever may see the row.

    They are not brought back from here: the form would start from the old row, with values in it that only an
    administrator may set.
    """

    def _seen_or_404(self, request: HttpRequest, object_id: str) -> None:
        """The pages of the history ask for a row themselves, past the queryset of this admin."""
        if not self.get_queryset(request).filter(pk=unquote(object_id)).exists():
            raise Http404

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The versions of a row the person may see."""
        self._seen_or_404(request, object_id)
        answer: HttpResponse = super().history_view(request, object_id, extra_context)
        return answer

    def history_form_view(
        self,
        request: HttpRequest,
        object_id: str,
        version_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One version, to read."""
        self._seen_or_404(request, object_id)
        if request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        answer: HttpResponse = super().history_form_view(request, object_id, version_id, extra_context)
        return answer

    def revert_disabled(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return True


class ReadOnlyAdmin(ClientAdmin):
    """Rows that only the application writes: tickets, runs, audit, outbox."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never by hand."""
        return False


class ActionAdmin(ReadOnlyAdmin):
    """Read-only rows with actions that call services."""

    def selected(self, request: HttpRequest, rows: QuerySet[Any]) -> list[Any]:
        """The chosen rows the person may see."""
        return list(limited(rows, actor_in_admin(request)))


class ReadOnlyInline(TabularInline):  # type: ignore[misc]
    """Rows beneath another, to look at."""

    extra = 0
    can_delete = False
    show_change_link = False
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never by hand."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever sees the row above."""
        return actor_in_admin(request).is_lead

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """All of them."""
        return self.fields or ()


class ChildInline(ClientChoices, TabularInline):  # type: ignore[misc]
    """Rows beneath another that are changed with it: whoever may change the parent may change them."""

    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever sees the row above."""
        return actor_in_admin(request).is_lead

    def _parent_may(self, request: HttpRequest, obj: Any) -> bool:
        parent = self.admin_site._registry.get(self.parent_model)
        return bool(parent and parent.has_change_permission(request, obj))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """With the parent."""
        return self._parent_may(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """With the parent."""
        return self._parent_may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """With the parent."""
        return self._parent_may(request, obj)


class StackedChild(ChildInline, StackedInline):  # type: ignore[misc]
    """The same, one below the other."""


def people_of(actor: Actor) -> QuerySet[User]:
    """People who work for the actor's clients."""
    rows: QuerySet[User] = User.objects.visible_to(actor)
    return rows
