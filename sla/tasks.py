"""Background work of promises."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from common.queueing import enqueue
from sla.services import checks, recounts
from teams.services.calendars import calendars_sweep


@shared_task(soft_time_limit=120, time_limit=150)
def check_due() -> dict[str, int]:
    """Warnings and breaches that are due. Any number of schedulers are safe: each row is taken once."""
    return checks.check_due(now=timezone.now())


@shared_task(soft_time_limit=150, time_limit=170)
def recount(recount_id: int) -> bool:
    """Let clocks follow an edit. At-least-once; the lease and the kept place make a second run harmless."""
    more = recounts.recount_run(recount_id=recount_id, now=timezone.now())
    if more:
        enqueue(recount, recount_id)
    return more


@shared_task(soft_time_limit=60, time_limit=90)
def sweep_recounts() -> int:
    """Publish calendars that were changed past the back office, and nudge what is owed and was dropped."""
    now = timezone.now()
    calendars_sweep(now=now)
    owed = recounts.recounts_owed(now=now)
    for recount_id in owed:
        enqueue(recount, recount_id)
    return len(owed)
