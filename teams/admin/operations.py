"""Keys, credentials, flags and alerts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminPasswordWidget

from teams.admin.base import ActionAdmin, ClientAdmin, actor_in_admin
from teams.choices import Scope
from teams.models import Alert, ApiKey, Credential, FeatureFlag
from teams.services.alerts import alert_resolve
from teams.services.credentials import secret_encrypt
from teams.services.keys import api_key_issue, api_key_revoke


class ApiKeyForm(forms.ModelForm):
    """A new key: who uses it and what for."""

    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"),
        choices=Scope.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("What the service may do with the key."),
    )

    class Meta:
        model = ApiKey
        fields = ("client", "name", "scopes", "expires_at")


@admin.register(ApiKey)
class ApiKeysAdmin(ClientAdmin):
    """Keys of services. The secret is shown once, when the key is made; only its hash is kept."""

    form = ApiKeyForm
    list_display = ("name", "client", "prefix", "scopes", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("client",)
    search_fields = ("name", "prefix")
    list_select_related = ("client",)
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A key is made or revoked, never edited."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A revoked key stays visible."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Issue the key through its service and show the secret this once."""
        data = form.cleaned_data
        issued = api_key_issue(
            client=data["client"],
            name=data["name"],
            scopes=data["scopes"],
            actor=actor_in_admin(request),
            expires_at=data["expires_at"],
        )
        obj.pk = issued.key.pk
        obj.prefix, obj.key_hash = issued.key.prefix, issued.key.key_hash
        note = _("The key is %(secret)s — copy it now; it cannot be shown again.") % {"secret": issued.secret}
        messages.warning(request, note)

    @action(description=gettext_lazy("Revoke the chosen keys"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Revoke through the service."""
        rows = [key for key in queryset if key.revoked_at is None]
        for key in rows:
            api_key_revoke(key=key, actor=actor_in_admin(request))
        messages.success(request, _("%(count)s keys no longer work.") % {"count": len(rows)})


class CredentialForm(forms.ModelForm):
    """The secret is written, never read."""

    new_secret = forms.CharField(
        label=gettext_lazy("New secret"),
        widget=UnfoldAdminPasswordWidget,
        required=False,
        help_text=gettext_lazy("Leave empty to keep the stored one."),
    )

    class Meta:
        model = Credential
        fields = ("client", "system", "name")

    def clean(self) -> dict[str, Any]:
        """A new credential needs a secret, and a key to encrypt it with."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.instance.pk and not data.get("new_secret"):
            self.add_error("new_secret", _("Enter the secret."))
        if data.get("new_secret") and not settings.CREDENTIAL_KEYS:
            self.add_error("new_secret", _("Secrets cannot be stored: CREDENTIAL_KEYS is not set."))
        return data


@admin.register(Credential)
class CredentialsAdmin(ClientAdmin):
    """Secrets for outside systems, encrypted at rest."""

    form = CredentialForm
    list_display = ("system", "name", "client", "updated_at")
    list_filter = ("system", "client")
    list_select_related = ("client",)

    def save_model(self, request: HttpRequest, obj: Credential, form: Any, change: bool) -> None:
        """Encrypt a new secret with the newest key."""
        if form.cleaned_data.get("new_secret"):
            obj.secret = secret_encrypt(form.cleaned_data["new_secret"])
        super().save_model(request, obj, form, change)


@admin.register(FeatureFlag)
class FlagsAdmin(ClientAdmin):
    """Switches; where there is none, the environment decides."""

    list_display = ("name", "client", "enabled", "note", "updated_at")
    list_filter = ("client", "enabled")
    search_fields = ("name",)
    list_select_related = ("client",)


@admin.register(Alert)
class AlertsAdmin(ActionAdmin):
    """What a lead must know; raised once, resolved once."""

    list_display = (
        "message", "severity", "state", "subject", "count", "created_at", "last_seen_at", "resolved_at",
    )  # fmt: skip
    list_filter = ("state", "severity", "rule")
    search_fields = ("message", "subject")
    actions = ("resolve",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        """The house's own alerts concern every lead."""
        rows = self.model._default_manager.all()
        actor = actor_in_admin(request)
        return (
            rows
            if actor.sees_every_client
            else rows.filter(Q(client=None) | Q(client__in=actor.client_ids or []))
        )

    @action(description=gettext_lazy("Mark as resolved"))
    def resolve(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        """Resolve through the service."""
        now = timezone.now()
        done = sum(alert_resolve(rule=row.rule, subject=row.subject, now=now) for row in queryset)
        messages.success(request, _("%(done)s alerts resolved.") % {"done": done})
