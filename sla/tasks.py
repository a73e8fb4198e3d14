"""Background work of promises."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from sla.services import checks


@shared_task(soft_time_limit=120, time_limit=150)
def check_due() -> dict[str, int]:
    """Warnings and breaches that are due. Two schedulers at once are safe: each row is taken once."""
    return checks.check_due(now=timezone.now())
