"""Messages and files."""

from __future__ import annotations

import uuid
from pathlib import PurePosixPath

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import Leased, Timestamped
from teams.models import Client, User
from ticketing.choices import AttachmentStatus
from ticketing.models.requesters import Requester
from ticketing.models.tickets import Ticket
from ticketing.querysets import AttachmentQuerySet, MessageQuerySet


class Message(Timestamped):
    """One entry of a conversation: a public reply or an internal note."""

    class AuthorKind(models.TextChoices):
        """Who wrote it."""

        REQUESTER = "requester", "Requester"
        AGENT = "agent", "Agent"
        AUTOMATION = "automation", "Automation"

    class Format(models.TextChoices):
        """How the body is written."""

        MARKDOWN = "markdown", "Markdown"
        PLAIN = "plain", "Plain text"
        HTML = "html", "Sanitized HTML"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="messages")
    is_public = models.BooleanField(default=True)
    author_kind = models.CharField(max_length=10, choices=AuthorKind.choices)
    author_user = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    author_requester = models.ForeignKey(
        Requester, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    author_label = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    format = models.CharField(max_length=8, choices=Format.choices, default=Format.MARKDOWN)
    html = models.TextField(blank=True, help_text=_("Safe HTML, rendered when written."))
    email_message_id = models.CharField(max_length=255, blank=True)
    is_first = models.BooleanField(default=False, help_text=_("Repeats the ticket's own text."))

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "pk"]
        indexes = [models.Index(fields=["ticket", "created_at"], name="message_conversation")]

    def __str__(self) -> str:
        return f"Message {self.uuid}"

    @property
    def author_name(self) -> str:
        """The name shown above the message."""
        if self.author_user is not None:
            return self.author_user.display_name
        return self.author_label or "Automation"


def attachment_path(instance: Attachment, filename: str) -> str:
    """A storage key that says nothing of the sender: client, unguessable id, extension."""
    suffix = PurePosixPath(filename).suffix.lower()[:10]
    return f"clients/{instance.client_id}/{instance.uuid}{suffix}"


class Attachment(Leased, Timestamped):
    """A stored file and the text read from it. Invariant: served only after a permission check."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="attachments")
    ticket = models.ForeignKey(
        Ticket, null=True, blank=True, on_delete=models.CASCADE, related_name="attachments"
    )
    message = models.ForeignKey(
        Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="attachments"
    )
    uploaded_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    uploaded_label = models.CharField(max_length=120, blank=True, help_text=_("Key or channel it came by."))
    file = models.FileField(upload_to=attachment_path, max_length=300)
    name = models.CharField(max_length=255)
    content_type = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=10, blank=True, help_text=_("Detected type: pdf, docx, txt, …"))
    size = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    is_public = models.BooleanField(default=True, help_text=_("Visible to the requester."))
    status = models.CharField(
        max_length=8, choices=AttachmentStatus.choices, default=AttachmentStatus.PENDING
    )
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    pages = models.PositiveIntegerField(null=True, blank=True)
    text = models.TextField(blank=True)
    segments = models.JSONField(
        default=list, blank=True, help_text=_("Positions of pages and rows in the text.")
    )
    features = models.JSONField(default=dict, blank=True)

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [
            # The sweeper looks for files nobody has read yet.
            models.Index(fields=["next_at"], condition=models.Q(status="pending"), name="attachment_unread")
        ]

    def __str__(self) -> str:
        return self.name
