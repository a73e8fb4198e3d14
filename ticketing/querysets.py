"""Chainable reads. ``visible_to(actor)`` is the one place that says who sees which row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Self

from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce

from common.actors import Actor, Deed, Role
from ticketing.choices import (
    STATUS_CATEGORY,
    ArticleVisibility,
    AttachmentStatus,
    Priority,
    Severity,
    ToolScope,
)


def statuses_in(*categories: str) -> list[str]:
    """The statuses that belong to the given categories."""
    return [status for status, category in STATUS_CATEGORY.items() if category in categories]


def rank_of(field: str, values: list[str]) -> Case:
    """The position of a value in its list; what is not listed comes last. Indexes are made of it too."""
    whens = [When(**{field: value}, then=Value(place)) for place, value in enumerate(values)]
    return Case(*whens, default=Value(len(values)), output_field=models.IntegerField())


class ClientOwnedQuerySet(models.QuerySet[Any]):
    """Rows with a mandatory ``client``."""

    def visible_to(self, actor: Actor) -> Self:
        """Rows of the actor's clients."""
        return self.all() if actor.client_ids is None else self.filter(client__in=actor.client_ids)

    def for_list(self) -> Self:
        """What lists show."""
        return self.select_related("client")


class SharedQuerySet(models.QuerySet[Any]):
    """Rows whose ``client`` may be empty: shared by all clients."""

    def visible_to(self, actor: Actor) -> Self:
        """Shared rows and those of the actor's clients."""
        if actor.client_ids is None:
            return self.all()
        return self.filter(Q(client=None) | Q(client__in=actor.client_ids))

    def for_client(self, client_id: int) -> Self:
        """Shared rows and those of one client."""
        return self.filter(Q(client=None) | Q(client_id=client_id))

    def active(self) -> Self:
        """Rows in use."""
        return self.filter(is_active=True)

    def for_list(self) -> Self:
        """What lists show."""
        return self.select_related("client")


class CategoryQuerySet(models.QuerySet[Any]):
    """Categories follow their taxonomy."""

    def visible_to(self, actor: Actor) -> Self:
        """Categories of shared taxonomies and of the actor's clients'."""
        if actor.client_ids is None:
            return self.all()
        return self.filter(Q(taxonomy__client=None) | Q(taxonomy__client__in=actor.client_ids))

    def active(self) -> Self:
        """Categories in use."""
        return self.filter(is_active=True)

    def for_list(self) -> Self:
        """What lists show."""
        return self.select_related("taxonomy", "default_team")


class ProjectChildQuerySet(models.QuerySet[Any]):
    """Rows that follow a project."""

    def visible_to(self, actor: Actor) -> Self:
        """Rows whose project belongs to the actor's clients."""
        return self.all() if actor.client_ids is None else self.filter(project__client__in=actor.client_ids)

    def for_list(self) -> Self:
        """What lists show."""
        return self.select_related("project")


class RequesterQuerySet(models.QuerySet[Any]):
    """Requesters."""

    def visible_to(self, actor: Actor) -> Self:
        """Staff see their clients' requesters; a requester sees only himself or herself."""
        if actor.client_ids is None:
            return self.all()
        rows = self.filter(client__in=actor.client_ids)
        return rows if actor.is_staff else rows.filter(user_id=actor.user_id, user__isnull=False)


class TicketQuerySet(models.QuerySet[Any]):
    """Tickets."""

    def visible_to(self, actor: Actor) -> Self:
        """Leads and services: their clients'. Agents: their teams', unassigned and own.

        Requesters: what they asked, and what they follow.
        """
        if actor.role is Role.ANONYMOUS:
            return self.none()
        rows = self if actor.client_ids is None else self.filter(client__in=actor.client_ids)
        if actor.role is Role.REQUESTER:
            own = Q(requester__user_id=actor.user_id, requester__user__isnull=False)
            return rows.filter(own | Exists(self._followed_by(actor)))
        if actor.role is Role.AGENT:
            return rows.filter(
                Q(team__in=actor.team_ids) | Q(team__isnull=True) | Q(assignee_id=actor.user_id)
            )
        return rows.all()

    def _followed_by(self, actor: Actor) -> models.QuerySet[Any]:
        """The actor's own entries among the followers of a ticket."""
        follower = self.model._meta.get_field("followers").related_model
        rows: models.QuerySet[Any] = follower._default_manager.filter(
            ticket=OuterRef("pk"), requester__user_id=actor.user_id, requester__user__isnull=False
        )
        return rows

    def open(self) -> Self:
        """Tickets that still owe work or an answer."""
        return self.filter(status__in=statuses_in("open", "waiting"))

    def in_categories(self, *categories: str) -> Self:
        """Tickets whose status belongs to one of the status categories."""
        return self.filter(status__in=statuses_in(*categories))

    def overdue(self, *, now: datetime) -> Self:
        """Tickets whose next SLA deadline has passed."""
        return self.open().filter(next_due_at__lt=now)

    def for_list(self) -> Self:
        """What one line of a list shows; keeps the number of queries constant."""
        return self.select_related(
            "client", "requester", "category", "team", "assignee", "project", "module", "merged_into"
        ).prefetch_related("requester__addresses", "tags", "secondary_categories")

    def ranked(self) -> Self:
        """Adds what lists may be ordered by: worst severity and soonest priority first, no deadline last."""
        far = datetime(9999, 1, 1, tzinfo=UTC)
        return self.annotate(
            severity_rank=rank_of("severity", Severity.values),
            priority_rank=rank_of("priority", Priority.values),
            due_at=Coalesce("next_due_at", Value(far, output_field=models.DateTimeField())),
        )

    def for_page(self) -> Self:
        """What a ticket's page shows."""
        return self.for_list().select_related("taxonomy").prefetch_related("decisions")


class MessageQuerySet(models.QuerySet[Any]):
    """Messages."""

    def visible_to(self, actor: Actor) -> Self:
        """Messages of visible tickets; requesters never see internal notes."""
        tickets = self.model._meta.get_field("ticket").related_model.objects.visible_to(actor)
        rows = self.filter(ticket__in=tickets)
        return rows if actor.is_staff else rows.filter(is_public=True)

    def for_list(self) -> Self:
        """What a conversation shows."""
        return self.select_related("author_user", "author_requester").prefetch_related("attachments")


class AttachmentQuerySet(models.QuerySet[Any]):
    """Files."""

    def visible_to(self, actor: Actor) -> Self:
        """Files of visible tickets; loose files only for their uploader, the client's leads and services.

        Staff without the permission to open files see their own uploads only (R3).
        """
        if actor.client_ids is None:
            return self.all()
        if actor.is_staff and not actor.may(Deed.VIEW_FILES):
            return self.filter(
                client__in=actor.client_ids, uploaded_by_id=actor.user_id, uploaded_by__isnull=False
            )
        tickets = self.model._meta.get_field("ticket").related_model.objects.visible_to(actor)
        on_ticket = Exists(tickets.filter(pk=OuterRef("ticket_id")))
        rows = self.filter(client__in=actor.client_ids)
        own = Q(ticket=None) & Q(uploaded_by_id=actor.user_id, uploaded_by__isnull=False)
        if actor.role in {Role.LEAD, Role.SERVICE}:
            return rows.filter(Q(ticket=None) | Q(on_ticket))
        visible = rows.filter(Q(on_ticket) | own)
        return visible if actor.is_staff else visible.filter(is_public=True)

    def unread(self) -> Self:
        """Files nobody has parsed yet."""
        return self.filter(status=AttachmentStatus.PENDING)


class LinkQuerySet(models.QuerySet[Any]):
    """Links between tickets."""

    def visible_to(self, actor: Actor) -> Self:
        """Links of which both ends are visible."""
        tickets = self.model._meta.get_field("source").related_model.objects.visible_to(actor)
        return self.filter(source__in=tickets, target__in=tickets)


class ToolQuerySet(models.QuerySet[Any]):
    """Saved views and macros."""

    def visible_to(self, actor: Actor) -> Self:
        """The own ones, the own teams' and everyone's, of the own clients; leads see all that are shared."""
        if not actor.is_staff or actor.user_id is None:
            return self.none()
        rows = self.all() if actor.client_ids is None else self.filter(client__in=actor.client_ids)
        shared = Q(scope=ToolScope.EVERYONE)
        shared |= Q(scope=ToolScope.TEAM) if actor.is_lead else Q(team__in=actor.team_ids)
        return rows.filter(shared | Q(owner_id=actor.user_id)).select_related("team", "owner", "client")


class ArticleQuerySet(models.QuerySet[Any]):
    """Knowledge articles."""

    def visible_to(self, actor: Actor) -> Self:
        """Staff: shared and their clients'. Others: published public ones of the same reach."""
        rows = self.all()
        if actor.client_ids is not None:
            rows = rows.filter(Q(client=None) | Q(client__in=actor.client_ids))
        return rows if actor.is_staff else rows.public()

    def public(self) -> Self:
        """Published articles that everyone may read."""
        return self.published().filter(visibility=ArticleVisibility.PUBLIC)

    def published(self) -> Self:
        """Articles that are finished."""
        return self.filter(is_published=True)

    def for_client(self, client_id: int) -> Self:
        """Shared articles and one client's."""
        return self.filter(Q(client=None) | Q(client_id=client_id))

    def for_list(self) -> Self:
        """What lists show."""
        return self.select_related("category", "client")
