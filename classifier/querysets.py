"""Chainable reads of triage. Visibility follows the ticket's client."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q

from classifier.choices import ChatAudience, ChatRole, DraftState, ReviewState, RunState
from common.actors import Actor, Deed, Role
from ticketing.models import Ticket


class RunQuerySet(models.QuerySet[Any]):
    """Runs."""

    def visible_to(self, actor: Actor) -> Self:
        """Runs of visible tickets; requesters see none."""
        if not actor.is_staff:
            return self.none()
        return self.filter(ticket__in=Ticket.objects.visible_to(actor))

    def due(self, *, now: datetime) -> Self:
        """Owed and not held by anybody: pending, or running with an expired lease."""
        return self.filter(
            Q(state=RunState.PENDING) | Q(state=RunState.RUNNING, lease_until__lt=now), next_at__lte=now
        )


class EvaluationQuerySet(models.QuerySet[Any]):
    """Evaluations."""

    def visible_to(self, actor: Actor) -> Self:
        """Those of the actor's clients; one that names no client is about the texts of all of them."""
        if not actor.is_lead:
            return self.none()
        return self.all() if actor.client_ids is None else self.filter(client__in=actor.client_ids)


class DraftQuerySet(models.QuerySet[Any]):
    """Drafts."""

    def visible_to(self, actor: Actor) -> Self:
        """Drafts of visible tickets; requesters, and staff without the permission to read them, see none."""
        if not actor.may(Deed.READ_DRAFTS):
            return self.none()
        return self.filter(ticket__in=Ticket.objects.visible_to(actor))

    def proposed(self) -> Self:
        """Drafts nobody has decided on."""
        return self.filter(state=DraftState.PROPOSED)


class ClassificationQuerySet(models.QuerySet[Any]):
    """Classification records."""

    def visible_to(self, actor: Actor) -> Self:
        """Leads and services: their clients'. Agents: those of visible tickets. Others: none."""
        if not actor.is_staff:
            return self.none()
        rows = self if actor.client_ids is None else self.filter(client__in=actor.client_ids)
        if actor.role is Role.AGENT:
            return rows.filter(ticket__in=Ticket.objects.visible_to(actor))
        return rows.all()


class ReviewQuerySet(models.QuerySet[Any]):
    """Review items."""

    def visible_to(self, actor: Actor) -> Self:
        """Leads review; agents may review tickets they see."""
        if not actor.is_staff:
            return self.none()
        return self.filter(ticket__in=Ticket.objects.visible_to(actor))

    def answered_by(self, actor: Actor) -> Self:
        """The person's own answers, also where one gave the ticket to a team the person does not see."""
        rows = self if actor.client_ids is None else self.filter(client__in=actor.client_ids)
        return rows.filter(
            state__in=[ReviewState.ACCEPTED, ReviewState.CORRECTED],
            reviewed_by_id=actor.user_id,
            reviewed_by__isnull=False,
        )

    def open(self) -> Self:
        """Items nobody has answered."""
        return self.filter(state=ReviewState.OPEN)


class SecondOpinionQuerySet(models.QuerySet[Any]):
    """Second opinions."""

    def visible_to(self, actor: Actor) -> Self:
        """Those on tickets the person sees."""
        if not actor.is_staff:
            return self.none()
        return self.filter(item__ticket__in=Ticket.objects.visible_to(actor))

    def waiting_for(self, actor: Actor) -> Self:
        """Open ones the person may give: not on the own answers."""
        rows = self.visible_to(actor).filter(reviewed_at=None, item__reviewed_by__isnull=False)
        return rows.exclude(item__reviewed_by_id=actor.user_id)


class ChatConvoQuerySet(models.QuerySet[Any]):
    """Conversations with the assistant."""

    def visible_to(self, actor: Actor) -> Self:
        """The caller's own, within the caller's clients; as a requester only those held as one."""
        if actor.role is Role.ANONYMOUS or not actor.id:
            return self.none()
        audience = ChatAudience.AGENT if actor.is_staff else ChatAudience.REQUESTER
        rows = self.filter(caller=actor.id, audience=audience)
        return rows if actor.client_ids is None else rows.filter(client__in=actor.client_ids)

    def for_list(self) -> Self:
        """What a list shows."""
        return self.select_related("client", "ticket", "about")


class ChatMessageQuerySet(models.QuerySet[Any]):
    """Questions and answers."""

    def asked(self) -> Self:
        """What people asked."""
        return self.filter(role=ChatRole.USER)
