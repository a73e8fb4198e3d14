"""Opening a ticket for a caller who waits for its triage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from common.actors import Actor
from common.exceptions import ValidationFailed
from teams.models import Client
from ticketing.choices import Channel, TriageIntent
from ticketing.models import Taxonomy, Ticket
from ticketing.services.requesters import RequesterIdentity, requester_resolve
from ticketing.services.tickets import NewTicket, ticket_open

ANONYMOUS_ID = "anonymous"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedTicket:
    """What a service knows of the ticket it wants sorted; empty values are predicted."""

    body: str
    subject: str = ""
    external_id: str = ""
    email: str = ""
    name: str = ""
    category: str = ""
    severity: str = ""
    priority: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    taxonomy: Taxonomy | None = None


@transaction.atomic
def asked_ticket_open(
    *, client: Client, asked: AskedTicket, actor: Actor, background: bool = False
) -> Ticket:
    """Open the ticket with a run leased to the caller, or owed to the worker when ``background``.

    Raises ValidationFailed for a category the taxonomy does not have.
    """
    taxonomy = asked.taxonomy or client.ticketing_settings.taxonomy
    category = taxonomy.categories.filter(slug=asked.category).first() if asked.category else None
    if asked.category and category is None:
        raise ValidationFailed(fields={"category": [_("There is no such category in this taxonomy.")]})
    external_id = "" if asked.external_id == ANONYMOUS_ID else asked.external_id
    requester = requester_resolve(
        client=client,
        identity=RequesterIdentity(email=asked.email, name=asked.name, external_id=external_id),
    )
    new = NewTicket(
        client=client,
        requester=requester,
        subject=asked.subject,
        body=asked.body,
        channel=Channel.API,
        taxonomy=asked.taxonomy,
        category=category,
        severity=asked.severity,
        priority=asked.priority,
        metadata=dict(asked.metadata),
        intent=TriageIntent.BACKGROUND if background else TriageIntent.INLINE,
    )
    return ticket_open(new=new, actor=actor)
