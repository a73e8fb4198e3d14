"""Background work of ingest."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from classifier.tasks import triage
from common.queueing import enqueue
from ingest.services.imports import import_run, imports_due
from ingest.services.reading import attachment_parse, files_due, triage_resume


@shared_task(soft_time_limit=60, time_limit=90)
def parse_file(attachment_id: int) -> None:
    """Read one stored file; triage that waited for it goes on at once.

    At-least-once: a repeated message finds the claim taken or the file done. Retries belong to the row.
    """
    if attachment_parse(attachment_id=attachment_id):
        for run_id in triage_resume(attachment_id=attachment_id):
            enqueue(triage, run_id)


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


@shared_task(soft_time_limit=1700, time_limit=1800)
def run_import(job_id: int) -> None:
    """Do what an import owes. At-least-once: the claim and the rows already written make repeating safe."""
    import_run(job_id=job_id)


@shared_task(soft_time_limit=60, time_limit=90)
def sweep_imports() -> int:
    """Nudge the imports whose message was lost or whose worker died. At-least-once: the claim decides."""
    due = imports_due(now=timezone.now())
    for job_id in due:
        if not enqueue(run_import, job_id):
            break
    return len(due)
