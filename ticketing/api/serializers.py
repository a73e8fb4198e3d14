"""Shapes of tickets and what hangs on them; rules live in the services."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from common.api import without_nul
from ticketing.choices import (
    PRIORITY_ALIASES,
    LinkKind,
    Priority,
    RootCause,
    Sentiment,
    Severity,
    Status,
    TriageField,
)
from ticketing.models import Message, Ticket, TicketEvent, TicketLink

TEXT_LIMIT = 100_000


class PriorityField(serializers.CharField):
    """A priority or one of its aliases (medium = normal, critical = urgent)."""

    def to_internal_value(self, data: Any) -> str:
        """The priority's own name. Raises ValidationError."""
        value = super().to_internal_value(data)
        priority = PRIORITY_ALIASES.get(value, value)
        if priority not in Priority.values:
            names = ", ".join([*Priority.values, *PRIORITY_ALIASES])
            raise serializers.ValidationError(_("Use one of: %(names)s.") % {"names": names})
        return str(priority)


class RequesterShort(serializers.Serializer[Any]):
    """Who asked."""

    id = serializers.UUIDField(source="uuid")
    name = serializers.CharField()
    email = serializers.CharField()
    external_id = serializers.CharField()


class TicketSerializer(serializers.ModelSerializer[Ticket]):
    """A ticket as lists show it; categories, teams and statuses by slug."""

    id = serializers.UUIDField(source="uuid", read_only=True)
    url = serializers.SerializerMethodField()
    status_category = serializers.CharField(read_only=True)
    category = serializers.CharField(source="category.slug", default=None, read_only=True)
    secondary_categories = serializers.SlugRelatedField("slug", many=True, read_only=True)
    team = serializers.CharField(source="team.slug", default=None, read_only=True)
    assignee = serializers.CharField(source="assignee.username", default=None, read_only=True)
    client = serializers.CharField(source="client.slug", read_only=True)
    project = serializers.CharField(source="project.slug", default=None, read_only=True)
    module = serializers.CharField(source="module.slug", default=None, read_only=True)
    tags = serializers.SlugRelatedField("name", many=True, read_only=True)
    merged_into = serializers.CharField(source="merged_into.reference", default=None, read_only=True)
    requester = RequesterShort(read_only=True)

    class Meta:
        model = Ticket
        fields = (
            "reference", "id", "url", "subject", "body", "status", "status_category", "category",
            "secondary_categories", "severity", "priority", "sentiment", "root_cause", "language", "summary",
            "team", "assignee", "requester", "client", "project", "module", "channel", "tags", "metadata",
            "needs_review", "created_at", "updated_at", "triaged_at", "first_response_at", "resolved_at",
            "closed_at", "next_due_at", "merged_into",
        )  # fmt: skip

    def get_url(self, ticket: Ticket) -> str:
        """Where the ticket is found in this API."""
        request = self.context.get("request")
        path = f"/api/v1/tickets/{ticket.reference}"
        return request.build_absolute_uri(path) if request is not None else path


class RequesterInput(serializers.Serializer[Any]):
    """Who asks; everything may be left out."""

    email = serializers.EmailField(required=False, default="", allow_blank=True)
    name = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    external_id = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)


class TicketInput(serializers.Serializer[Any]):
    """``POST tickets``."""

    subject = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)
    body = serializers.CharField(max_length=TEXT_LIMIT, required=False, default="", allow_blank=True)
    requester = RequesterInput(required=False)
    client = serializers.SlugField(required=False, default="")
    project = serializers.SlugField(required=False, default="", allow_blank=True)
    module = serializers.SlugField(required=False, default="", allow_blank=True)
    category = serializers.SlugField(required=False, default="", allow_blank=True)
    severity = serializers.ChoiceField(choices=Severity.choices, required=False, default="", allow_blank=True)
    priority = PriorityField(required=False, default="", allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField(max_length=60), required=False, max_length=30)
    metadata = serializers.DictField(required=False, default=dict, validators=[without_nul])


class BulkInput(serializers.Serializer[Any]):
    """``POST tickets/bulk``: up to 500, each checked alone."""

    tickets = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=500)


class TicketPatch(serializers.Serializer[Any]):
    """``PATCH tickets/{ref}``; fields that are left out stay as they are, null empties."""

    subject = serializers.CharField(max_length=300, required=False)
    status = serializers.ChoiceField(choices=Status.choices, required=False)
    category = serializers.SlugField(required=False, allow_null=True)
    severity = serializers.ChoiceField(choices=Severity.choices, required=False)
    priority = PriorityField(required=False)
    sentiment = serializers.ChoiceField(choices=Sentiment.choices, required=False)
    root_cause = serializers.ChoiceField(choices=RootCause.choices, required=False)
    project = serializers.SlugField(required=False, allow_null=True)
    module = serializers.SlugField(required=False, allow_null=True)
    tags = serializers.ListField(child=serializers.CharField(max_length=60), required=False, max_length=30)
    metadata = serializers.DictField(required=False, validators=[without_nul])


class AssignInput(serializers.Serializer[Any]):
    """``POST tickets/{ref}/assign``."""

    team = serializers.SlugField(required=False, allow_null=True)
    assignee = serializers.CharField(max_length=150, required=False, allow_null=True)
    auto = serializers.BooleanField(required=False, default=False)


class EscalateInput(serializers.Serializer[Any]):
    """``POST tickets/{ref}/escalate``."""

    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class MessageInput(serializers.Serializer[Any]):
    """``POST tickets/{ref}/messages``."""

    body = serializers.CharField(max_length=TEXT_LIMIT)
    public = serializers.BooleanField(required=False, default=True)
    automated = serializers.BooleanField(
        required=False,
        default=False,
        help_text="No person wrote it: it does not count as a response. Ignored for requesters.",
    )
    attachments = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=20)


class ConfirmInput(serializers.Serializer[Any]):
    """``POST tickets/{ref}/confirm``: the right value of any triaged field."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """One optional field for everything triage predicts."""
        return {
            name: serializers.CharField(max_length=200, required=False)
            for name in TriageField.values
            if name != TriageField.PRIORITY
        } | {"priority": PriorityField(required=False)}


class LinkInput(serializers.Serializer[Any]):
    """``POST tickets/{ref}/links``."""

    kind = serializers.ChoiceField(choices=LinkKind.choices)
    to = serializers.CharField(max_length=40)


class MergeInput(serializers.Serializer[Any]):
    """``POST tickets/{ref}/merge``."""

    into = serializers.CharField(max_length=40, help_text="Reference or id of the ticket that stays.")
    follow = serializers.BooleanField(
        required=False, default=True, help_text="Whether the requester follows the ticket that stays."
    )


class SplitInput(serializers.Serializer[Any]):
    """``POST tickets/{ref}/split``."""

    message = serializers.UUIDField(help_text="Id of the message that becomes a ticket of its own.")
    subject = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)


class AttachmentShort(serializers.Serializer[Any]):
    """A file of a message."""

    file_id = serializers.UUIDField(source="uuid")
    name = serializers.CharField()
    size = serializers.IntegerField()
    status = serializers.CharField()


class MessageSerializer(serializers.ModelSerializer[Message]):
    """One message of the conversation."""

    id = serializers.UUIDField(source="uuid", read_only=True)
    public = serializers.BooleanField(source="is_public", read_only=True)
    author = serializers.CharField(source="author_name", read_only=True)
    attachments = serializers.SerializerMethodField()

    class Meta:
        model = Message
        fields = ("id", "public", "author", "author_kind", "body", "html", "attachments", "created_at")

    def get_attachments(self, message: Message) -> list[dict[str, Any]]:
        """The files that came with it."""
        rows: list[dict[str, Any]] = AttachmentShort(message.attachments.all(), many=True).data
        return rows


class EventSerializer(serializers.ModelSerializer[TicketEvent]):
    """One entry of the history."""

    actor = serializers.CharField(source="actor_label", read_only=True)

    class Meta:
        model = TicketEvent
        fields = (
            "sequence", "verb", "field", "old_value", "new_value", "reason", "actor", "actor_kind",
            "correlation_id", "hash", "created_at",
        )  # fmt: skip


class LinkSerializer(serializers.ModelSerializer[TicketLink]):
    """Two tickets that belong together."""

    ticket = serializers.CharField(source="source.reference", read_only=True)
    to = serializers.CharField(source="target.reference", read_only=True)

    class Meta:
        model = TicketLink
        fields = ("ticket", "to", "kind", "state", "score", "parts", "created_at")


class DecisionShape(serializers.Serializer[Any]):
    """What was decided about one field."""

    value = serializers.CharField()
    state = serializers.CharField()
    confidence = serializers.FloatField(allow_null=True)
    source = serializers.CharField()
    reasoning = serializers.CharField()
    alternatives = serializers.ListField(child=serializers.DictField())
    decided_by = serializers.CharField(allow_null=True)


class TicketDetail(TicketSerializer):
    """A ticket with everything around it; requesters get the plain ticket."""

    version = serializers.IntegerField(read_only=True)
    assignment = serializers.DictField(read_only=True, allow_null=True)
    triage = serializers.DictField(child=DecisionShape(), read_only=True)
    extracted_fields = serializers.ListField(child=serializers.DictField(), read_only=True)
    sla = serializers.DictField(read_only=True)
    links = LinkSerializer(many=True, read_only=True)

    class Meta(TicketSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *TicketSerializer.Meta.fields,
            "version", "assignment", "triage", "extracted_fields", "sla", "links",
        )  # fmt: skip


class ErrorShape(serializers.Serializer[Any]):
    """An error."""

    code = serializers.CharField()
    message = serializers.CharField()
    fields = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))  # type: ignore[assignment]


class BulkLine(serializers.Serializer[Any]):
    """One line of a bulk answer: a ticket or an error."""

    index = serializers.IntegerField()
    ticket = TicketSerializer(required=False)
    error = ErrorShape(required=False)
