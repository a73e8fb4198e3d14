"""A burst: several requesters tell of the same thing within minutes, which is an incident (C19)."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from teams.choices import AlertSeverity
from teams.services.alerts import alert_raise
from ticketing.choices import LinkKind, LinkState
from ticketing.models import Ticket, TicketLink
from ticketing.services.links import LinkProposal, links_propose
from ticketing.services.tickets import ticket_lock

logger = structlog.get_logger(__name__)
_ALIKE = [LinkKind.RELATED, LinkKind.DUPLICATE]


def burst_propose(*, ticket: Ticket, now: datetime) -> Ticket | None:
    """Propose a parent incident for the tickets around this one; None where there is no burst.

    The parent is the one the group has already, else the oldest ticket of the group. Nothing is merged or
    closed: a person confirms the links. The lead is told once a parent, however long the burst goes on.
    """
    group = _group(ticket, since=now - timedelta(minutes=settings.BURST_MINUTES))
    if len({row.requester_id for row in group}) < settings.BURST_TICKETS:
        return None
    return _burst_keep(ticket, group, now)


@transaction.atomic
def _burst_keep(ticket: Ticket, group: list[Ticket], now: datetime) -> Ticket:
    parent = _parent_of(group) or min(group, key=lambda row: (row.created_at, row.pk))
    locked = ticket_lock(ticket_id=parent.pk)
    children = [row for row in group if row.pk != parent.pk]
    proposals = [LinkProposal(row.pk, LinkKind.PARENT.value, 1.0) for row in children]
    first = not TicketLink.objects.filter(source=parent, kind=LinkKind.PARENT).exists()
    if not (links_propose(ticket=locked, proposals=proposals) and first):
        return parent
    alert_raise(
        rule="classifier.burst",
        subject=parent.reference,
        severity=AlertSeverity.WARNING,
        message=f"{len(group)} tickets within {settings.BURST_MINUTES} minutes tell of the same thing;"
        f" {parent.reference} is proposed as their incident.",
        client=ticket.client,
        now=now,
    )
    logger.info("burst", parent=parent.reference, tickets=len(group))
    return parent


def _group(ticket: Ticket, *, since: datetime) -> list[Ticket]:
    """The ticket with those of the last minutes that triage found to be alike, directly or by one step."""
    ids = {ticket.pk}
    for _ in range(2):
        links = TicketLink.objects.filter(
            Q(source__in=ids) | Q(target__in=ids),
            kind__in=_ALIKE,
            source__created_at__gte=since,
            target__created_at__gte=since,
        ).exclude(state=LinkState.DISMISSED)
        for pair in links.values_list("source_id", "target_id"):
            ids.update(pair)
    if len(ids) < settings.BURST_TICKETS:
        return []  # Too few tickets have too few requesters.
    return list(Ticket.objects.filter(pk__in=ids, client_id=ticket.client_id))


def _parent_of(group: list[Ticket]) -> Ticket | None:
    """The incident that some of the group belong to already."""
    members = [row.pk for row in group]
    links = TicketLink.objects.filter(kind=LinkKind.PARENT, target__in=members).exclude(
        state=LinkState.DISMISSED
    )
    link = links.select_related("source").order_by("pk").first()
    return link.source if link is not None else None
