"""Who is looking at a ticket or answering it right now (T9).

Kept in the shared cache, so that every worker knows; nothing of it is history. A lost entry is back with the
next poll, which is why one entry a ticket without a lock will do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.core.cache import cache

from common.actors import Actor
from ticketing.models import Ticket

POLL_SECONDS: Final = 15
GONE: Final = timedelta(seconds=3 * POLL_SECONDS)
"""Who has not been heard of for three polls has left."""


@dataclass(frozen=True, slots=True)
class Present:
    """Another person at the same ticket."""

    name: str
    is_replying: bool


def presence_note(*, ticket: Ticket, actor: Actor, is_replying: bool, now: datetime) -> list[Present]:
    """Say that the actor is here; returns the others, those who are replying first."""
    found = cache.get(_key(ticket)) or {}
    others = {
        pk: entry
        for pk, entry in found.items()
        if pk != actor.user_id and now.timestamp() - entry[2] < GONE.total_seconds()
    }
    here = {**others, actor.user_id: (actor.label, is_replying, now.timestamp())}
    cache.set(_key(ticket), here, timeout=int(GONE.total_seconds()))
    rows = [Present(name, bool(replying)) for name, replying, _ in others.values()]
    return sorted(rows, key=lambda row: (not row.is_replying, row.name))


def _key(ticket: Ticket) -> str:
    return f"desk-presence:{ticket.pk}"
