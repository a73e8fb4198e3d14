"""Shapes of the answers, for the API documentation; ``presenters`` fills them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class ClassifyAnswer(serializers.Serializer[Any]):
    """``POST classify``."""

    category = serializers.SlugField()
    category_name = serializers.CharField()
    confidence = serializers.FloatField(min_value=0, max_value=1)
    engine = serializers.CharField()


class ClassifyTicketAnswer(serializers.Serializer[Any]):
    """``POST classify/ticket``."""

    ticket_id = serializers.CharField(help_text="The reference, such as SW-1042.")
    id = serializers.UUIDField()
    category = serializers.SlugField()
    category_name = serializers.CharField()
    confidence = serializers.FloatField(min_value=0, max_value=1)
    severity = serializers.CharField()
    priority = serializers.CharField()
    suggested_assignee = serializers.CharField(help_text="A person's name, else the team's slug.")
    team = serializers.SlugField()
    needs_review = serializers.BooleanField()
    engine = serializers.CharField()
    next_steps = serializers.ListField(child=serializers.CharField())
    degraded = serializers.ListField(child=serializers.CharField(), help_text="Steps that fell back.")
    created_at = serializers.DateTimeField()
    processing_time = serializers.FloatField(help_text="Seconds.")


class WorkflowClassifyAnswer(serializers.Serializer[Any]):
    """``POST workflow/classify``."""

    category = serializers.SlugField()
    category_confidence = serializers.FloatField()
    severity = serializers.CharField()
    severity_confidence = serializers.FloatField()
    secondary_categories = serializers.ListField(child=serializers.SlugField())
    sentiment = serializers.CharField()
    root_cause = serializers.CharField()
    language = serializers.CharField()
    summary = serializers.CharField()
    reasoning = serializers.CharField()
    keywords_matched = serializers.ListField(child=serializers.CharField())
    urgency_indicators = serializers.ListField(child=serializers.CharField())
    engine = serializers.CharField()
    needs_review = serializers.BooleanField()


class SpanAnswer(serializers.Serializer[Any]):
    """Character offsets into the text the value came from."""

    start = serializers.IntegerField()
    end = serializers.IntegerField()
    text = serializers.CharField()


class FieldAnswer(serializers.Serializer[Any]):
    """One extracted field."""

    name = serializers.CharField()
    value = serializers.CharField()
    normalized = serializers.CharField()
    confidence = serializers.FloatField()
    origin = serializers.ChoiceField(choices=["subject", "body", "attachment"])
    source_span = SpanAnswer()


class ProblemAnswer(serializers.Serializer[Any]):
    """A value that was refused, and why."""

    name = serializers.CharField()
    value = serializers.CharField()
    message = serializers.CharField()


class WorkflowExtractAnswer(serializers.Serializer[Any]):
    """``POST workflow/extract``."""

    fields = serializers.ListField(child=FieldAnswer())  # type: ignore[assignment]
    missing_required = serializers.ListField(child=serializers.CharField())
    validation_errors = serializers.ListField(child=ProblemAnswer())


class SourceAnswer(serializers.Serializer[Any]):
    """What a draft points to."""

    title = serializers.CharField()
    reference = serializers.CharField()
    url = serializers.CharField()


class WorkflowRespondAnswer(serializers.Serializer[Any]):
    """``POST workflow/respond``."""

    content = serializers.CharField()
    tone = serializers.CharField()
    template_used = serializers.CharField()
    suggested_actions = serializers.ListField(child=serializers.CharField())
    requires_escalation = serializers.BooleanField()
    sources = serializers.ListField(child=SourceAnswer())
    greeting = serializers.CharField()
    acknowledgment = serializers.CharField()
    explanation = serializers.CharField()
    action_items = serializers.ListField(child=serializers.CharField())
    timeline = serializers.CharField()
    closing = serializers.CharField()


class OtherTeamAnswer(serializers.Serializer[Any]):
    """A team that was possible too."""

    team = serializers.SlugField()
    reason = serializers.CharField()


class WorkflowRouteAnswer(serializers.Serializer[Any]):
    """``POST workflow/route``."""

    team = serializers.SlugField()
    priority = serializers.CharField()
    confidence = serializers.FloatField()
    reasoning = serializers.CharField()
    alternative_teams = serializers.ListField(child=OtherTeamAnswer())
    escalation_path = serializers.ListField(child=serializers.SlugField())


class SimilarAnswer(serializers.Serializer[Any]):
    """Another ticket, and how alike it is in parts."""

    ticket_id = serializers.CharField()
    kind = serializers.CharField()
    score = serializers.FloatField(allow_null=True)
    parts = serializers.DictField(child=serializers.FloatField())


class WorkflowStepAnswer(serializers.Serializer[Any]):
    """How one step went."""

    name = serializers.CharField()
    status = serializers.ChoiceField(choices=["completed", "degraded", "failed", "skipped"])
    engine = serializers.CharField()
    duration_ms = serializers.IntegerField()
    error = serializers.CharField()


class WorkflowProcessAnswer(serializers.Serializer[Any]):
    """``POST workflow/process``."""

    ticket_id = serializers.CharField()
    classification = WorkflowClassifyAnswer()
    extracted_fields = serializers.DictField(child=serializers.CharField())
    response_draft = WorkflowRespondAnswer(allow_null=True)
    routing = WorkflowRouteAnswer()
    duplicates = serializers.ListField(child=SimilarAnswer())
    workflow_steps = serializers.ListField(child=WorkflowStepAnswer())
    total_duration_ms = serializers.IntegerField()
    correlation_id = serializers.CharField()


class SimilarTicketAnswer(SimilarAnswer):
    """A linked ticket, or one in like words: its kind is then ``similar`` and it has no state."""

    subject = serializers.CharField()
    status = serializers.CharField()
    state = serializers.CharField()


class ConfirmedExampleAnswer(serializers.Serializer[Any]):
    """A text whose category is certain, and how alike it is."""

    text = serializers.CharField()
    category = serializers.CharField()
    similarity = serializers.FloatField()


class SimilarTicketsAnswer(serializers.Serializer[Any]):
    """``GET tickets/{ref}/similar``."""

    results = serializers.ListField(child=SimilarTicketAnswer())
    confirmed = serializers.ListField(child=ConfirmedExampleAnswer())
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
