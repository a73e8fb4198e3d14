"""Imports of sheets: taken in, named, tried, written, taken back (T12, T14).

The row of the job says what is owed; the worker claims it, and a repeated attempt goes on where the last one
stopped, because ticketing knows which rows it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.core.files.storage import default_storage
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext

from common.actors import Actor, ActorKind, automation_actor
from common.exceptions import ApplicationError, Conflict, ValidationFailed
from ingest.choices import ImportKind, ImportState, ImportStep
from ingest.models import ImportJob
from ingest.parsers.result import ParseError, ParserBusy
from ingest.parsers.sandbox import Table, parse_table
from ingest.services.import_rows import Tally, Vocabulary, row_read, vocabulary_of
from ingest.services.uploads import FileRefused, Upload
from ingest.spreadsheets.tickets import BY_KEY, guess_mapping
from teams.models import Client
from teams.selectors import actor_for_user
from ticketing.choices import AttachmentStatus, ImportTriage
from ticketing.models import Attachment
from ticketing.services.attachments import ReadResult, attachment_store, size_check
from ticketing.services.imports import (
    CHUNK,
    ImportRow,
    batch_finish,
    batch_open,
    batch_undo,
    import_allowed,
    known_external_ids,
    tickets_import,
)

logger = structlog.get_logger(__name__)
SAMPLE_ROWS = 6
LEASE = timedelta(minutes=3)
ATTEMPTS = 5
_GRACE = timedelta(seconds=10)
_PREVIEW = 5


def import_take(*, client: Client, upload: Upload, actor: Actor) -> ImportJob:
    """Keep an uploaded sheet and look at its head.

    Raises FileRefused, FileTooLarge, FileEmpty, ValidationFailed for a file without rows, NotAllowed.
    """
    import_allowed(client=client, actor=actor)
    size_check(size=len(upload.content))
    head = _head(upload.content, upload.name)
    attachment = attachment_store(
        client=client,
        name=upload.name,
        content=upload.content,
        content_type=upload.content_type,
        actor=actor,
        result=ReadResult(status=AttachmentStatus.PARSED, kind=head.kind),
    )
    return _job(attachment, head, actor)


def import_open(*, attachment: Attachment, actor: Actor) -> ImportJob:
    """An import of a file that was uploaded before. Raises FileRefused, NotAllowed."""
    import_allowed(client=attachment.client, actor=actor)
    with default_storage.open(str(attachment.file.name), "rb") as stored:
        content: bytes = stored.read()
    return _job(attachment, _head(content, attachment.name), actor)


def _head(content: bytes, name: str) -> Table:
    try:
        head = parse_table(content, name, rows=SAMPLE_ROWS)
    except ParseError as error:
        raise FileRefused(error) from error
    if head.count < 2:
        raise ValidationFailed(fields={"file": [gettext("The file has no rows below its head.")]})
    return head


def _job(attachment: Attachment, head: Table, actor: Actor) -> ImportJob:
    rows = [[cell[:200] for cell in cells[:200]] for _, cells in head.rows()]
    job = ImportJob(
        client=attachment.client,
        kind=ImportKind.TICKETS,
        attachment=attachment,
        header=rows[0],
        samples=rows[1:],
        mapping=guess_mapping(rows[0]),
        created_by_id=actor.user_id,
        actor_label=actor.label[:200],
    )
    job.full_clean()
    job.save(force_insert=True)
    return job


@transaction.atomic
def import_request(
    *,
    job: ImportJob,
    step: str,
    actor: Actor,
    mapping: Mapping[str, int] | None = None,
    system: str = "",
    triage: str = "",
    day_first: bool | None = None,
) -> ImportJob:
    """Owe a step: a dry run, the import itself, or taking it back; the caller nudges a worker.

    What is not given stays as it was. Raises NotAllowed, Conflict while it runs or in the wrong order,
    ValidationFailed for a mapping without subject and text or with a column that is not there.
    """
    import_allowed(client=job.client, actor=actor)
    locked = ImportJob.objects.select_for_update(of=("self",)).get(pk=job.pk)
    _check_order(locked, step)
    if mapping is not None:
        _check_mapping(locked, mapping)
        locked.mapping = dict(mapping)
    if triage and triage not in ImportTriage.values:
        raise ValidationFailed(fields={"triage": [gettext("Choose none or local.")]})
    locked.system = system.strip()[:40] or locked.system
    locked.triage = triage or locked.triage
    locked.day_first = locked.day_first if day_first is None else day_first
    locked.step, locked.state, locked.error = step, ImportState.PENDING, ""
    locked.attempts, locked.next_at, locked.lease_until = 0, timezone.now(), None
    if step != ImportStep.UNDO:
        locked.rows_ok = locked.rows_known = locked.rows_failed = 0
    locked.save(
        update_fields=[
            "mapping", "system", "triage", "day_first", "step", "state", "error", "attempts", "next_at",
            "lease_until", "rows_ok", "rows_known", "rows_failed", "updated_at",
        ]
    )  # fmt: skip
    return locked


def _check_order(job: ImportJob, step: str) -> None:
    written = job.batch_id is not None
    if job.is_busy:
        raise Conflict(gettext("This import is running."))
    if step == ImportStep.UNDO and not written:
        raise Conflict(gettext("Nothing was imported that could be taken back."))
    if step != ImportStep.UNDO and job.state in {ImportState.COMPLETED, ImportState.UNDONE}:
        raise Conflict(gettext("This import has ended. Upload the file again to import it once more."))


def _check_mapping(job: ImportJob, mapping: Mapping[str, int]) -> None:
    unknown = sorted(set(mapping) - set(BY_KEY))
    outside = sorted(key for key, place in mapping.items() if not 0 <= place < len(job.header))
    if unknown or outside:
        raise ValidationFailed(
            fields={key: [gettext("There is no such column.")] for key in [*unknown, *outside]}
        )
    if not {"subject", "body"} & set(mapping):
        raise ValidationFailed(fields={"body": [gettext("Name the column of the subject or of the text.")]})


def import_run(*, job_id: int) -> bool:
    """Claim and do what an import owes; False when somebody else has it, or it waits for another try.

    At-least-once: rows that were written are known by ticketing. A file or rule at fault ends the job with
    its sentence; storage, database or machine in trouble mean another try, at most ``ATTEMPTS``.
    """
    now = timezone.now()
    token = _claim(job_id, now)
    if token is None:
        return False
    job = ImportJob.objects.select_related("client__ticketing_settings__taxonomy", "attachment", "batch").get(
        pk=job_id
    )
    try:
        if job.attempts > ATTEMPTS:
            return _end(job, token, ImportState.FAILED, error="The import broke off several times.")
        actor = _actor_of(job)
        return (_undo if job.step == ImportStep.UNDO else _work)(job, token, actor)
    except _Lost:
        logger.info("import_lost_its_lease", job=str(job.uuid))
    except (ParseError, ApplicationError) as error:
        return _end(job, token, ImportState.FAILED, error=error.message)
    except (ParserBusy, OSError, DatabaseError) as error:
        logger.warning("import_interrupted", job=str(job.uuid), error=type(error).__name__)
        _mine(job, token).update(
            state=ImportState.PENDING, lease_until=None, lease_token=None, next_at=now + timedelta(seconds=30)
        )
    return False


class _Lost(Exception):
    """Another worker holds the job now."""


def _claim(job_id: int, now: datetime) -> UUID | None:
    token = uuid4()
    free = Q(state=ImportState.PENDING) | Q(state=ImportState.RUNNING, lease_until__lt=now)
    taken = ImportJob.objects.filter(free, pk=job_id, next_at__lte=now).update(
        state=ImportState.RUNNING,
        lease_token=token,
        lease_until=now + LEASE,
        attempts=F("attempts") + 1,
        started_at=now,
        finished_at=None,
    )
    return token if taken else None


def _mine(job: ImportJob, token: UUID) -> Any:
    return ImportJob.objects.filter(pk=job.pk, lease_token=token)


def _actor_of(job: ImportJob) -> Actor:
    """Who asked, with the rights of today; an import of a program is signed with the program's name."""
    if job.created_by is not None:
        actor = actor_for_user(job.created_by)
        import_allowed(client=job.client, actor=actor)
        return actor
    return automation_actor(ActorKind.SYNC, job.actor_label or "Import")


def _work(job: ImportJob, token: UUID, actor: Actor) -> bool:
    """Read the sheet in the confined process, then go through it chunk by chunk, outside any transaction."""
    with default_storage.open(str(job.attachment.file.name), "rb") as stored:
        table = parse_table(stored.read(), job.attachment.name)
    tally, words = Tally(), vocabulary_of(job=job, now=timezone.now())
    job.rows_total = table.count - 1
    job.rows_ok = job.rows_known = job.rows_failed = 0
    if job.step == ImportStep.WRITE and job.batch is None:
        job.batch = batch_open(client=job.client, label=job.attachment.name, system=job.system, actor=actor)
        _keep(job, token, "batch")
    sample: list[dict[str, Any]] = []
    seen: set[str] = set()
    for rows, failed in _chunks(job, table, words, tally):
        job.rows_failed += failed
        if job.step == ImportStep.CHECK:
            _check(job, rows, seen)
        else:
            _write(job, rows, actor)
        sample += [_sample(row) for row in rows[: _PREVIEW - len(sample)]]
        _keep(job, token, "rows_total", "rows_ok", "rows_known", "rows_failed")
    report = {**tally.as_json(), "sample": sample, "sheet": table.sheet}
    if job.step == ImportStep.CHECK:
        return _end(job, token, ImportState.CHECKED, report=report, problems=tally.problems)
    if job.batch is not None:
        batch_finish(batch=job.batch, triage=job.triage, actor=actor)
    return _end(job, token, ImportState.COMPLETED, report=report, problems=tally.problems)


def _chunks(
    job: ImportJob, table: Table, words: Vocabulary, tally: Tally
) -> Iterator[tuple[list[ImportRow], int]]:
    """Rows ready to be written, some hundred at a time, and how many beside them were at fault."""
    rows: list[ImportRow] = []
    failed = 0
    for place, (number, cells) in enumerate(table.rows()):
        if place == 0:
            continue
        row = row_read(number=number, cells=cells, mapping=job.mapping, words=words, tally=tally)
        if row is None:
            failed += 1
        else:
            rows.append(row)
        if len(rows) + failed >= CHUNK:
            yield rows, failed
            rows, failed = [], 0
    yield rows, failed


def _check(job: ImportJob, rows: list[ImportRow], seen: set[str]) -> None:
    """Count what would be made, and what is here already or twice in the file."""
    ids = [row.external_id for row in rows if row.external_id]
    known = known_external_ids(client=job.client, system=job.system, ids=ids) if ids else set()
    for row in rows:
        twice = bool(row.external_id) and (row.external_id in known or row.external_id in seen)
        job.rows_known += twice
        job.rows_ok += not twice
        seen.add(row.external_id)


def _write(job: ImportJob, rows: list[ImportRow], actor: Actor) -> None:
    """One transaction; somebody who made the same requester at the same time costs one repetition."""
    if job.batch is None:
        raise Conflict(gettext("The tickets of this import have no batch."))
    try:
        outcome = tickets_import(batch=job.batch, rows=rows, actor=actor)
    except IntegrityError:
        outcome = tickets_import(batch=job.batch, rows=rows, actor=actor)
    job.rows_ok += outcome.made
    job.rows_known += len(outcome.known)


def _sample(row: ImportRow) -> dict[str, Any]:
    return {
        "row": row.row,
        "subject": (row.subject or row.body)[:120],
        "requester": row.requester_name or row.requester_email or row.requester_id or "Anonymous",
        "status": row.status,
        "category": row.category.name if row.category else "",
        "priority": row.priority,
        "created": row.created_at.isoformat() if row.created_at else "",
    }


def _undo(job: ImportJob, token: UUID, actor: Actor) -> bool:
    if job.batch is None:
        raise Conflict(gettext("Nothing was imported that could be taken back."))
    removed, kept = batch_undo(batch=job.batch, actor=actor, alive=lambda: _keep(job, token))
    report = {**job.report, "removed": removed, "kept": kept}
    return _end(job, token, ImportState.UNDONE, report=report, problems=job.problems)


def _keep(job: ImportJob, token: UUID, *names: str) -> None:
    """Show the progress and hold the lease a little longer. Raises _Lost where it is somebody else's."""
    now = timezone.now()
    values = {name: getattr(job, name) for name in names}
    if not _mine(job, token).update(lease_until=now + LEASE, updated_at=now, **values):
        raise _Lost


def _end(
    job: ImportJob,
    token: UUID,
    state: str,
    *,
    error: str = "",
    report: dict[str, Any] | None = None,
    problems: list[dict[str, Any]] | None = None,
) -> bool:
    """Keep the result if the lease is still ours; False means it was thrown away."""
    now = timezone.now()
    values: dict[str, Any] = {} if report is None else {"report": report, "problems": problems or []}
    ended = _mine(job, token).update(
        state=state,
        error=error,
        finished_at=now,
        lease_until=None,
        lease_token=None,
        updated_at=now,
        **values,
    )
    return bool(ended)


def imports_due(*, now: datetime, limit: int = 20) -> list[int]:
    """Ids of imports that nobody works on, oldest first; fresh ones are left to their own nudge."""
    free = Q(state=ImportState.PENDING, updated_at__lt=now - _GRACE) | Q(
        state=ImportState.RUNNING, lease_until__lt=now
    )
    rows = ImportJob.objects.filter(free, next_at__lte=now).order_by("next_at", "pk")
    return list(rows.values_list("pk", flat=True)[:limit])
