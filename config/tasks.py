"""Background work of the house itself: proof of life and tidying up."""

from __future__ import annotations

from celery import shared_task
from django.core.cache import cache
from django.core.management import call_command
from django.utils import timezone

from config.health.checks import HEARTBEAT_KEY, HEARTBEAT_SECONDS
from teams.services.idempotency import idempotency_expire


@shared_task(expires=60)
def heartbeat() -> None:
    """Say that scheduler and worker are alive. Repeating is harmless."""
    cache.set(HEARTBEAT_KEY, timezone.now().isoformat(), HEARTBEAT_SECONDS * 20)


@shared_task
def housekeeping() -> None:
    """Delete what has expired. At-least-once: a second run finds nothing."""
    idempotency_expire(now=timezone.now())
    call_command("clearsessions", verbosity=0)
