"""A run of the pipeline over one ticket, its steps and its predictions."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from classifier.choices import Purpose, RunState, StepStatus
from classifier.querysets import RunQuerySet
from common.models import Leased, Timestamped
from teams.models import Client
from ticketing.choices import DecisionState, TriageField
from ticketing.models import Ticket


class WorkflowRun(Leased, Timestamped):
    """Triage that is owed or done.

    Invariant: one effective run per (ticket, content, configuration, purpose, generation); only the holder of
    the lease token writes its result (C2, FACTS 6).
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="runs")
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="runs")
    purpose = models.CharField(max_length=8, choices=Purpose.choices, default=Purpose.TRIAGE)
    generation = models.PositiveIntegerField(default=1)
    content_hash = models.CharField(max_length=64)
    configuration_hash = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.PENDING)
    is_inline = models.BooleanField(default=False, help_text=_("Leased to the request that asked for it."))
    parameters = models.JSONField(default=dict, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True)
    decided_by = models.CharField(max_length=40, blank=True, help_text=_("Engine that decided the category."))
    degraded_steps = models.JSONField(default=list, blank=True)
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["ticket", "content_hash", "configuration_hash", "purpose", "generation"],
                name="one_effective_run",
            )
        ]
        indexes = [
            # The sweeper: what is due, whether never claimed or with an expired lease.
            models.Index(
                fields=["next_at"], condition=models.Q(state__in=["pending", "running"]), name="run_due"
            ),
            models.Index(fields=["ticket", "-created_at"], name="run_of_ticket"),
            models.Index(fields=["client", "-finished_at"], name="run_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} of {self.ticket_id} ({self.state})"


class WorkflowStep(models.Model):
    """One step of a run. Inputs and outputs are stored redacted only (C21)."""

    run = models.ForeignKey(WorkflowRun, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=40)
    status = models.CharField(max_length=10, choices=StepStatus.choices)
    engine = models.CharField(max_length=40, blank=True)
    model = models.CharField(max_length=120, blank=True)
    prompt_version = models.CharField(max_length=60, blank=True)
    input = models.JSONField(default=dict, blank=True)
    output = models.JSONField(default=dict, blank=True)
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    duration_ms = models.PositiveIntegerField(default=0)
    error_kind = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["run", "position"]
        constraints = [models.UniqueConstraint(fields=["run", "position"], name="step_position_once")]

    def __str__(self) -> str:
        return f"{self.name} ({self.status})"


class Prediction(models.Model):
    """What a run predicted for one field, kept for ever beside what was decided."""

    run = models.ForeignKey(WorkflowRun, on_delete=models.CASCADE, related_name="predictions")
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="predictions")
    field = models.CharField(max_length=12, choices=TriageField.choices)
    value = models.CharField(max_length=200)
    confidence = models.FloatField(null=True, blank=True)
    source = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=DecisionState.choices)
    reasoning = models.TextField(blank=True)
    alternatives = models.JSONField(default=list, blank=True)
    evidence = models.JSONField(default=list, blank=True)
    model_version = models.CharField(max_length=120, blank=True)
    prompt_version = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["run", "field"]
        constraints = [models.UniqueConstraint(fields=["run", "field"], name="one_prediction_per_field")]
        indexes = [models.Index(fields=["field", "source", "created_at"], name="prediction_by_engine")]

    def __str__(self) -> str:
        return f"{self.field} = {self.value}"
