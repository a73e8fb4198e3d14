"""Background work of the people layer."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from teams.services.notifications import notifications_deliver


@shared_task(soft_time_limit=120, time_limit=150)
def deliver_notifications() -> int:
    """Send what the outbox owes. At-least-once; claims make a second run harmless."""
    return notifications_deliver(now=timezone.now())
