"""Background work of ticketing."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from ticketing.services.search import search_repair

LOOK_BACK = timedelta(days=2)


@shared_task(time_limit=1800, soft_time_limit=1740)
def repair_search() -> int:
    """Mend the search documents of what changed in the last two days. At-least-once; a second run changes
    nothing.
    """
    return search_repair(since=timezone.now() - LOOK_BACK)[0]
