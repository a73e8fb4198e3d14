"""Append-only history: hash-chained events and assignments."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from teams.models import Team, User
from ticketing.models.tickets import Ticket


class TicketEvent(models.Model):
    """One change of a ticket, never edited (T6).

    Invariant: ``hash`` covers the event before it and a salted commitment of the values, so values can be
    erased (salt and values set to null) without breaking the chain.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="events")
    sequence = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    actor_kind = models.CharField(max_length=12)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=200, blank=True)
    verb = models.CharField(max_length=60)
    field = models.CharField(max_length=60, blank=True)
    old_value = models.JSONField(null=True, blank=True)
    new_value = models.JSONField(null=True, blank=True)
    reason = models.TextField(blank=True)
    correlation_id = models.CharField(max_length=64, blank=True)
    salt = models.CharField(max_length=32, null=True, blank=True)
    commitment = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["ticket", "sequence"]
        constraints = [models.UniqueConstraint(fields=["ticket", "sequence"], name="event_sequence_once")]

    def __str__(self) -> str:
        return f"{self.verb} #{self.sequence}"


class Assignment(models.Model):
    """Who had the ticket when, and why (T7)."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="assignments")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    assignee = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    actor_kind = models.CharField(max_length=12)
    actor_label = models.CharField(max_length=200, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    reason = models.TextField(blank=True)
    alternatives = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.team or self.assignee}"
