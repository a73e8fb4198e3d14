"""Tickets in the back office: to look at, and to change through services (STYLE 7)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from common.actors import Deed
from common.exceptions import ApplicationError
from common.phrases import retold
from teams.admin import ActionAdmin, ReadOnlyAdmin, ReadOnlyInline, actor_in_admin, limited, short_time
from teams.models import Team
from ticketing.admin.filters import BatchFilter, BoundedPaginator, SetFilter, active_filters
from ticketing.choices import ExportFormat, Status
from ticketing.models import (
    Assignment,
    Attachment,
    FieldDecision,
    Message,
    Requester,
    RequesterAddress,
    Ticket,
    TicketEvent,
    TicketExport,
)
from ticketing.selectors.search import tickets_search
from ticketing.services.desk import ticket_hand_over
from ticketing.services.export import CONTENT_TYPES, tickets_export
from ticketing.services.tickets import status_change

BULK_LIMIT = 500
STATUS_COLOURS = {"open": "info", "waiting": "warning", "resolved": "success", "closed": "default"}
SEVERITY_COLOURS = {"critical": "danger", "high": "warning", "medium": "info", "low": "success"}


class DecisionInline(ReadOnlyInline):
    """What triage and people decided, field by field."""

    model = FieldDecision
    fields = ("field", "value", "state", "confidence", "source", "decided_by", "why")
    readonly_fields = ("why",)
    verbose_name_plural = gettext_lazy("Decisions")

    @admin.display(description=gettext_lazy("Reasoning"))
    def why(self, row: FieldDecision) -> str:
        """The recorded reason in the reader's language."""
        return retold(row.reasoning)


class MessageInline(ReadOnlyInline):
    """The conversation."""

    model = Message
    fields = ("created_at", "author_label", "is_public", "body")
    verbose_name_plural = gettext_lazy("Conversation")


class AssignmentInline(ReadOnlyInline):
    """Who had it when, and why."""

    model = Assignment
    fields = ("created_at", "team", "assignee", "actor_label", "confidence", "why")
    readonly_fields = ("why",)
    verbose_name_plural = gettext_lazy("Assignments")

    @admin.display(description=gettext_lazy("Reason"))
    def why(self, row: Assignment) -> str:
        """The recorded reason in the reader's language."""
        return retold(row.reason)


class EventInline(ReadOnlyInline):
    """The unchangeable history."""

    model = TicketEvent
    fields = ("sequence", "created_at", "actor_label", "verb", "field", "old_value", "new_value", "why")
    readonly_fields = ("why",)
    verbose_name_plural = gettext_lazy("History")

    @admin.display(description=gettext_lazy("Reason"))
    def why(self, row: TicketEvent) -> str:
        """The recorded reason in the reader's language."""
        return retold(row.reason)


class AttachmentInline(ReadOnlyInline):
    """Files and what became of reading them."""

    model = Attachment
    fk_name = "ticket"
    fields = ("name", "kind", "size", "status", "error")
    verbose_name_plural = gettext_lazy("Files")


class AssignForm(forms.Form):
    """Which team gets the chosen tickets."""

    team = forms.ModelChoiceField(
        label=gettext_lazy("Team"), queryset=Team.objects.none(), widget=UnfoldAdminSelectWidget
    )


class StatusForm(forms.Form):
    """Which status the chosen tickets get."""

    status = forms.ChoiceField(
        label=gettext_lazy("Status"), choices=Status.choices, widget=UnfoldAdminSelectWidget
    )


@admin.register(Ticket)
class TicketsAdmin(ActionAdmin):
    """Every ticket of the own clients."""

    list_display = (
        "reference", "short_subject", "status_badge", "severity_badge", "category", "team",
        "assignee_name", "opened",
    )  # fmt: skip
    list_filter = (
        SetFilter, BatchFilter, "status", "severity", "priority", "needs_review", "category", "team",
        "client", "channel", "sentiment", ("created_at", RangeDateTimeFilter),
    )  # fmt: skip
    list_select_related = ("category", "team", "assignee", "client")
    search_fields = ("reference",)  # shows the field; get_search_results asks the full-text index
    search_help_text = gettext_lazy("Words of the ticket, its reference, the requester’s name or address.")
    ordering = ("-created_at",)
    sortable_by = ("opened",)  # the one order that an index answers at any size
    list_per_page = 50
    paginator = BoundedPaginator
    actions = ("assign_to_team", "change_status", "export_csv", "export_xlsx")
    actions_detail = ("open_on_desk",)
    inlines = (DecisionInline, MessageInline, AttachmentInline, AssignmentInline, EventInline)
    exclude = ("metadata", "version")
    list_before_template = "admin/ticketing/_active_filters.html"

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list knows what it is narrowed by, so that the page can name it."""
        changelist = super().get_changelist_instance(request)
        changelist.active_filters = active_filters(changelist)
        return changelist

    def get_list_display(self, request: HttpRequest) -> Any:
        """The client's column is for those who see several."""
        several = len(actor_in_admin(request).client_ids or (0, 0)) > 1
        return (*self.list_display[:-1], "client", self.list_display[-1]) if several else self.list_display

    def get_queryset(self, request: HttpRequest) -> QuerySet[Ticket]:
        """Lists leave the texts behind."""
        rows: QuerySet[Ticket] = super().get_queryset(request)
        match = request.resolver_match
        return (
            rows.defer("body", "metadata") if match and str(match.url_name).endswith("_changelist") else rows
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Ticket], search_term: str
    ) -> tuple[QuerySet[Ticket], bool]:
        """By the full-text index."""
        if not search_term.strip():
            return queryset, False
        return tickets_search(queryset, search_term, actor=actor_in_admin(request)), False

    @display(description=gettext_lazy("Assignee"))
    def assignee_name(self, ticket: Ticket) -> str:
        """The person, not the account."""
        return ticket.assignee.display_name if ticket.assignee else "–"

    @display(description=gettext_lazy("Subject"))
    def short_subject(self, ticket: Ticket) -> str:
        """One line, with a mark where a person has to look."""
        mark = (
            format_html(' <span class="tocheck">{}</span>', _("needs review")) if ticket.needs_review else ""
        )
        return format_html('<span class="one-line">{}</span>{}', ticket.subject, mark)

    @display(description=gettext_lazy("Status"), label=STATUS_COLOURS)
    def status_badge(self, ticket: Ticket) -> tuple[str, str]:
        """With its colour."""
        return ticket.status_category, ticket.get_status_display()

    @display(description=gettext_lazy("Severity"), label=SEVERITY_COLOURS)
    def severity_badge(self, ticket: Ticket) -> tuple[str, str] | str:
        """With its colour."""
        return (ticket.severity, ticket.get_severity_display()) if ticket.severity else "–"

    @display(description=gettext_lazy("Opened"), ordering="created_at")
    def opened(self, ticket: Ticket) -> str:
        """Short, with the exact time on hover."""
        return short_time(ticket.created_at)

    @action(description=gettext_lazy("Open on the desk"), url_path="desk")
    def open_on_desk(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Where tickets are worked on."""
        ticket = limited(Ticket.objects.all(), actor_in_admin(request)).get(pk=object_id)
        return redirect("desk:ticket", ticket.uuid)

    @action(description=gettext_lazy("Assign to a team"))
    def assign_to_team(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> HttpResponse | None:
        """Ask for the team, then hand over each ticket; one that fails never stops the others."""
        if self._too_many(request, queryset):
            return None
        form = AssignForm(request.POST if "apply" in request.POST else None)
        teams = limited(Team.objects.filter(is_active=True), actor_in_admin(request))
        form.fields["team"].queryset = teams  # type: ignore[attr-defined]
        if form.is_bound and form.is_valid():
            team, actor = form.cleaned_data["team"], actor_in_admin(request)
            self._each(request, queryset, lambda row: ticket_hand_over(ticket=row, team=team, actor=actor))
            return None
        return self._ask(request, queryset, form, "assign_to_team", _("Assign to a team"))

    @action(description=gettext_lazy("Change the status"))
    def change_status(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> HttpResponse | None:
        """Ask for the status, then change each ticket; forbidden transitions are named."""
        if self._too_many(request, queryset):
            return None
        form = StatusForm(request.POST if "apply" in request.POST else None)
        if form.is_bound and form.is_valid():
            status, actor = form.cleaned_data["status"], actor_in_admin(request)
            self._each(request, queryset, lambda row: status_change(ticket=row, status=status, actor=actor))
            return None
        return self._ask(request, queryset, form, "change_status", _("Change the status"))

    @action(description=gettext_lazy("Export as CSV"))
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> StreamingHttpResponse | None:
        """The chosen tickets, or the whole list where all were chosen."""
        return self._export(request, queryset, ExportFormat.CSV)

    @action(description=gettext_lazy("Export as Excel"))
    def export_xlsx(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> StreamingHttpResponse | None:
        """The same as a workbook."""
        return self._export(request, queryset, ExportFormat.XLSX)

    def _export(
        self, request: HttpRequest, queryset: QuerySet[Ticket], file_format: ExportFormat
    ) -> StreamingHttpResponse | None:
        actor = actor_in_admin(request)
        rows = limited(queryset.defer(None), actor)
        try:
            stream = tickets_export(
                tickets=rows, format=file_format.value, actor=actor, filters=request.GET.urlencode()
            )
        except ApplicationError as error:
            messages.error(request, error.sentence)
            return None
        name = f"tickets-{localtime():%Y-%m-%d-%H%M}.{file_format.value}"
        return StreamingHttpResponse(
            stream,
            content_type=CONTENT_TYPES[file_format.value],
            headers={
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "private, no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """What the person's groups permit (R3)."""
        actor = actor_in_admin(request)
        found: dict[str, Any] = super().get_actions(request)
        needs = {"assign_to_team": Deed.REASSIGN, "export_csv": Deed.EXPORT, "export_xlsx": Deed.EXPORT}
        return {name: row for name, row in found.items() if name not in needs or actor.may(needs[name])}

    def _too_many(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> bool:
        """Changes are made one by one while the page waits: a list of thousands would not end."""
        if len(queryset.values("pk")[: BULK_LIMIT + 1]) <= BULK_LIMIT:
            return False
        messages.error(
            request,
            _("At most %(limit)s tickets are changed at once. Narrow the list.") % {"limit": BULK_LIMIT},
        )
        return True

    def _each(self, request: HttpRequest, queryset: QuerySet[Ticket], change: Any) -> None:
        done, problems = 0, []
        for ticket in self.selected(request, queryset):
            try:
                change(ticket)
                done += 1
            except ApplicationError as error:
                problems.append(f"{ticket.reference}: {error.sentence}")
        if done:
            messages.success(request, _("%(done)s tickets changed.") % {"done": done})
        for problem in problems[:5]:
            messages.error(request, problem)

    def _ask(
        self, request: HttpRequest, queryset: QuerySet[Ticket], form: forms.Form, name: str, title: str
    ) -> HttpResponse:
        rows = self.selected(request, queryset)
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "form": form,
            "action": name,
            "rows": rows,
            "count": len(rows),
            "back": reverse("admin:ticketing_ticket_changelist"),
        }
        return TemplateResponse(request, "admin/ticketing/action.html", context)


class AddressInline(ReadOnlyInline):
    """E-mail addresses."""

    model = RequesterAddress
    fields = ("email", "is_verified")


@admin.register(Requester)
class RequestersAdmin(ReadOnlyAdmin):
    """The people who ask."""

    list_display = ("name", "external_id", "client", "ticket_link", "created_at")
    list_filter = ("client",)
    search_fields = ("name", "external_id", "addresses__email")
    list_select_related = ("client",)
    inlines = (AddressInline,)

    @admin.display(description=gettext_lazy("Tickets"))
    def ticket_link(self, requester: Requester) -> str:
        """Their tickets in the list."""
        url = reverse("admin:ticketing_ticket_changelist")
        return format_html('<a href="{}?requester__id__exact={}">Show</a>', url, requester.pk)


@admin.register(TicketExport)
class ExportsAdmin(ReadOnlyAdmin):
    """Who took which list along (R3): for administrators, because a list may hold several clients."""

    list_display = ("created_at", "actor_label", "format", "rows", "filters", "finished_at")
    list_filter = ("format", ("created_at", RangeDateTimeFilter))
    search_fields = ("actor_label", "filters")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Administrators."""
        return actor_in_admin(request).sees_every_client

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Administrators."""
        return actor_in_admin(request).sees_every_client
