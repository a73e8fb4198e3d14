"""Keys, credentials and flags."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import Timestamped
from teams.models.people import Client, User
from teams.querysets import ApiKeyQuerySet


class ApiKey(Timestamped):
    """A service's key for one client. Invariant: only the SHA-256 of the key is stored."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=120, help_text=_("Which service uses it."))
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["client", "name"]
        verbose_name = _("API key")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Credential(Timestamped):
    """A secret for an outside system. Invariant: ``secret`` is encrypted with CREDENTIAL_KEYS."""

    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    system = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    secret = models.BinaryField()

    class Meta:
        ordering = ["system", "name"]
        constraints = [
            models.UniqueConstraint(fields=["client", "system", "name"], name="credential_name_once")
        ]

    def __str__(self) -> str:
        return f"{self.system}: {self.name}"


class FeatureFlag(Timestamped):
    """A switch a lead may flip. Where no row exists, the environment decides (C13)."""

    name = models.CharField(max_length=60)
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    enabled = models.BooleanField(default=True)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["name", "client"], name="flag_once_per_client"),
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(client=None), name="shared_flag_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {'on' if self.enabled else 'off'}"
