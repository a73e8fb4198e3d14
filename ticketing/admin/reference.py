"""Taxonomies, categories, rules, projects, articles and client settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Choices, Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminNullBooleanSelectWidget,
    UnfoldAdminTextareaWidget,
)

from common.actors import Actor
from teams.admin import ChildInline, ClientAdmin, HistoryAdmin, actor_in_admin, short_time
from ticketing.choices import Channel, Severity
from ticketing.models import (
    Article,
    Category,
    CategoryField,
    ClientSettings,
    Module,
    Project,
    RoutingRule,
    Taxonomy,
)
from ticketing.services.reference import may_change_taxonomy
from ticketing.services.rule_trial import rule_try

CONDITIONS = ("categories", "severities", "channels", "keywords", "extracted_fields", "business_hours")


class LinesField(forms.CharField):
    """A list of short texts, one a line."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        """One a line."""
        return "\n".join(str(item) for item in value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        """Without empty lines and doubles."""
        text = super().clean(value) or ""
        return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


class CategoryForm(forms.ModelForm):
    """Lists are edited one entry a line."""

    keywords = LinesField(
        label=_("Keywords"),
        required=False,
        help_text=_("One word or phrase a line; the rules look for them."),
    )
    required_fields = LinesField(
        label=_("Required fields"),
        required=False,
        help_text=_("One extracted field a line, such as order_id; the draft asks for missing ones."),
    )

    class Meta:
        model = Category
        fields = "__all__"  # noqa: DJ007  the admin names them


class FieldInline(ChildInline):
    """Custom fields that extraction looks for in this category."""

    model = CategoryField


class TaxonomyOwned(HistoryAdmin):
    """A shared taxonomy belongs to a lead only where no other client uses it."""

    def taxonomy_of(self, obj: Any) -> Taxonomy:
        """The taxonomy that decides."""
        return obj if isinstance(obj, Taxonomy) else obj.taxonomy

    def belongs_to(self, actor: Actor, obj: Any) -> bool:
        """By the rule of the service."""
        return may_change_taxonomy(taxonomy=self.taxonomy_of(obj), actor=actor)


@admin.register(Category)
class CategoriesAdmin(TaxonomyOwned):
    """What tickets are about."""

    form = CategoryForm
    list_display = ("name", "slug", "taxonomy", "default_team", "accept_threshold", "is_active")
    list_filter = ("taxonomy", "is_active")
    search_fields = ("name", "slug", "description")
    list_select_related = ("taxonomy", "default_team")
    inlines = (FieldInline,)


class CategoryInline(ChildInline):
    """The categories in short; their pages hold the rest."""

    model = Category
    fields = ("position", "slug", "name", "default_team", "accept_threshold", "is_active")
    show_change_link = True


@admin.register(Taxonomy)
class TaxonomiesAdmin(TaxonomyOwned):
    """Sets of categories. A client uses one."""

    list_display = ("name", "slug", "client", "is_active")
    list_filter = ("client", "is_active")
    search_fields = ("name", "slug")
    list_select_related = ("client",)
    inlines = (CategoryInline,)


@admin.register(ClientSettings)
class SettingsAdmin(HistoryAdmin):
    """How ticketing works for one client: taxonomy, teams, thresholds, privacy."""

    list_display = ("client", "taxonomy", "fallback_team", "accept_threshold", "allow_external_llm")
    list_select_related = ("client", "taxonomy", "fallback_team")


class RuleForm(forms.ModelForm):
    """Conditions as fields instead of raw data; all that are given must hold."""

    categories = forms.MultipleChoiceField(
        label=_("Categories"), required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    severities = forms.MultipleChoiceField(
        label=_("Severities"),
        choices=Severity.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    channels = forms.MultipleChoiceField(
        label=_("Channels"),
        choices=Channel.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    keywords = LinesField(
        label=_("Keywords"), required=False, help_text=_("One a line; any of them in the text matches.")
    )
    extracted_fields = LinesField(
        label=_("Extracted fields"), required=False, help_text=_("One a line; any of them found matches.")
    )
    business_hours = forms.NullBooleanField(
        label=_("Business hours"), required=False, widget=UnfoldAdminNullBooleanSelectWidget
    )

    class Meta:
        model = RoutingRule
        exclude = ("conditions",)  # noqa: DJ006  made of the fields above

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        slugs = Category.objects.order_by("slug").values_list("slug", "name").distinct()
        self.fields["categories"].choices = list(dict(slugs).items())  # type: ignore[attr-defined]
        # "Unknown, Yes, No" would say nothing of hours.
        self.fields["business_hours"].widget.choices = [  # type: ignore[attr-defined]
            ("unknown", _("At any hour")),
            ("true", _("Only in working hours")),
            ("false", _("Only outside working hours")),
        ]
        for name, value in (self.instance.conditions or {}).items():
            if name in self.fields:
                self.fields[name].initial = value

    def save(self, commit: bool = True) -> RoutingRule:
        """Put the conditions together; empty ones are left out."""
        given = {name: self.cleaned_data.get(name) for name in CONDITIONS}
        self.instance.conditions = {
            name: value for name, value in given.items() if value not in ([], None, "")
        }
        rule: RoutingRule = super().save(commit=commit)
        return rule


def conditions_in_words(rule: RoutingRule) -> list[tuple[str, str]]:
    """Each condition of a rule as (what is compared, what it accepts), in the order of the form."""
    given = rule.conditions or {}
    slugs = given.get("categories", [])
    rows = Category.objects.filter(slug__in=slugs, taxonomy=rule.taxonomy) if rule.taxonomy_id else ()
    named = {row.slug: row.name for row in rows}
    hours = _("Only in working hours") if given.get("business_hours") else _("Only outside working hours")
    told: dict[str, tuple[Any, list[Any]]] = {
        "categories": (_("Categories"), [named.get(slug, slug) for slug in slugs]),
        "severities": (_("Severities"), labels_of(Severity, given.get("severities", []))),
        "channels": (_("Channels"), labels_of(Channel, given.get("channels", []))),
        "keywords": (_("Keywords"), given.get("keywords", [])),
        "extracted_fields": (_("Extracted fields"), given.get("extracted_fields", [])),
        "business_hours": (_("Business hours"), [] if given.get("business_hours") is None else [hours]),
    }
    return [(str(name), ", ".join(map(str, values))) for name, values in told.values() if values]


def labels_of(choices: type[Choices], codes: Iterable[str]) -> list[str]:
    """The labels of the codes that are known, else the code itself."""
    known = dict(choices.choices)
    return [str(known.get(code, code)) for code in codes]


@admin.register(RoutingRule)
class RulesAdmin(HistoryAdmin):
    """Which team gets what. Rules are tried in order; the first match decides."""

    form = RuleForm
    list_display = (
        "order", "name", "client", "taxonomy", "team", "priority", "hits", "last_hit", "active",
    )  # fmt: skip
    list_display_links = ("name",)
    list_editable = ("order",)
    change_form_after_template = "admin/ticketing/_rule_try.html"
    list_filter = ("client", "taxonomy", "team", "is_active")
    search_fields = ("name", "slug")
    list_select_related = ("client", "taxonomy", "team")
    readonly_fields = ("hit_count", "last_hit_at", "history_test", "told_conditions")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "client", "taxonomy", "order", "is_active")}),
        (
            _("Conditions"),
            {"fields": CONDITIONS},
        ),
        (_("Outcome"), {"fields": ("team", "priority", "priority_modifier")}),
        (_("Effect"), {"fields": ("hit_count", "last_hit_at", "history_test")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: RoutingRule | None = None) -> Any:
        """Whoever may only look sees the conditions in words: the fields of the form are not the row's."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        hint = _(
            "This rule is shared by all clients and cannot be changed here. "
            "An own rule with a lower order is tried before it."
        )
        told = {"fields": ("told_conditions",), "description": hint}
        return [(name, told if given["fields"] == CONDITIONS else given) for name, given in fieldsets]

    @admin.display(description=_("All must hold"))
    def told_conditions(self, rule: RoutingRule) -> SafeString | str:
        """The conditions by their names, with everything each of them accepts."""
        lines = conditions_in_words(rule)
        if not lines:
            return gettext("None: the rule takes every ticket.")
        return format_html_join(mark_safe("<br>"), "<strong>{}:</strong> {}", lines)

    @admin.display(description=_("Hits"), ordering="hit_count")
    def hits(self, rule: RoutingRule) -> int:
        """How many tickets it has decided."""
        return rule.hit_count

    @admin.display(description=_("Last hit"), ordering="last_hit_at", empty_value="–")
    def last_hit(self, rule: RoutingRule) -> SafeString | None:
        """Short, with the exact time on hover."""
        return short_time(rule.last_hit_at) if rule.last_hit_at else None

    @admin.display(description=_("Active"), ordering="is_active", boolean=True)
    def active(self, rule: RoutingRule) -> bool:
        """Whether it is asked."""
        return rule.is_active

    @admin.display(description=_("On past tickets"))
    def history_test(self, rule: RoutingRule) -> SafeString | str:
        """Where the rule as it is stored is tried."""
        if not rule.pk:
            return gettext("Press “Try on past tickets” below; nothing is saved by it.")
        url = reverse("admin:ticketing_routingrule_trial", args=[rule.pk])
        return format_html(gettext('<a href="{}">Try the rule as it is stored</a>'), url)

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> type[forms.BaseModelFormSet]:
        """The order of a shared rule can be changed in the list only by whoever may change the rule."""
        may_change = self.has_change_permission

        class OwnRows(forms.BaseModelFormSet):
            """Rows that are only to be looked at keep their value, whatever is sent."""

            def add_fields(self, form: Any, index: int | None) -> None:
                """Close the field."""
                super().add_fields(form, index)
                if form.instance.pk:
                    form.fields["order"].disabled = not may_change(request, form.instance)

        return super().get_changelist_formset(request, formset=OwnRows, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        """With the trial of a stored and of an unsaved rule."""
        trial = self.admin_site.admin_view(self.trial)
        own = [
            path("try/", trial, name="ticketing_routingrule_trial_new"),
            path("<int:pk>/try/", trial, name="ticketing_routingrule_trial"),
        ]
        return [*own, *super().get_urls()]

    def trial(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """What the rule, as stored or as the form says, would have done with past tickets. Saves nothing."""
        stored = self.get_queryset(request).filter(pk=pk).select_related("team__calendar").first()
        if (pk is not None and stored is None) or not self.has_view_permission(request, stored):
            raise Http404
        rule, problems = stored, {}
        if request.method == "POST":
            form = self.get_form(request, stored, change=stored is not None)(request.POST, instance=stored)
            rule = form.save(commit=False) if form.is_valid() else None
            problems = {form.fields[name].label if name in form.fields else "": list(errors)
                        for name, errors in form.errors.items()}  # fmt: skip
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Try a routing rule"),
            "rule": rule,
            "unsaved": request.method == "POST",
            "problems": problems,
            "trial": rule_try(rule=rule, actor=actor_in_admin(request), now=timezone.now()) if rule else None,
        }
        return TemplateResponse(request, "admin/ticketing/rule_trial.html", context)


class ModuleInline(ChildInline):
    """Parts of the project."""

    model = Module
    prepopulated_fields = {"slug": ("name",)}


@admin.register(Project)
class ProjectsAdmin(ClientAdmin):
    """Products and systems tickets can be about."""

    list_display = ("name", "slug", "client", "is_active")
    list_filter = ("client", "is_active")
    search_fields = ("name", "slug")
    list_select_related = ("client",)
    inlines = (ModuleInline,)
    prepopulated_fields = {"slug": ("name",)}


@admin.register(Article)
class ArticlesAdmin(HistoryAdmin):
    """Answers to common questions; public ones appear in drafts and in the portal."""

    list_display = ("title", "client", "category", "visibility", "is_published", "helped", "updated_at")
    list_filter = ("client", "visibility", "is_published", "category")
    search_fields = ("title", "body")
    list_select_related = ("client", "category")
    prepopulated_fields = {"slug": ("title",)}
    readonly_fields = ("source_ticket", "helped")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With what readers said."""
        rows = super().get_queryset(request)
        return rows.annotate(
            answers=Count("feedback"), yes=Count("feedback", filter=Q(feedback__helped=True))
        )

    @admin.display(description=_("Helped"), ordering="yes")
    def helped(self, row: Article) -> str:
        """How many of those who answered were helped."""
        answers = getattr(row, "answers", 0)
        return gettext("%(yes)s of %(answers)s") % {"yes": row.yes, "answers": answers} if answers else "–"  # type: ignore[attr-defined]
