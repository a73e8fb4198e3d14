"""Alerts: raised once, counted, resolved once, told once (S7)."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F

from teams.choices import AlertSeverity, AlertState
from teams.models import Alert, Client
from teams.services.owing import alert_tell

_LOUDNESS = {AlertSeverity.INFO: 0, AlertSeverity.WARNING: 1, AlertSeverity.CRITICAL: 2}


@transaction.atomic
def alert_raise(
    *,
    rule: str,
    message: str,
    now: datetime,
    subject: str = "",
    severity: str = AlertSeverity.WARNING,
    client: Client | None = None,
) -> Alert:
    """Open an alert and owe its messages, or count one more sighting of the open one.

    With a ``client`` only its people see it; without one it concerns the house. An open alert that has become
    louder is told once more; of two that raise at once, one opens it.
    """
    seen = Alert.objects.filter(rule=rule, subject=subject, state=AlertState.OPEN)
    if not seen.exists():
        try:
            with transaction.atomic():
                alert = Alert.objects.create(
                    rule=rule,
                    subject=subject,
                    message=message,
                    severity=severity,
                    client=client,
                    last_seen_at=now,
                )
        except IntegrityError:
            pass
        else:
            _tell(alert)
            return alert
    seen.update(count=F("count") + 1, last_seen_at=now, message=message)
    alert = Alert.objects.filter(rule=rule, subject=subject).order_by("state", "-pk")[0]
    louder = _LOUDNESS[AlertSeverity(severity)] > _LOUDNESS[AlertSeverity(alert.severity)]
    if louder and seen.exclude(severity=severity).update(severity=severity):
        alert.severity = severity
        _tell(alert)
    return alert


@transaction.atomic
def alert_resolve(*, rule: str, subject: str = "", now: datetime) -> bool:
    """Close the open alert of a rule and subject and tell so; False when there was none."""
    rows = Alert.objects.filter(rule=rule, subject=subject, state=AlertState.OPEN)
    alert = rows.select_related("client").first()
    if alert is None or not rows.filter(pk=alert.pk).update(state=AlertState.RESOLVED, resolved_at=now):
        return False
    alert.state = AlertState.RESOLVED
    _tell(alert)
    return True


def _tell(alert: Alert) -> None:
    """Once for each severity, and once when it is over."""
    over = alert.state == AlertState.RESOLVED
    alert_tell(
        event_key=f"alert:{alert.pk}:{'resolved' if over else alert.severity}",
        kind="alert.resolved" if over else "alert.raised",
        payload={
            "rule": alert.rule,
            "subject_of_alert": alert.subject,
            "message": alert.message,
            "severity": alert.severity,
            "since": alert.created_at.isoformat(),
        },
        client=alert.client,
        urgent=alert.severity == AlertSeverity.CRITICAL and not over,
    )
