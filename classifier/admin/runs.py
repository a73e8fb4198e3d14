"""Runs with their steps, and the records they leave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action, display

from classifier.choices import Purpose, RunState
from classifier.models import (
    Classification,
    ExtractedField,
    LlmCall,
    Prediction,
    ResponseDraft,
    WorkflowRun,
    WorkflowStep,
)
from classifier.services.runs import BULK, run_request
from classifier.tasks import triage
from common.queueing import enqueue
from teams.admin import ActionAdmin, ReadOnlyAdmin, ReadOnlyInline

STATE_COLOURS = {"completed": "success", "running": "info", "pending": "info", "stuck": "danger"}


class StepInline(ReadOnlyInline):
    """What each step did, how long it took, what it cost."""

    model = WorkflowStep
    fields = ("position", "name", "status", "engine", "model", "duration_ms", "cost", "error_kind", "output")
    verbose_name_plural = gettext_lazy("Steps")


class PredictionInline(ReadOnlyInline):
    """What the run said of each field."""

    model = Prediction
    fields = ("field", "value", "confidence", "source", "state", "reasoning")
    verbose_name_plural = gettext_lazy("Predictions")


class PurposeFilter(admin.SimpleListFilter):
    """Triage unless something else is chosen: every triage brings a draft, which would stand in between."""

    title = "purpose"
    parameter_name = "purpose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Each purpose, and all together."""
        return [*((str(value), str(label)) for value, label in Purpose.choices), ("all", _("All"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WorkflowRun]) -> QuerySet[WorkflowRun]:
        """Runs of the chosen purpose."""
        return queryset if self._chosen() == "all" else queryset.filter(purpose=self._chosen())

    def choices(self, changelist: Any) -> Iterator[Any]:
        """The same choices, with the one that holds marked."""
        for value, label in self.lookup_choices:
            address = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": value == self._chosen(), "query_string": address, "display": label}

    def _chosen(self) -> str:
        return self.value() or str(Purpose.TRIAGE)


@admin.register(WorkflowRun)
class RunsAdmin(ActionAdmin):
    """Triage that is owed or done."""

    list_display = (
        "ticket", "purpose", "state_badge", "decided_by", "generation", "attempts", "duration_ms", "cost",
        "degraded_steps", "created_at",
    )  # fmt: skip
    list_filter = ("state", PurposeFilter, "decided_by", "client")
    search_fields = ("ticket__reference", "ticket__subject", "correlation_id")
    list_select_related = ("ticket", "client")
    ordering = ("-created_at",)
    inlines = (StepInline, PredictionInline)
    exclude = ("lease_token", "content_hash", "configuration_hash")
    actions = ("run_again",)

    readonly_fields = ("replay",)

    @admin.display(description=gettext_lazy("Judge again"))
    def replay(self, run: WorkflowRun) -> SafeString | str:
        """To the page that compares it with what would be decided today."""
        if run.purpose != Purpose.TRIAGE or run.state != RunState.COMPLETED:
            return "–"
        return format_html('<a href="{}">Replay</a>', reverse("review:replay", args=[run.uuid]))

    @display(description=gettext_lazy("State"), ordering="state", label=STATE_COLOURS)
    def state_badge(self, run: WorkflowRun) -> str:
        """With its colour."""
        return run.state

    @action(description=gettext_lazy("Triage the tickets again"))
    def run_again(self, request: HttpRequest, queryset: QuerySet[WorkflowRun]) -> None:
        """A new generation for each ticket; what people decided stays."""
        tickets = {run.ticket_id: run.ticket for run in self.selected(request, queryset)}
        marks = {BULK: True} if len(tickets) > 1 else {}
        for ticket in tickets.values():
            enqueue(triage, run_request(ticket=ticket, again=True, parameters=marks).pk)
        messages.success(request, _("%(count)s tickets are triaged again.") % {"count": len(tickets)})


@admin.register(LlmCall)
class CallsAdmin(ReadOnlyAdmin):
    """What left the building, to whom, and what it cost."""

    list_display = (
        "created_at", "provider", "model", "purpose", "outcome", "tokens_in", "tokens_out", "cost", "ticket",
    )  # fmt: skip
    list_filter = ("provider", "model", "purpose", "outcome", "client")
    search_fields = ("ticket__reference",)
    list_select_related = ("ticket", "client")


@admin.register(Classification)
class ClassificationsAdmin(ReadOnlyAdmin):
    """Every classification, with or without a ticket; texts are redacted."""

    list_display = ("created_at", "category", "confidence", "severity", "engine", "ticket", "client")
    list_filter = ("category", "engine", "client")
    search_fields = ("ticket__reference", "user_reference")
    list_select_related = ("ticket", "client")


@admin.register(ResponseDraft)
class DraftsAdmin(ReadOnlyAdmin):
    """Proposed answers and what people made of them."""

    list_display = ("ticket", "tone", "template_used", "state", "decided_by", "created_at")
    list_filter = ("state", "tone", "source")
    search_fields = ("ticket__reference",)
    list_select_related = ("ticket", "decided_by")


@admin.register(ExtractedField)
class FieldsAdmin(ReadOnlyAdmin):
    """Values found in tickets, and values that were refused."""

    list_display = ("ticket", "name", "value", "confidence", "source", "origin", "rejected_reason")
    list_filter = ("name", "source", "origin")
    search_fields = ("ticket__reference", "value")
    list_select_related = ("ticket",)
