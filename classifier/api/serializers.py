"""Shapes of the classify, workflow and triage calls; rules live in the services."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from classifier.choices import Tone
from classifier.models import Classification, ResponseDraft, WorkflowRun, WorkflowStep
from common.api import without_nul
from ticketing.choices import PRIORITY_ALIASES, Priority, Severity

TEXT_LIMIT = 100_000


def priority_of(value: str) -> str:
    """A priority by its name or its alias. Raises ValidationError."""
    priority = PRIORITY_ALIASES.get(value, value)
    if priority not in Priority.values:
        names = ", ".join([*Priority.values, *PRIORITY_ALIASES])
        raise serializers.ValidationError(_("Use one of: %(names)s.") % {"names": names})
    return str(priority)


class PriorityField(serializers.CharField):
    """A priority or one of its aliases (medium = normal, critical = urgent)."""

    def to_internal_value(self, data: Any) -> str:
        """The priority's own name."""
        return priority_of(super().to_internal_value(data))


class ClassifyInput(serializers.Serializer[Any]):
    """``POST classify``."""

    ticket = serializers.CharField(max_length=TEXT_LIMIT)
    taxonomy = serializers.SlugField(required=False, default="")


class ClassifyTicketInput(serializers.Serializer[Any]):
    """``POST classify/ticket``."""

    text = serializers.CharField(max_length=TEXT_LIMIT)
    user_id = serializers.CharField(max_length=120, required=False, default="anonymous")
    subject = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)
    file_type = serializers.CharField(max_length=10, required=False, default="", allow_blank=True)
    priority = PriorityField(required=False, default="", allow_blank=True)
    taxonomy = serializers.SlugField(required=False, default="")
    client = serializers.SlugField(required=False, default="")


class WorkflowOptions(serializers.Serializer[Any]):
    """Options of the workflow calls."""

    tone = serializers.ChoiceField(choices=Tone.choices, required=False)
    engine = serializers.ChoiceField(
        choices=["auto", "rules", "local", "llm"], required=False, default="auto"
    )
    persist = serializers.BooleanField(required=False, default=False)


class WorkflowInput(serializers.Serializer[Any]):
    """The one input of all workflow calls; what is given is used, not predicted."""

    subject = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)
    body = serializers.CharField(max_length=TEXT_LIMIT)
    customer_id = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    customer_email = serializers.EmailField(required=False, default="", allow_blank=True)
    customer_name = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    metadata = serializers.DictField(required=False, default=dict, validators=[without_nul])
    options = WorkflowOptions(required=False)
    taxonomy = serializers.SlugField(required=False, default="")
    client = serializers.SlugField(required=False, default="")
    category = serializers.SlugField(required=False, default="")
    severity = serializers.ChoiceField(choices=Severity.choices, required=False, default="")
    extracted_fields = serializers.DictField(
        child=serializers.CharField(max_length=500), required=False, default=dict
    )


class DraftInput(serializers.Serializer[Any]):
    """``POST tickets/{ref}/draft``."""

    tone = serializers.ChoiceField(choices=Tone.choices, required=False, default=Tone.FRIENDLY)


class ClassificationSerializer(serializers.ModelSerializer[Classification]):
    """One line of ``classify/history``; the text is redacted."""

    id = serializers.UUIDField(source="uuid", read_only=True)
    user_id = serializers.CharField(source="user_reference", read_only=True)
    ticket_id = serializers.CharField(source="ticket.reference", default=None, read_only=True)

    class Meta:
        model = Classification
        fields = (
            "id", "ticket_id", "user_id", "taxonomy", "text", "category", "category_name", "confidence",
            "severity", "engine", "duration_ms", "created_at",
        )  # fmt: skip


class StepSerializer(serializers.ModelSerializer[WorkflowStep]):
    """One step of a run."""

    class Meta:
        model = WorkflowStep
        fields = (
            "name", "status", "engine", "model", "prompt_version", "input", "output", "tokens_in",
            "tokens_out", "cost", "duration_ms", "error_kind", "error",
        )  # fmt: skip


class RunSerializer(serializers.ModelSerializer[WorkflowRun]):
    """One run with its steps."""

    id = serializers.UUIDField(source="uuid", read_only=True)
    steps = StepSerializer(many=True, read_only=True)

    class Meta:
        model = WorkflowRun
        fields = (
            "id", "purpose", "generation", "state", "decided_by", "degraded_steps", "attempts", "cost",
            "duration_ms", "created_at", "started_at", "finished_at", "error", "correlation_id", "steps",
        )  # fmt: skip


class DraftSerializer(serializers.ModelSerializer[ResponseDraft]):
    """A draft as the desk and the API show it."""

    id = serializers.UUIDField(source="uuid", read_only=True)

    class Meta:
        model = ResponseDraft
        fields = (
            "id", "tone", "content", "template_used", "suggested_actions", "requires_escalation", "sources",
            "parts", "state", "created_at",
        )  # fmt: skip
