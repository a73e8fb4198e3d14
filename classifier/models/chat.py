"""Conversations with the assistant, kept for the person and for audit (C22)."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from classifier.choices import ChatAudience, ChatRole
from classifier.querysets import ChatConvoQuerySet, ChatMessageQuerySet
from common.models import Timestamped
from teams.models import Client, User
from ticketing.models import Attachment, Ticket


class ChatConvo(Timestamped):
    """A conversation of one caller at one client.

    Invariant: what was found for staff (``audience`` agent) is never shown to the same person as a requester.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="chats")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="chats")
    caller = models.CharField(max_length=64, help_text=_("Id of the person or the API key."))
    audience = models.CharField(max_length=9, choices=ChatAudience.choices)
    about = models.ForeignKey(
        Ticket,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="chats_about",
        help_text=_("The ticket the questions are about."),
    )
    ticket = models.ForeignKey(
        Ticket,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="chats",
        help_text=_("The ticket the conversation became."),
    )
    title = models.CharField(max_length=120, blank=True)

    objects = ChatConvoQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at", "-pk"]
        verbose_name = "conversation"
        indexes = [
            # A caller's history, and how many questions a caller asked in the last minute.
            models.Index(fields=["caller", "-updated_at"], name="chat_of_caller"),
        ]

    def __str__(self) -> str:
        return self.title or f"Conversation {self.uuid}"


class ChatMessage(Timestamped):
    """A question or an answer, with everything the answer rests on. Never changed, only erased."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    convo = models.ForeignKey(ChatConvo, on_delete=models.CASCADE, related_name="messages")
    role = models.CharField(max_length=9, choices=ChatRole.choices)
    body = models.TextField()
    sources = models.JSONField(default=list, blank=True)
    suggests_ticket = models.BooleanField(default=False)
    files = models.ManyToManyField(Attachment, blank=True, related_name="chat_messages")
    engine = models.CharField(max_length=10, blank=True, help_text=_("template or llm"))
    model = models.CharField(max_length=160, blank=True)
    prompt_version = models.CharField(max_length=60, blank=True)
    error_kind = models.CharField(
        max_length=40, blank=True, help_text=_("Why the model's answer was not used.")
    )
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    duration_ms = models.PositiveIntegerField(default=0)

    objects = ChatMessageQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        verbose_name = _("chat message")
        indexes = [models.Index(fields=["convo", "created_at"], name="chat_message_newest")]

    def __str__(self) -> str:
        return f"{self.role} {self.uuid}"
