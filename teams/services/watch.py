"""Watching figures: every registered indicator is measured on schedule and judged (S7)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from axes.models import AccessAttempt
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import Sum

from common.actors import Actor
from common.registries import Indicator, Reading, indicators
from teams.choices import AlertSeverity, AlertState
from teams.models import Alert, ApiKey, Client
from teams.services.alerts import alert_raise, alert_resolve
from teams.services.keys import MISUSE_RULE

logger = structlog.get_logger(__name__)
DOWNLOAD_RULE: Final = "mass_download"
_DOWNLOAD_SECONDS: Final = 600
_QUIET: Final = timedelta(hours=24)
_LOGIN_WINDOW: Final = timedelta(minutes=15)
_OVER_BY_SILENCE: Final = (MISUSE_RULE, DOWNLOAD_RULE)
"""Rules of things that happen: over when they have not happened for a day."""


def alerts_evaluate(*, now: datetime) -> dict[str, int]:
    """Measure every indicator; raise and resolve what follows. Returns how many are beyond and were resolved.

    Two at once raise and tell once: the open alert and its messages are unique. An indicator that breaks is
    logged and stops no other.
    """
    counts = {"beyond": 0, "resolved": _resolve_silent(now)}
    for name, indicator in indicators.items():
        try:
            with transaction.atomic():
                readings = list(indicator.measure(now))
                counts["beyond"] += sum(_judge(name, indicator, reading, now) for reading in readings)
                counts["resolved"] += _resolve_absent(name, readings, now)
        except Exception:  # One broken measurement must not blind the house.
            logger.exception("indicator_failed", indicator=name)
    return counts


def _judge(name: str, indicator: Indicator, reading: Reading, now: datetime) -> bool:
    if reading.sample < indicator.sample:
        return False
    bound = indicator.bound()
    if not indicator.beyond(reading.value, bound):
        if indicator.eased(reading.value):
            alert_resolve(rule=name, subject=reading.subject, now=now)
        return False
    worse = indicator.critical is not None and indicator.beyond(reading.value, indicator.critical())
    alert_raise(
        rule=name,
        subject=reading.subject,
        message=reading.words or _sentence(indicator, reading, bound),
        severity=AlertSeverity.CRITICAL if worse else indicator.severity,
        client=Client.objects.filter(pk=reading.client_id).first() if reading.client_id else None,
        now=now,
    )
    return True


def _sentence(indicator: Indicator, reading: Reading, bound: float) -> str:
    side = "below" if indicator.direction == "below" else "above"
    of = f" Measured on {reading.sample:,}." if reading.sample > 1 else ""
    value, limit = in_unit(reading.value, indicator.unit), in_unit(bound, indicator.unit)
    return f"{indicator.label} is {value}, {side} {limit}.{of}"


def in_unit(value: float, unit: str) -> str:
    """A value as people read it."""
    if unit == "share":
        return f"{100 * value:.1f} %".replace(".0 %", " %")
    if unit == "$":
        return f"${value:.2f}"
    return f"{value:.1f} {unit}".replace(".0 ", " ").strip() if unit else f"{value:,.0f}"


def _resolve_absent(name: str, readings: list[Reading], now: datetime) -> int:
    """Alerts about what is not there any more, such as a key that was revoked."""
    subjects = {reading.subject for reading in readings}
    rows = Alert.objects.filter(rule=name, state=AlertState.OPEN).exclude(subject__in=subjects)
    return sum(alert_resolve(rule=name, subject=row.subject, now=now) for row in rows)


def _resolve_silent(now: datetime) -> int:
    rows = Alert.objects.filter(
        rule__in=_OVER_BY_SILENCE, state=AlertState.OPEN, last_seen_at__lt=now - _QUIET
    )
    return sum(alert_resolve(rule=row.rule, subject=row.subject, now=now) for row in rows)


def download_note(*, actor: Actor, now: datetime) -> None:
    """Count a file handed out; somebody who takes very many in a short time is an alert."""
    key = f"downloads:{actor.id}:{int(now.timestamp()) // _DOWNLOAD_SECONDS}"
    cache.add(key, 0, _DOWNLOAD_SECONDS)
    try:
        count = cache.incr(key)
    except ValueError:  # Evicted in between: the next file begins a new count.
        return
    if count == settings.ALERT_ON_DOWNLOADS + 1:
        only = next(iter(actor.client_ids)) if actor.client_ids and len(actor.client_ids) == 1 else None
        alert_raise(
            rule=DOWNLOAD_RULE,
            subject=actor.id[:160],
            severity=AlertSeverity.CRITICAL,
            message=f"{actor.label or actor.id} took {count} files within ten minutes.",
            client=Client.objects.filter(pk=only).first() if only else None,
            now=now,
        )


def login_failures(now: datetime) -> list[Reading]:
    """Failed log-ins of the last quarter of an hour, of all accounts."""
    rows = AccessAttempt.objects.filter(attempt_time__gte=now - _LOGIN_WINDOW)
    return [Reading(value=rows.aggregate(total=Sum("failures_since_start"))["total"] or 0)]


def old_keys(now: datetime) -> list[Reading]:
    """The age in days of every key that works (O7)."""
    return [_age(key, (now - key.created_at).days) for key in ApiKey.objects.usable(now=now)]


def _age(key: ApiKey, days: int) -> Reading:
    words = f"The API key “{key}” is {days} days old: issue a new one and revoke it."
    return Reading(value=days, subject=key.prefix, client_id=key.client_id, words=words)


def register() -> None:
    """Fill the slots; called once when the app is ready."""
    indicators.register(
        "login_failures",
        Indicator(
            "Failed log-ins in 15 minutes",
            login_failures,
            lambda: settings.ALERT_ON_LOGIN_FAILURES,
            severity=AlertSeverity.CRITICAL,
        ),
    )
    indicators.register(
        "key_age",
        Indicator("Age of an API key", old_keys, lambda: settings.ALERT_ON_KEY_AGE_DAYS, unit="days", ease=0),
    )
