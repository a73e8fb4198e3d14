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
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from common.exceptions import ApplicationError
from teams.admin import ActionAdmin, ReadOnlyAdmin, ReadOnlyInline, actor_in_admin, limited
from teams.models import Team
from ticketing.choices import Status
from ticketing.models import (
    Assignment,
    Attachment,
    FieldDecision,
    Message,
    Requester,
    RequesterAddress,
    Ticket,
    TicketEvent,
)
from ticketing.services.desk import ticket_hand_over
from ticketing.services.tickets import status_change
from ticketing.views.export import table_response

SEVERITY_COLOURS = {"critical": "danger", "high": "warning", "medium": "info", "low": "success"}


class DecisionInline(ReadOnlyInline):
    """What triage and people decided, field by field."""

    model = FieldDecision
    fields = ("field", "value", "state", "confidence", "source", "decided_by", "reasoning")
    verbose_name_plural = "Decisions"


class MessageInline(ReadOnlyInline):
    """The conversation."""

    model = Message
    fields = ("created_at", "author_label", "is_public", "body")
    verbose_name_plural = "Conversation"


class AssignmentInline(ReadOnlyInline):
    """Who had it when, and why."""

    model = Assignment
    fields = ("created_at", "team", "assignee", "actor_label", "confidence", "reason")
    verbose_name_plural = "Assignments"


class EventInline(ReadOnlyInline):
    """The unchangeable history."""

    model = TicketEvent
    fields = ("sequence", "created_at", "actor_label", "verb", "field", "old_value", "new_value", "reason")
    verbose_name_plural = "History"


class AttachmentInline(ReadOnlyInline):
    """Files and what became of reading them."""

    model = Attachment
    fk_name = "ticket"
    fields = ("name", "kind", "size", "status", "error")
    verbose_name_plural = "Files"


class AssignForm(forms.Form):
    """Which team gets the chosen tickets."""

    team = forms.ModelChoiceField(queryset=Team.objects.none(), widget=UnfoldAdminSelectWidget)


class StatusForm(forms.Form):
    """Which status the chosen tickets get."""

    status = forms.ChoiceField(choices=Status.choices, widget=UnfoldAdminSelectWidget)


@admin.register(Ticket)
class TicketsAdmin(ActionAdmin):
    """Every ticket of the own clients."""

    list_display = (
        "reference", "short_subject", "status", "severity_badge", "priority", "category", "team", "assignee",
        "client", "review", "created_at",
    )  # fmt: skip
    list_filter = (
        "status", "severity", "priority", "needs_review", "category", "team", "client", "channel",
        "sentiment", ("created_at", RangeDateTimeFilter),
    )  # fmt: skip
    list_select_related = ("category", "team", "assignee", "client")
    search_fields = ("reference", "subject", "requester__name", "requester__addresses__email")
    search_help_text = "Reference, subject, requester or e-mail address."
    ordering = ("-created_at",)
    list_per_page = 50
    actions = ("assign_to_team", "change_status", "export_csv", "export_xlsx")
    actions_detail = ("open_on_desk",)
    inlines = (DecisionInline, MessageInline, AttachmentInline, AssignmentInline, EventInline)
    exclude = ("metadata", "version")

    @display(description="Subject", ordering="subject")
    def short_subject(self, ticket: Ticket) -> str:
        """One line."""
        return format_html('<span class="one-line">{}</span>', ticket.subject)

    @display(description="Severity", ordering="severity", label=SEVERITY_COLOURS)
    def severity_badge(self, ticket: Ticket) -> str:
        """With its colour."""
        return ticket.severity or "–"

    @display(description="Review", ordering="needs_review", label={"To check": "warning"})
    def review(self, ticket: Ticket) -> str:
        """Whether a person has to look."""
        return "To check" if ticket.needs_review else ""

    @action(description="Open on the desk", url_path="desk")
    def open_on_desk(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Where tickets are worked on."""
        ticket = limited(Ticket.objects.all(), actor_in_admin(request)).get(pk=object_id)
        return redirect("desk:ticket", ticket.uuid)

    @action(description="Assign to a team")
    def assign_to_team(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> HttpResponse | None:
        """Ask for the team, then hand over each ticket; one that fails never stops the others."""
        form = AssignForm(request.POST if "apply" in request.POST else None)
        teams = limited(Team.objects.filter(is_active=True), actor_in_admin(request))
        form.fields["team"].queryset = teams  # type: ignore[attr-defined]
        if form.is_bound and form.is_valid():
            team, actor = form.cleaned_data["team"], actor_in_admin(request)
            self._each(request, queryset, lambda row: ticket_hand_over(ticket=row, team=team, actor=actor))
            return None
        return self._ask(request, queryset, form, "assign_to_team", "Assign to a team")

    @action(description="Change the status")
    def change_status(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> HttpResponse | None:
        """Ask for the status, then change each ticket; forbidden transitions are named."""
        form = StatusForm(request.POST if "apply" in request.POST else None)
        if form.is_bound and form.is_valid():
            status, actor = form.cleaned_data["status"], actor_in_admin(request)
            self._each(request, queryset, lambda row: status_change(ticket=row, status=status, actor=actor))
            return None
        return self._ask(request, queryset, form, "change_status", "Change the status")

    @action(description="Export as CSV")
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> StreamingHttpResponse:
        """The chosen tickets as a file, within what the person may see."""
        return self._export(request, queryset, "csv")

    @action(description="Export for Excel")
    def export_xlsx(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> StreamingHttpResponse:
        """The chosen tickets as a workbook, within what the person may see."""
        return self._export(request, queryset, "xlsx")

    def _export(self, request: HttpRequest, queryset: QuerySet[Ticket], kind: str) -> StreamingHttpResponse:
        visible = limited(Ticket.objects.all(), actor_in_admin(request))
        return table_response(visible.filter(pk__in=queryset.values("pk")), kind=kind)

    def _each(self, request: HttpRequest, queryset: QuerySet[Ticket], change: Any) -> None:
        done, problems = 0, []
        for ticket in self.selected(request, queryset):
            try:
                change(ticket)
                done += 1
            except ApplicationError as error:
                problems.append(f"{ticket.reference}: {error.sentence}")
        if done:
            messages.success(request, f"{done} tickets changed.")
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

    @admin.display(description="Tickets")
    def ticket_link(self, requester: Requester) -> str:
        """Their tickets in the list."""
        url = reverse("admin:ticketing_ticket_changelist")
        return format_html('<a href="{}?requester__id__exact={}">Show</a>', url, requester.pk)
