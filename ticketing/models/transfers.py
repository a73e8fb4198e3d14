"""Tickets that came in or went out in bulk: who did it, and which they were."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.models import Timestamped
from teams.models import Client, User
from ticketing.choices import BatchState, ExportFormat
from ticketing.models.tickets import Ticket
from ticketing.querysets import ClientOwnedQuerySet


class TicketExport(models.Model):
    """One list that left the house. Invariant: written before the first row is sent, never deleted."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    actor_kind = models.CharField(max_length=12)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField("by", max_length=200, blank=True)
    format = models.CharField(max_length=4, choices=ExportFormat.choices)
    filters = models.TextField(blank=True, help_text=_("What the list was limited to."))
    rows = models.PositiveIntegerField(default=0, help_text=_("Tickets sent so far."))
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(
        null=True, blank=True, help_text=_("Empty where the download was broken off.")
    )

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.rows} tickets as {self.format}"


class TicketBatch(Timestamped):
    """Tickets imported together (T14). Invariant: told of once, when it is finished."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="ticket_batches")
    label = models.CharField(max_length=255, help_text=_("The file the tickets came from."))
    system = models.CharField(max_length=40, help_text=_("Where their external ids are from."))
    state = models.CharField(max_length=8, choices=BatchState.choices, default=BatchState.OPEN)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    objects = ClientOwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = _("ticket batches")

    def __str__(self) -> str:
        return self.label


class ImportedTicket(models.Model):
    """Which row of which batch a ticket was. Invariant: a row becomes at most one ticket."""

    ticket = models.OneToOneField(
        Ticket, primary_key=True, on_delete=models.CASCADE, related_name="imported_from"
    )
    batch = models.ForeignKey(TicketBatch, on_delete=models.CASCADE, related_name="tickets")
    row = models.PositiveIntegerField(help_text=_("As the file counts them."))

    class Meta:
        ordering = ["batch", "row"]
        constraints = [models.UniqueConstraint(fields=["batch", "row"], name="imported_row_once")]

    def __str__(self) -> str:
        return f"Row {self.row} of {self.batch_id}"
