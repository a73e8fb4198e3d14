"""Taxonomies, categories, rules, projects, articles and client settings."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from common.actors import Actor
from teams.admin import ChildInline, ClientAdmin, HistoryAdmin
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
from ticketing.selectors.rules import matching_tickets
from ticketing.services.reference import may_change_taxonomy

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

    keywords = LinesField(required=False, help_text="One word or phrase a line; the rules look for them.")
    required_fields = LinesField(
        required=False,
        help_text="One extracted field a line, such as order_id; the draft asks for missing ones.",
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

    categories = forms.MultipleChoiceField(required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget)
    severities = forms.MultipleChoiceField(
        choices=Severity.choices, required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    channels = forms.MultipleChoiceField(
        choices=Channel.choices, required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    keywords = LinesField(required=False, help_text="One a line; any of them in the text matches.")
    extracted_fields = LinesField(required=False, help_text="One a line; any of them found matches.")
    business_hours = forms.NullBooleanField(
        required=False, help_text="Yes: only in working hours. No: only outside. Unknown: always."
    )

    class Meta:
        model = RoutingRule
        exclude = ("conditions",)  # noqa: DJ006  made of the fields above

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        slugs = Category.objects.order_by("slug").values_list("slug", "name").distinct()
        self.fields["categories"].choices = list(dict(slugs).items())  # type: ignore[attr-defined]
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


@admin.register(RoutingRule)
class RulesAdmin(HistoryAdmin):
    """Which team gets what. Rules are tried in order; the first match decides."""

    form = RuleForm
    list_display = ("order", "name", "client", "taxonomy", "team", "priority", "hit_count", "is_active")
    list_display_links = ("name",)
    list_filter = ("client", "taxonomy", "team", "is_active")
    search_fields = ("name", "slug")
    list_select_related = ("client", "taxonomy", "team")
    readonly_fields = ("hit_count", "history_test")
    fieldsets = (
        (None, {"fields": ("name", "slug", "client", "taxonomy", "order", "is_active")}),
        (
            "Conditions",
            {"fields": CONDITIONS},
        ),
        ("Outcome", {"fields": ("team", "priority", "priority_modifier")}),
        ("Effect", {"fields": ("hit_count", "history_test")}),
    )

    @admin.display(description="Among the last 200 tickets")
    def history_test(self, rule: RoutingRule) -> SafeString | str:
        """How many recent tickets the rule as it is stored would match, with links."""
        if not rule.pk:
            return "Save the rule to test it against recent tickets."
        found, looked_at = matching_tickets(rule=rule)
        rows = [
            (
                reverse("admin:ticketing_ticket_change", args=[ticket.pk]),
                ticket.reference,
                ticket.subject[:70],
            )
            for ticket in found[:8]
        ]
        links = format_html_join("", '<li><a href="{}">{}</a> {}</li>', rows)
        return format_html("<p>{} of {} match.</p><ul>{}</ul>", len(found), looked_at, links)


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

    @admin.display(description="Helped", ordering="yes")
    def helped(self, row: Article) -> str:
        """How many of those who answered were helped."""
        answers = getattr(row, "answers", 0)
        return f"{row.yes} of {answers}" if answers else "–"  # type: ignore[attr-defined]
