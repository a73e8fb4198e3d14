"""What triage leaves behind besides field values: extracted fields, drafts, records of calls and answers."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from classifier.choices import CallPurpose, DraftState, Tone
from classifier.models.runs import WorkflowRun
from classifier.querysets import ClassificationQuerySet, DraftQuerySet
from common.models import Timestamped
from teams.models import Client, User
from ticketing.models import Attachment, Ticket


class ExtractedField(Timestamped):
    """A value found in the ticket, with the place it was found (C14).

    Invariant: ``start`` and ``end`` are offsets into the text named by ``origin`` and reproduce ``value``.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="extracted_fields")
    run = models.ForeignKey(WorkflowRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=60)
    value = models.CharField(max_length=500)
    normalized = models.CharField(max_length=500, blank=True)
    confidence = models.FloatField()
    source = models.CharField(max_length=40)
    origin = models.CharField(max_length=20, default="body", help_text=_("subject, body or attachment"))
    attachment = models.ForeignKey(
        Attachment, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    start = models.PositiveIntegerField(null=True, blank=True)
    end = models.PositiveIntegerField(null=True, blank=True)
    place = models.CharField(max_length=60, blank=True, help_text=_("Page or row in a file."))
    rejected_reason = models.CharField(max_length=200, blank=True)
    edited_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["ticket", "name", "start"]

    def __str__(self) -> str:
        return self.name


class ResponseDraft(Timestamped):
    """A proposed answer (C16). Never sent without a person unless a lead allows it for the category."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="drafts")
    run = models.ForeignKey(WorkflowRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    tone = models.CharField(max_length=10, choices=Tone.choices, default=Tone.FRIENDLY)
    content = models.TextField()
    parts = models.JSONField(default=dict, blank=True)
    sources = models.JSONField(default=list, blank=True)
    suggested_actions = models.JSONField(default=list, blank=True)
    template_used = models.CharField(max_length=80, blank=True)
    source = models.CharField(max_length=40, default="template")
    requires_escalation = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=DraftState.choices, default=DraftState.PROPOSED)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = DraftQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["ticket"], condition=models.Q(state="proposed"), name="one_proposed_draft"
            )
        ]

    def __str__(self) -> str:
        return f"Draft for {self.ticket_id}"


class LlmCall(models.Model):
    """The ledger: what left the building, to whom, when, and what it cost (C21)."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    ticket = models.ForeignKey(
        Ticket, null=True, blank=True, on_delete=models.CASCADE, related_name="llm_calls"
    )
    run = models.ForeignKey(
        WorkflowRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="llm_calls"
    )
    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=120)
    credential = models.CharField(max_length=16, blank=True, help_text=_("Fingerprint of address and key."))
    prompt_version = models.CharField(max_length=60, blank=True)
    purpose = models.CharField(
        max_length=10, choices=CallPurpose.choices, default=CallPurpose.WORK, db_default=CallPurpose.WORK
    )
    request = models.JSONField(default=list, help_text=_("The redacted messages, exactly as sent."))
    outcome = models.CharField(max_length=40, default="ok")
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    latency_ms = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("LLM call")
        verbose_name_plural = _("what left the house")
        indexes = [
            # Budgets: what a client, and what a credential, spent since midnight or the first of the month.
            models.Index(fields=["client", "created_at"], name="llm_spend"),
            models.Index(fields=["credential", "created_at"], name="llm_spend_of_credential"),
            # The comparison of prompts.
            models.Index(fields=["prompt_version", "created_at"], name="llm_by_prompt"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.model}: {self.outcome}"


class Classification(models.Model):
    """A redacted record of every classification, with or without a ticket (``classify/history``)."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="classifications")
    ticket = models.ForeignKey(
        Ticket, null=True, blank=True, on_delete=models.CASCADE, related_name="classifications"
    )
    user_reference = models.CharField(max_length=120, blank=True)
    caller = models.CharField(max_length=80, blank=True)
    taxonomy = models.SlugField(max_length=60)
    text = models.TextField(help_text=_("Redacted."))
    category = models.SlugField(max_length=60)
    category_name = models.CharField(max_length=120)
    confidence = models.FloatField()
    severity = models.CharField(max_length=8, blank=True)
    engine = models.CharField(max_length=40)
    duration_ms = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ClassificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["client", "-created_at", "-id"], name="classification_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.category} by {self.engine}"
