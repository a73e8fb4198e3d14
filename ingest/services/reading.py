"""Reading stored files in the confined child process, and keeping what was read (I1)."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Q
from django.utils import timezone

from classifier.services.runs import runs_nudge
from ingest.parsers.result import ParsedFile, ParseError
from ingest.parsers.sandbox import parse_file
from ticketing.choices import AttachmentStatus
from ticketing.models import Attachment
from ticketing.services.attachments import (
    READ_ATTEMPTS,
    ReadResult,
    attachment_claim,
    attachment_postpone,
    attachment_read,
    attachment_received,
    attachment_retry,
)

logger = structlog.get_logger(__name__)

SEGMENTS_KEPT = 20_000
"""Positions stored with a text; a table of more rows keeps those of its first ones."""
HIDDEN_KEPT = 10_000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_NUDGE_GRACE = timedelta(seconds=10)


def attachment_parse(*, attachment_id: int) -> bool:
    """Claim a file, read it outside any transaction and keep the result; False when nothing was kept.

    A file that cannot be read is rejected with its reason; storage or a machine in trouble means another
    try. A second call finds the claim taken or the file done and does nothing.
    """
    token = attachment_claim(attachment_id=attachment_id, now=timezone.now())
    if token is None:
        return False
    attachment = Attachment.objects.get(pk=attachment_id)
    if attachment.attempts > READ_ATTEMPTS:
        # Every earlier attempt died without a word: the file may be what kills the worker.
        attachment_retry(attachment_id=attachment_id, token=token, now=timezone.now())
        return False
    try:
        content = _content(attachment)
        result = content and _result(attachment, content, token)
    except (OSError, BotoCoreError, ClientError) as error:
        logger.warning("file_not_readable_now", attachment=str(attachment.uuid), error=type(error).__name__)
        attachment_retry(attachment_id=attachment_id, token=token, now=timezone.now())
        return False
    if not result:
        attachment_postpone(attachment_id=attachment_id, token=token, now=timezone.now())
        return False
    return attachment_read(attachment_id=attachment_id, token=token, result=result)


def triage_resume(*, attachment_id: int) -> list[int]:
    """The runs that waited for a ticket's files and are due now that all are read; the caller nudges them."""
    ticket_id = Attachment.objects.values_list("ticket_id", flat=True).get(pk=attachment_id)
    if not ticket_id or Attachment.objects.unread().filter(ticket=ticket_id).exists():
        return []
    return runs_nudge(ticket_id=ticket_id)


def _content(attachment: Attachment) -> bytes | None:
    """The stored bytes; None for a presigned upload that has not arrived."""
    name = str(attachment.file.name)
    if not attachment.sha256 and not default_storage.exists(name):
        return None
    with default_storage.open(name, "rb") as stored:
        content: bytes = stored.read(settings.MAX_UPLOAD_BYTES + 1)
    return content


def _result(attachment: Attachment, content: bytes, token: UUID) -> ReadResult:
    if not attachment.sha256:
        attachment_received(attachment_id=attachment.pk, token=token, content=content)
    try:
        return read_result(parse_file(content, attachment.name))
    except ParseError as error:
        return ReadResult(status=AttachmentStatus.REJECTED, error_code=error.code.value, error=error.message)


def read_result(parsed: ParsedFile) -> ReadResult:
    """What is kept of a parsed file: text, positions, and the signals that triage uses."""
    text = parsed.text.strip()
    # Positions follow the text when white space before it goes.
    shift = len(parsed.text) - len(parsed.text.lstrip())
    segments: list[dict[str, Any]] = [
        {**asdict(segment), "start": max(0, segment.start - shift), "end": max(0, segment.end - shift)}
        for segment in parsed.segments[:SEGMENTS_KEPT]
    ]
    features = {
        **asdict(parsed.features),
        "title": parsed.title or "",
        "encoding": parsed.encoding or "",
        "hidden_text": parsed.hidden_text[:HIDDEN_KEPT],
        "warnings": parsed.warnings,
        "truncated": parsed.truncated,
        "metadata": parsed.metadata,
    }
    return ReadResult(
        status=AttachmentStatus.PARSED,
        kind=parsed.kind,
        text=text,
        pages=parsed.pages,
        segments=_storable(segments),
        features=_storable(features),
    )


def _storable(value: Any) -> Any:
    """The value without what a database's text and JSON cannot hold: zero bytes and half characters.

    The main text is clean already; titles, labels and properties come as the file's author wrote them.
    """
    if isinstance(value, str):
        return _UNSTORABLE.sub("", value)
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list | tuple) else value


def files_due(*, now: datetime, limit: int = 200) -> list[int]:
    """Ids of files that nobody has read and nobody holds, oldest first.

    Fresh rows are left to their own nudge for some seconds.
    """
    free = Q(lease_until=None, created_at__lt=now - _NUDGE_GRACE) | Q(lease_until__lt=now)
    rows = Attachment.objects.unread().filter(free, next_at__lte=now).order_by("next_at", "pk")
    return list(rows.values_list("pk", flat=True)[:limit])
