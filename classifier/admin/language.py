"""Language models and prompts, as records a lead edits."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from classifier.llm.prompts import load_prompt
from classifier.models import LlmProvider, PromptVersion
from teams.admin import HistoryAdmin, actor_in_admin, limited

_TEXTS = ("name", "system", "before", "after")


@admin.register(LlmProvider)
class ProvidersAdmin(HistoryAdmin):
    """Which language models may be asked. Their state and spending is on the page “Language models”."""

    list_display = ("name", "client", "kind", "model", "step", "tier", "position", "is_internal", "is_active")
    list_filter = ("client", "kind", "is_active")
    list_select_related = ("client",)
    search_fields = ("name", "model")
    fieldsets = (
        (
            _("Model"),
            {"fields": ("client", "name", "kind", "model", "credential", "base_url", "api_version")},
        ),
        (_("Use"), {"fields": ("step", "tier", "position", "is_active", "is_internal")}),
        (_("Limits"), {"fields": ("timeout_seconds", "max_tokens", "num_ctx", "structured_output")}),
        (_("Price"), {"fields": ("price_input", "price_output")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """An address, and the word that nothing leaves, are an administrator's: texts go where they say."""
        return () if actor_in_admin(request).sees_every_client else ("base_url", "is_internal")


@admin.register(PromptVersion)
class PromptsAdmin(HistoryAdmin):
    """The words around a ticket. A stored text never changes; copy it to write a new version."""

    list_display = ("__str__", "client", "variant", "weight", "is_active", "note", "created_at", "copy_link")
    list_filter = ("client", "variant", "is_active")
    list_select_related = ("client",)
    list_before_template = "admin/classifier/_built_in_prompt.html"
    fieldsets = (
        (_("Use"), {"fields": ("client", "name", "variant", "examples", "weight", "is_active", "note")}),
        (_("Words"), {"fields": ("system", "before", "after")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Predictions name the version by its text."""
        return _TEXTS if obj is not None else ()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, and above it the words that are used where no version is."""
        return super().changelist_view(request, {**(extra_context or {}), "built_in": load_prompt("fused")})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new version begins with the words of the one it is copied from, else with the shipped ones."""
        visible = limited(PromptVersion.objects.all(), actor_in_admin(request))
        wanted = request.GET.get("copy", "")
        row = visible.filter(pk=int(wanted)).first() if wanted.isdecimal() else None
        words = row.prompt if row is not None else load_prompt("fused")
        return {
            "name": words.name,
            "system": words.system,
            "before": words.before,
            "after": words.after,
            "variant": row.variant if row is not None else "",
        }

    @admin.display(description="")
    def copy_link(self, prompt: PromptVersion) -> SafeString:
        """To a new version with the same words."""
        address = reverse("admin:classifier_promptversion_add")
        return format_html('<a href="{}?copy={}">Copy</a>', address, prompt.pk)
