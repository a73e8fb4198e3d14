"""Alerts: raised once, counted, resolved once (S7)."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F

from teams.choices import AlertSeverity, AlertState
from teams.models import Alert, Client


def alert_raise(
    *,
    rule: str,
    message: str,
    now: datetime,
    subject: str = "",
    severity: str = AlertSeverity.WARNING,
    client: Client | None = None,
) -> Alert:
    """Open an alert, or count one more sighting of the open one.

    With a ``client`` only its people see it; without one it concerns the house.
    """
    seen = Alert.objects.filter(rule=rule, subject=subject, state=AlertState.OPEN)
    if not seen.update(count=F("count") + 1, last_seen_at=now, message=message):
        try:
            with transaction.atomic():
                return Alert.objects.create(
                    rule=rule,
                    subject=subject,
                    message=message,
                    severity=severity,
                    client=client,
                    last_seen_at=now,
                )
        except IntegrityError:
            seen.update(count=F("count") + 1, last_seen_at=now)
    return seen.get()


def alert_resolve(*, rule: str, subject: str = "", now: datetime) -> bool:
    """Close the open alert of a rule and subject; False when there was none."""
    rows = Alert.objects.filter(rule=rule, subject=subject, state=AlertState.OPEN)
    return bool(rows.update(state=AlertState.RESOLVED, resolved_at=now))
