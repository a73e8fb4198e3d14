"""Chainable reads of the people layer; every one that reaches an edge starts with ``visible_to``."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.contrib.auth.models import UserManager
from django.db import models
from django.db.models import Q

from common.actors import Actor


class ClientQuerySet(models.QuerySet[Any]):
    """Tenants."""

    def visible_to(self, actor: Actor) -> Self:
        """Clients within the actor's reach."""
        return self.all() if actor.client_ids is None else self.filter(pk__in=actor.client_ids)

    def active(self) -> Self:
        """Clients in use."""
        return self.filter(is_active=True)


class UserQuerySet(models.QuerySet[Any]):
    """People who can log in."""

    def visible_to(self, actor: Actor) -> Self:
        """People who work for one of the actor's clients; a requester sees nobody."""
        if actor.client_ids is None:
            return self.all()
        if not actor.is_staff:
            return self.none()
        return self.filter(clients__in=actor.client_ids).distinct()


class UserManagerWithVerbs(UserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Django's user manager with the verbs above."""


class TeamQuerySet(models.QuerySet[Any]):
    """Teams."""

    def visible_to(self, actor: Actor) -> Self:
        """Shared teams and those of the actor's clients."""
        if actor.client_ids is None:
            return self.all()
        return self.filter(Q(client=None) | Q(client__in=actor.client_ids))

    def for_client(self, client_id: int) -> Self:
        """Teams that may hold a ticket of this client."""
        return self.filter(Q(client=None) | Q(client_id=client_id), is_active=True)

    def for_list(self) -> Self:
        """What team lists need, in a constant number of queries."""
        return self.select_related("client", "calendar").prefetch_related("escalation_steps__target")


class ApiKeyQuerySet(models.QuerySet[Any]):
    """API keys."""

    def visible_to(self, actor: Actor) -> Self:
        """Keys of the actor's clients; only leads reach an edge with this."""
        return self.all() if actor.client_ids is None else self.filter(client__in=actor.client_ids)

    def usable(self, *, now: datetime) -> Self:
        """Keys that are neither revoked nor expired."""
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None, client__is_active=True
        )
