"""Background work of the people layer."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from teams.services.notifications import notifications_deliver
from teams.services.watch import alerts_evaluate


@shared_task(soft_time_limit=120, time_limit=150)
def deliver_notifications() -> int:
    """Send what the outbox owes. At-least-once; claims make a second run harmless."""
    return notifications_deliver(now=timezone.now())


@shared_task(soft_time_limit=50, time_limit=55)
def evaluate_alerts() -> dict[str, int]:
    """Judge every watched figure. At-least-once: an open alert is unique, a second run only counts."""
    return alerts_evaluate(now=timezone.now())
