"""Chainable reads of promises."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce

from common.actors import Actor
from sla.choices import ClockState, TargetKind
from ticketing.models import Ticket


class PolicyQuerySet(models.QuerySet[Any]):
    """Policies."""

    def visible_to(self, actor: Actor) -> Self:
        """Shared policies and those of the actor's clients."""
        if actor.client_ids is None:
            return self.all()
        return self.filter(Q(client=None) | Q(client__in=actor.client_ids))

    def for_client(self, client_id: int) -> Self:
        """Policies in use that may cover a client's tickets, in order; the client's own first."""
        rows = self.filter(Q(client=None) | Q(client_id=client_id), is_active=True)
        return rows.order_by(models.F("client_id").asc(nulls_last=True), "order", "pk")


class ClockQuerySet(models.QuerySet[Any]):
    """Clocks."""

    def visible_to(self, actor: Actor) -> Self:
        """Clocks of visible tickets; requesters see none."""
        if not actor.is_staff:
            return self.none()
        return self.filter(ticket__in=Ticket.objects.visible_to(actor))

    def judged(self, *, since: datetime, until: datetime) -> Self:
        """Promises decided in a period, both ends included, with ``decided``: the one rule of every figure.

        A promise is decided when it was answered in time, or at its deadline. Of first response and
        resolution the latest generation of a ticket counts, of next responses every one; cancelled ones are
        left out.
        """
        newer = self.model.objects.filter(
            ticket=OuterRef("ticket"), kind=OuterRef("kind"), generation__gt=OuterRef("generation")
        )
        rows = self.filter(state__in=(ClockState.MET, ClockState.BREACHED))
        rows = rows.annotate(decided=Coalesce("breached_at", "stopped_at"))
        rows = rows.filter(decided__gte=since, decided__lte=until)
        return rows.filter(Q(kind=TargetKind.NEXT_RESPONSE) | ~Exists(newer))

    def live(self) -> Self:
        """Clocks whose promise is still to be kept, late or not."""
        return self.filter(stopped_at=None).exclude(state=ClockState.CANCELLED)

    def to_warn(self, *, now: datetime) -> Self:
        """Running clocks whose next warning is due and whose deadline is still ahead."""
        return self.filter(state=ClockState.RUNNING, warn_at__lte=now, due_at__gte=now)

    def to_breach(self, *, now: datetime) -> Self:
        """Running clocks that are late; an answer at the very moment of the deadline is in time."""
        return self.filter(state=ClockState.RUNNING, due_at__lt=now)
