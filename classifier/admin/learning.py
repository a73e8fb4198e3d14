"""Models with their measured quality, examples, reviews."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from classifier.models import LabelledExample, LocalModel, ReviewItem
from classifier.selectors.quality import model_quality
from classifier.services.promotion import model_promote, model_rollback
from classifier.services.training import models_train
from common.exceptions import ApplicationError
from teams.admin import ActionAdmin, ReadOnlyAdmin, actor_in_admin
from ticketing.models import Taxonomy

BY_HAND = "Chosen by hand in the back office."
STATE_COLOURS = {"active": "success", "candidate": "info", "retired": "warning", "shadow": "info"}


@admin.register(LocalModel)
class ModelsAdmin(ActionAdmin):
    """Trained models; everything shown was measured on texts the model had not seen."""

    list_display = (
        "__str__",
        "field",
        "state_badge",
        "example_count",
        "accuracy",
        "macro_f1",
        "ece",
        "created_at",
    )
    list_filter = ("state", "field", "taxonomy")
    list_select_related = ("taxonomy",)
    fields = ("taxonomy", "field", "version", "state", "example_count", "quality", "why", "created_at")
    readonly_fields = ("quality", "why")
    actions = ("promote", "rollback", "train")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LocalModel]:
        """Models of the taxonomies the person may see."""
        visible = Taxonomy.objects.visible_to(actor_in_admin(request))
        return self.model._default_manager.filter(taxonomy__in=visible).select_related("taxonomy")

    @display(description="State", ordering="state", label=STATE_COLOURS)
    def state_badge(self, model: LocalModel) -> str:
        """With its colour."""
        return model.state

    @admin.display(description="Accuracy")
    def accuracy(self, model: LocalModel) -> str:
        """Share of right answers, out of fold."""
        return f"{float(model.metrics.get('accuracy', 0)):.1%}"

    @admin.display(description="Macro F1")
    def macro_f1(self, model: LocalModel) -> str:
        """The mean over categories, out of fold."""
        return f"{float(model.metrics.get('macro_f1', 0)):.3f}"

    @admin.display(description="ECE")
    def ece(self, model: LocalModel) -> str:
        """Gap between promised and true share, 15 bins."""
        return f"{float(model.metrics.get('ece', 0)):.3f}"

    @admin.display(description="Measured quality")
    def quality(self, model: LocalModel) -> SafeString:
        """Reliability diagram, coverage, the choice of a threshold, and figures by category."""
        return render_to_string("admin/classifier/quality.html", model_quality(model=model))  # type: ignore[return-value]

    @admin.display(description="Why it is used or not")
    def why(self, model: LocalModel) -> SafeString:
        """The comparison that decided."""
        return format_html("{}: {}", model.evidence.get("decision", "–"), model.evidence.get("reason", ""))

    def _owned(self, request: HttpRequest, rows: QuerySet[LocalModel]) -> list[LocalModel]:
        """Only models of taxonomies the person may change."""
        actor = actor_in_admin(request)
        taxonomies = self.admin_site._registry[Taxonomy]
        mine = [row for row in rows if taxonomies.belongs_to(actor, row.taxonomy)]  # type: ignore[attr-defined]
        if not mine:
            messages.error(request, "This taxonomy serves other clients too; an administrator decides.")
        return mine

    def _each(self, request: HttpRequest, rows: list[LocalModel], change: Any) -> None:
        for row in rows:
            try:
                done = change(row)
                messages.success(request, f"{done} is now in use.")
            except ApplicationError as error:
                messages.error(request, error.sentence)

    @action(description="Use this model")
    def promote(self, request: HttpRequest, queryset: QuerySet[LocalModel]) -> None:
        """Promote through the service."""
        actor = actor_in_admin(request)
        self._each(
            request,
            self._owned(request, queryset),
            lambda row: model_promote(model=row, actor=actor, reason=BY_HAND),
        )

    @action(description="Go back to the model before")
    def rollback(self, request: HttpRequest, queryset: QuerySet[LocalModel]) -> None:
        """Roll back through the service."""
        actor = actor_in_admin(request)
        self._each(
            request,
            self._owned(request, queryset),
            lambda row: model_rollback(model=row, actor=actor, reason=BY_HAND),
        )

    @action(description="Train the taxonomy anew")
    def train(self, request: HttpRequest, queryset: QuerySet[LocalModel]) -> None:
        """Train where the examples have changed."""
        trained = [
            m
            for t in {row.taxonomy for row in self._owned(request, queryset)}
            for m in models_train(taxonomy=t, actor=actor_in_admin(request))
        ]
        messages.success(request, f"{len(trained)} models trained." if trained else "No example has changed.")


@admin.register(LabelledExample)
class ExamplesAdmin(ReadOnlyAdmin):
    """What the models learn from."""

    list_display = ("short_text", "taxonomy", "category", "severity", "source", "labelled_by", "is_active")
    list_filter = ("taxonomy", "source", "category", "severity", "is_active")
    search_fields = ("text",)
    list_select_related = ("taxonomy", "category", "labelled_by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LabelledExample]:
        """Shared ones and those of the own clients."""
        rows = self.model._default_manager.all()
        actor = actor_in_admin(request)
        if actor.sees_every_client:
            return rows
        visible = Taxonomy.objects.visible_to(actor)
        own = rows.filter(client__in=actor.client_ids or [])
        return rows.filter(client=None, ticket=None, taxonomy__in=visible) | own

    @admin.display(description="Text")
    def short_text(self, example: LabelledExample) -> str:
        """The beginning."""
        return example.text[:90]


@admin.register(ReviewItem)
class ReviewsAdmin(ReadOnlyAdmin):
    """What people were asked, and what they answered; answering happens in the review queue."""

    list_display = ("ticket", "state", "is_blind", "urgency", "reviewed_by", "reviewed_at", "created_at")
    list_filter = ("state", "is_blind", "client")
    search_fields = ("ticket__reference",)
    list_select_related = ("ticket", "reviewed_by", "client")
