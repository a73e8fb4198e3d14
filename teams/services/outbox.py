"""Owing many messages with one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teams.models import Notification


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotification:
    """What ``notification_owe`` takes for one message."""

    event_key: str
    kind: str
    channel: str
    recipient: str
    payload: Mapping[str, Any]
    client_id: int | None = None


def notifications_owe(*, new: Sequence[NewNotification]) -> None:
    """Owe messages; what was owed before stays as it is. Runs in the transaction of what caused them."""
    Notification.objects.bulk_create(
        [
            Notification(
                event_key=row.event_key[:160],
                kind=row.kind,
                channel=row.channel,
                recipient=row.recipient[:320],
                payload=dict(row.payload),
                client_id=row.client_id,
            )
            for row in new
        ],
        ignore_conflicts=True,
    )
