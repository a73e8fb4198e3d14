"""Models with their measured quality, examples, reviews."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action, display

from classifier.choices import ModelState
from classifier.forms import ApplyForm, ChooserForm, ReasonForm
from classifier.models import LabelledExample, LocalModel, ModelChange, ReviewItem
from classifier.selectors.quality import clients_of, evaluations_of, model_evaluation, threshold_choice
from classifier.selectors.shadows import challenger_of, shadow_figures
from classifier.services.promotion import (
    model_before,
    model_promote,
    model_rollback,
    model_shadow,
    model_shadow_end,
)
from classifier.services.thresholds import category_threshold_set, client_threshold_set
from classifier.services.training import models_train
from common.actors import Actor
from common.exceptions import ApplicationError, NotAllowed, NotFound, ValidationFailed
from common.phrases import retold
from common.wording import as_label, within_sentence
from teams.admin import ActionAdmin, ReadOnlyAdmin, ReadOnlyInline, actor_in_admin
from ticketing.forms import first_problem
from ticketing.models import Taxonomy
from ticketing.services.reference import may_change_taxonomy

SHARED = "This taxonomy serves other clients too; an administrator decides."
BY_HAND = "Chosen by hand in the back office."
STATE_COLOURS = {"active": "success", "candidate": "info", "retired": "warning", "shadow": "info"}


class ChangeInline(ReadOnlyInline):
    """Who put the model into use or out of it, when, and why."""

    model = ModelChange
    fk_name = "model"
    fields = ("created_at", "action", "before", "actor_label", "why")
    readonly_fields = ("why",)
    verbose_name_plural = gettext_lazy("Decisions")

    @admin.display(description=gettext_lazy("Reason"))
    def why(self, row: ModelChange) -> str:
        """The recorded reason in the reader's language."""
        return retold(row.reason)


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
    fields = (
        "taxonomy",
        "field",
        "version",
        "state",
        "example_count",
        "taught",
        "accuracy",
        "macro_f1",
        "ece",
        "why",
        "challenger_since",
        "created_at",
    )
    readonly_fields = ("taught", "accuracy", "macro_f1", "ece", "why")
    inlines = (ChangeInline,)
    actions = ("promote", "rollback", "train")
    actions_detail = ("evaluation",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LocalModel]:
        """Models of the taxonomies the person may see."""
        visible = Taxonomy.objects.visible_to(actor_in_admin(request))
        return self.model._default_manager.filter(taxonomy__in=visible).select_related("taxonomy")

    @display(description=gettext_lazy("State"), ordering="state", label=STATE_COLOURS)
    def state_badge(self, model: LocalModel) -> str:
        """With its colour."""
        return model.state

    @admin.display(description=gettext_lazy("Accuracy, out of fold"))
    def accuracy(self, model: LocalModel) -> str:
        """Share of right answers, out of fold."""
        return f"{float(model.metrics.get('accuracy', 0)):.1%}"

    @admin.display(description=gettext_lazy("Macro F1"))
    def macro_f1(self, model: LocalModel) -> str:
        """The mean over categories, out of fold."""
        return f"{float(model.metrics.get('macro_f1', 0)):.3f}"

    @admin.display(description=gettext_lazy("ECE"))
    def ece(self, model: LocalModel) -> str:
        """Gap between promised and true share, 15 bins."""
        return f"{float(model.metrics.get('ece', 0)):.3f}"

    @admin.display(description=gettext_lazy("Training set"))
    def taught(self, model: LocalModel) -> str:
        """The name of what it was taught."""
        return model.snapshot_hash[:16]

    @admin.display(description=gettext_lazy("Why it is used or not"))
    def why(self, model: LocalModel) -> SafeString:
        """The comparison that decided."""
        decision = within_sentence(as_label(model.evidence.get("decision", "–")))
        return format_html("{}: {}", decision, retold(model.evidence.get("reason", "")))

    @action(description=gettext_lazy("Evaluation"), url_path="evaluation", icon="analytics")
    def evaluation(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Figures and charts, the choice of a bound, and putting a model into use with a reason."""
        actor = actor_in_admin(request)
        model = self.get_object(request, object_id) if actor.is_lead else None
        if model is None:
            raise Http404
        if request.method == "POST":
            return self._change(request, model, actor)
        return TemplateResponse(
            request, "admin/classifier/evaluation.html", self._context(request, model, actor)
        )

    def _context(self, request: HttpRequest, model: LocalModel, actor: Actor) -> dict[str, Any]:
        form = ChooserForm(request.GET or {"precision": 0.95}, values=_values(model))
        asked = form.cleaned_data if form.is_valid() else None
        return {
            **self.admin_site.each_context(request),
            **model_evaluation(model=model),
            "title": f"Evaluation of {model}",
            "opts": self.opts,
            "form": form,
            "asked": asked,
            "choice": threshold_choice(model=model, precision=asked["precision"], value=asked["category"])
            if asked
            else None,
            "clients": clients_of(model=model, actor=actor),
            "evaluations": evaluations_of(model=model, actor=actor) if model.field == "category" else [],
            "figures": shadow_figures(model=model, actor=actor),
            "challenger": challenger_of(model=model),
            "may_change": self.belongs_here(actor, model)
            and (model.state != ModelState.ACTIVE or model_before(model=model) is not None),
            "reason_form": ReasonForm(),
        }

    def _change(self, request: HttpRequest, model: LocalModel, actor: Actor) -> HttpResponse:
        """Carry out one button of the page; what is not the person's is not there."""
        back = f"{request.path}?{request.GET.urlencode()}"
        try:
            messages.success(request, self._carried_out(request, model, actor))
        except NotFound as error:
            raise Http404 from error
        except ApplicationError as error:
            messages.error(request, error.sentence)
        return HttpResponseRedirect(back)

    def _carried_out(self, request: HttpRequest, model: LocalModel, actor: Actor) -> str:
        if request.POST.get("do") in {"promote", "rollback", "shadow", "unshadow"}:
            return self._switched(request, model, actor)
        form = ApplyForm(request.POST, values=_values(model))
        if not form.is_valid():
            raise ValidationFailed(first_problem(form))
        precision, category = form.cleaned_data["precision"], form.cleaned_data["category"]
        if category:
            changed = category_threshold_set(
                model=model, category_slug=category, precision=precision, actor=actor
            )
            return f"{changed.name} is accepted from {changed.accept_threshold:.3f} on."
        row = client_threshold_set(
            model=model, client_slug=form.cleaned_data["client"], precision=precision, actor=actor
        )
        return f"{row.client} accepts from {row.accept_threshold:.3f} on."

    def _switched(self, request: HttpRequest, model: LocalModel, actor: Actor) -> str:
        form = ReasonForm(request.POST)
        if not form.is_valid():
            raise ValidationFailed(_("Say why; it is kept with the decision."))
        if not self.belongs_here(actor, model):
            raise NotAllowed(SHARED)
        reason = form.cleaned_data["reason"]
        if request.POST["do"] == "shadow":
            shadow = model_shadow(model=model, actor=actor, reason=reason)
            return _("%(model)s now answers beside the model in use.") % {"model": shadow}
        if request.POST["do"] == "unshadow":
            shadow = model_shadow_end(model=model, actor=actor, reason=reason)
            return _("%(model)s is no longer asked.") % {"model": shadow}
        service = model_promote if request.POST["do"] == "promote" else model_rollback
        return f"{service(model=model, actor=actor, reason=reason)} is now in use."

    def belongs_here(self, actor: Actor, model: LocalModel) -> bool:
        """Whether the person may change what the model's taxonomy does."""
        return may_change_taxonomy(taxonomy=model.taxonomy, actor=actor)

    def _owned(self, request: HttpRequest, rows: QuerySet[LocalModel]) -> list[LocalModel]:
        """Only models of taxonomies the person may change."""
        actor = actor_in_admin(request)
        mine = [row for row in rows if self.belongs_here(actor, row)]
        if not mine:
            messages.error(request, SHARED)
        return mine

    def _each(self, request: HttpRequest, rows: list[LocalModel], change: Any) -> None:
        for row in rows:
            try:
                done = change(row)
                messages.success(request, _("%(done)s is now in use.") % {"done": done})
            except ApplicationError as error:
                messages.error(request, error.sentence)

    @action(description=gettext_lazy("Use this model"))
    def promote(self, request: HttpRequest, queryset: QuerySet[LocalModel]) -> None:
        """Promote through the service."""
        actor = actor_in_admin(request)
        self._each(
            request,
            self._owned(request, queryset),
            lambda row: model_promote(model=row, actor=actor, reason=BY_HAND),
        )

    @action(description=gettext_lazy("Go back to the model before"))
    def rollback(self, request: HttpRequest, queryset: QuerySet[LocalModel]) -> None:
        """Roll back through the service."""
        actor = actor_in_admin(request)
        self._each(
            request,
            self._owned(request, queryset),
            lambda row: model_rollback(model=row, actor=actor, reason=BY_HAND),
        )

    @action(description=gettext_lazy("Train the taxonomy anew"))
    def train(self, request: HttpRequest, queryset: QuerySet[LocalModel]) -> None:
        """Train where the examples have changed."""
        trained = [
            m
            for t in {row.taxonomy for row in self._owned(request, queryset)}
            for m in models_train(taxonomy=t, actor=actor_in_admin(request))
        ]
        messages.success(
            request,
            _("%(count)s models trained.") % {"count": len(trained)}
            if trained
            else _("No example has changed."),
        )


def _values(model: LocalModel) -> list[tuple[str, str]]:
    """The answers a bound can be chosen for."""
    return [(label, label) for label in model.metrics.get("labels", [])]


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

    @admin.display(description=gettext_lazy("Text"))
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
