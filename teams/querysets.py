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


class TargetQuerySet(models.QuerySet[Any]):
    """Places that are told."""

    def visible_to(self, actor: Actor) -> Self:
        """Targets of teams and people of the actor's clients; those of the house only for administrators."""
        if actor.client_ids is None:
            return self.all()
        own = Q(team__client__in=actor.client_ids) | Q(user__clients__in=actor.client_ids)
        return self.filter(own).distinct()

    def wanting(self, kind: str) -> Self:
        """Active targets that take a kind: those that name its first part, and those that name nothing."""
        # JSON containment is not there on SQLite; the quoted word is unambiguous in a list of slugs.
        area = kind.partition(".")[0]
        return self.filter(Q(kinds=[]) | Q(kinds__icontains=f'"{area}"'), is_active=True)


class NotificationQuerySet(models.QuerySet[Any]):
    """The outbox."""

    def visible_to(self, actor: Actor) -> Self:
        """Messages of the actor's clients."""
        return self.all() if actor.client_ids is None else self.filter(client__in=actor.client_ids)

    def free(self, *, now: datetime) -> Self:
        """Owed, due and held by nobody."""
        idle = Q(state="pending") | Q(state="sending", lease_until__lt=now)
        return self.filter(idle, next_at__lte=now)
