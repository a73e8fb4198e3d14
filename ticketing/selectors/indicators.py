"""Figures of tickets that are watched (S7)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q

from common.registries import Indicator, Reading, indicators
from ticketing.choices import Sentiment, Severity
from ticketing.models import Ticket
from ticketing.querysets import statuses_in

_DAY = timedelta(hours=24)


def negative_share(now: datetime) -> list[Reading]:
    """Of each client's tickets of a day with a known mood, the share that is negative."""
    rows = (
        Ticket.objects.filter(created_at__gte=now - _DAY)
        .exclude(sentiment="")
        .order_by()
        .values("client", "client__slug")
        .annotate(all=Count("pk"), bad=Count("pk", filter=Q(sentiment=Sentiment.NEGATIVE)))
    )
    return [
        Reading(row["bad"] / row["all"], row["all"], f"client {row['client__slug']}", row["client"])
        for row in rows
    ]


def open_critical(now: datetime) -> list[Reading]:
    """Critical tickets of each client that are neither resolved nor closed."""
    rows = (
        Ticket.objects.filter(severity=Severity.CRITICAL, status__in=statuses_in("open", "waiting"))
        .order_by()
        .values("client", "client__slug")
        .annotate(count=Count("pk"))
    )
    return [
        Reading(row["count"], subject=f"client {row['client__slug']}", client_id=row["client"])
        for row in rows
    ]


def register() -> None:
    """Fill the slots; called once when the app is ready."""
    indicators.register(
        "negative_sentiment",
        Indicator(
            "Negative tickets in 24 hours",
            negative_share,
            lambda: settings.ALERT_ON_NEGATIVE_RATE,
            unit="share",
            sample=20,
        ),
    )
    indicators.register(
        "critical_tickets",
        Indicator(
            "Open critical tickets",
            open_critical,
            lambda: settings.ALERT_ON_CRITICAL_TICKETS,
            severity="critical",
        ),
    )
