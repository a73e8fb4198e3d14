"""The append-only, hash-chained history of a ticket (T6)."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.utils import timezone

from common.actors import Actor
from common.correlation import correlation_id
from ticketing.models import Ticket, TicketEvent

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened, before it becomes an event."""

    verb: str
    field: str = ""
    old: Any = None
    new: Any = None
    reason: str = ""
    actor: Actor | None = None
    """Who did it, where one transaction holds the work of several."""


def events_append(*, ticket: Ticket, actor: Actor, changes: Sequence[Change]) -> list[TicketEvent]:
    """Append one event per change; the caller holds the ticket's row lock.

    The unique (ticket, sequence) constraint turns a forgotten lock into an error instead of a forked chain.
    """
    last = TicketEvent.objects.filter(ticket=ticket).order_by("-sequence").first()
    sequence, previous = (last.sequence, last.hash) if last else (0, GENESIS)
    correlation = correlation_id()
    events = []
    for change in changes:
        sequence += 1
        event = _event(ticket, sequence, previous, change, actor, correlation=correlation)
        previous = event.hash
        events.append(event)
    return TicketEvent.objects.bulk_create(events)


def histories_begin(*, tickets: Sequence[tuple[Ticket, Change]], actor: Actor) -> None:
    """The first event of many tickets that were made in this transaction, in one write."""
    correlation = correlation_id()
    TicketEvent.objects.bulk_create(
        [_event(ticket, 1, GENESIS, change, actor, correlation=correlation) for ticket, change in tickets]
    )


def _event(
    ticket: Ticket, sequence: int, previous: str, change: Change, actor: Actor, *, correlation: str
) -> TicketEvent:
    by = change.actor or actor
    event = TicketEvent(
        ticket=ticket,
        sequence=sequence,
        created_at=timezone.now(),
        actor_kind=by.kind.value,
        actor_id=by.id,
        actor_label=by.label[:200],
        verb=change.verb,
        field=change.field,
        old_value=change.old,
        new_value=change.new,
        reason=change.reason,
        correlation_id=correlation[:64],
        salt=secrets.token_hex(16),
        previous_hash=previous,
    )
    event.commitment = commitment_of(event)
    event.hash = hash_of(event, ticket_uuid=str(ticket.uuid))
    return event


def commitment_of(event: TicketEvent) -> str:
    """Salted hash of everything in the event that may be personal and may later be erased."""
    values = [event.salt, event.old_value, event.new_value, event.reason, event.actor_label]
    return _digest(values)


def hash_of(event: TicketEvent, *, ticket_uuid: str) -> str:
    """Hash over the link to the event before, the fixed fields and the commitment."""
    return _digest(
        [
            event.previous_hash,
            ticket_uuid,
            event.sequence,
            event.created_at.astimezone(UTC).isoformat(),
            event.actor_kind,
            event.actor_id,
            event.verb,
            event.field,
            event.correlation_id,
            event.commitment,
        ]
    )


def _digest(values: list[Any]) -> str:
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """The first place where a chain does not hold."""

    reference: str
    sequence: int
    problem: str


def chain_verify(*, ticket: Ticket) -> BrokenLink | None:
    """Prove one ticket's chain; None when it holds."""
    previous = GENESIS
    for position, event in enumerate(ticket.events.order_by("sequence"), start=1):
        problem = _problem(event, position=position, previous=previous, ticket_uuid=str(ticket.uuid))
        if problem:
            return BrokenLink(reference=ticket.reference, sequence=event.sequence, problem=problem)
        previous = event.hash
    return None


def _problem(event: TicketEvent, *, position: int, previous: str, ticket_uuid: str) -> str:
    if event.sequence != position:
        return f"event {position} is missing"
    if event.previous_hash != previous:
        return "the link to the event before is broken"
    if event.hash != hash_of(event, ticket_uuid=ticket_uuid):
        return "the event was changed"
    if event.salt is not None and event.commitment != commitment_of(event):
        return "the values were changed"
    if event.salt is None and (event.old_value is not None or event.new_value is not None):
        return "values were added to an erased event"
    return ""
