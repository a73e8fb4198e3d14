"""Background work of ingest."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from common.queueing import enqueue
from ingest.services.reading import attachment_parse, files_due


@shared_task(soft_time_limit=60, time_limit=90)
def parse_file(attachment_id: int) -> None:
    """Read one stored file.

    At-least-once: a repeated message finds the claim taken or the file done. Retries belong to the row.
    """
    attachment_parse(attachment_id=attachment_id)


@shared_task(soft_time_limit=60, time_limit=90)
def sweep_files() -> int:
    """Nudge the files whose message was lost or whose reader died; returns how many.

    At-least-once: nudging twice is safe because reading begins with a claim.
    """
    due = files_due(now=timezone.now())
    for attachment_id in due:
        if not enqueue(parse_file, attachment_id):
            break
    return len(due)
