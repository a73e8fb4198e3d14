"""Conversations with the assistant, to be checked (C22)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from classifier.models import ChatConvo, ChatMessage
from teams.admin import ReadOnlyAdmin, ReadOnlyInline, actor_in_admin


class ChatMessageInline(ReadOnlyInline):
    """What was asked and answered, by whom, on which sources."""

    model = ChatMessage
    fields = ("created_at", "role", "body", "sources", "engine", "model", "error_kind", "cost", "duration_ms")
    verbose_name_plural = _("Messages")


@admin.register(ChatConvo)
class ConvosAdmin(ReadOnlyAdmin):
    """The conversations of the lead's clients; people see their own in the portal and on the desk."""

    list_display = ("title", "user", "client", "audience", "ticket", "updated_at")
    list_filter = ("audience", "client")
    search_fields = ("title", "user__username", "ticket__reference")
    list_select_related = ("user", "client", "ticket")
    inlines = (ChatMessageInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """By client: ``visible_to`` is the caller's own view, this one is for audit."""
        rows: QuerySet[Any] = ChatConvo.objects.all()
        actor = actor_in_admin(request)
        return rows if actor.sees_every_client else rows.filter(client__in=actor.client_ids or [])
