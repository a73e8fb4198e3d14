"""Rows that make the house reliable: idempotency and alerts."""

from __future__ import annotations

from django.db import models

from common.models import Timestamped
from teams.choices import AlertSeverity, AlertState
from teams.models.people import Client


class IdempotencyRecord(Timestamped):
    """The first answer to a creating POST. Invariant: one row per caller, route and key for 24 hours."""

    caller = models.CharField(max_length=80)
    route = models.CharField(max_length=200)
    key = models.CharField(max_length=200)
    body_hash = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    response = models.JSONField(null=True, blank=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["caller", "route", "key"], name="idempotency_key_once")
        ]

    def __str__(self) -> str:
        return f"{self.caller} {self.route} {self.key}"


class Alert(Timestamped):
    """Something a lead must know. Invariant: one open row per rule and subject."""

    rule = models.CharField(max_length=80)
    subject = models.CharField(max_length=160, blank=True)
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    severity = models.CharField(max_length=10, choices=AlertSeverity.choices, default=AlertSeverity.WARNING)
    state = models.CharField(max_length=10, choices=AlertState.choices, default=AlertState.OPEN)
    message = models.TextField()
    count = models.PositiveIntegerField(default=1)
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "subject"], condition=models.Q(state="open"), name="alert_open_once"
            )
        ]

    def __str__(self) -> str:
        return self.message
