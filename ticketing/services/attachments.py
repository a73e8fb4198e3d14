"""Storing files, claiming them for reading, keeping what was read (I1, I2)."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.text import get_valid_filename
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.actors import Actor
from common.exceptions import ApplicationError
from teams.models import Client
from ticketing import events
from ticketing.choices import AttachmentStatus
from ticketing.models import Attachment
from ticketing.models.conversation import attachment_path

READ_LEASE = timedelta(minutes=2)
READ_ATTEMPTS = 4
ARRIVAL_PAUSE = timedelta(seconds=10)
ARRIVAL_LIMIT = timedelta(minutes=15)


class FileTooLarge(ApplicationError):
    """The upload is over the size limit."""

    code = "file_too_large"
    status = 413


class FileEmpty(ApplicationError):
    """The upload has no content."""

    code = "file_empty"
    status = 422
    default_message = gettext_lazy("The file is empty.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """What the parser says of a file."""

    status: str
    kind: str = ""
    text: str = ""
    pages: int | None = None
    segments: list[dict[str, Any]] = field(default_factory=list)
    features: dict[str, Any] = field(default_factory=dict)
    error_code: str = ""
    error: str = ""


def attachment_store(
    *,
    client: Client,
    name: str,
    content: bytes,
    content_type: str,
    actor: Actor,
    result: ReadResult | None = None,
) -> Attachment:
    """Write the bytes to storage, then the row; the row owes the reading unless its ``result`` is known.

    The storage write happens outside any transaction. Raises FileTooLarge, FileEmpty. Emits
    ``attachment_added``.
    """
    size_check(size=len(content))
    attachment = Attachment(
        uuid=uuid4(),
        client=client,
        uploaded_by_id=actor.user_id,
        uploaded_label=actor.id[:120],
        name=safe_name(name),
        content_type=content_type[:120],
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        **(asdict(result) if result else {}),
    )
    attachment.file.name = default_storage.save(
        attachment_path(attachment, attachment.name), ContentFile(content)
    )
    with transaction.atomic():
        attachment.save(force_insert=True)
        events.attachment_added.publish(attachment=attachment, actor=actor)
    return attachment


def size_check(*, size: int) -> None:
    """Compare a size in bytes with the limit, before anything is read. Raises FileTooLarge, FileEmpty."""
    limit = settings.MAX_UPLOAD_BYTES
    if size > limit:
        raise FileTooLarge(_("The file is larger than %(limit)s MB.") % {"limit": limit // 1024 // 1024})
    if size <= 0:
        raise FileEmpty


def safe_name(name: str) -> str:
    """A file name without path, control characters or odd length; keeps the extension."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1].strip() or "file"
    try:
        clean = get_valid_filename(base)
    except ValueError:
        clean = "file"
    stem, dot, suffix = clean.rpartition(".")
    return f"{stem[:180]}{dot}{suffix[:12]}" if dot else clean[:190]


def attachment_claim(*, attachment_id: int, now: datetime) -> UUID | None:
    """Take the right to read a file; None when somebody else holds it or it is done."""
    token = uuid4()
    claimed = (
        Attachment.objects.filter(pk=attachment_id, status=AttachmentStatus.PENDING)
        .filter(Q(lease_until=None) | Q(lease_until__lt=now))
        .update(lease_token=token, lease_until=now + READ_LEASE, attempts=F("attempts") + 1)
    )
    return token if claimed else None


def attachment_read(*, attachment_id: int, token: UUID, result: ReadResult) -> bool:
    """Keep the result if the lease is still ours; False means it was thrown away."""
    written = Attachment.objects.filter(pk=attachment_id, lease_token=token).update(
        status=result.status,
        kind=result.kind,
        text=result.text,
        pages=result.pages,
        segments=result.segments,
        features=result.features,
        error_code=result.error_code,
        error=result.error,
        lease_until=None,
        lease_token=None,
        updated_at=timezone.now(),
    )
    return written == 1


def attachment_retry(*, attachment_id: int, token: UUID, now: datetime) -> None:
    """Give the file back after a passing fault; after the last attempt it is marked failed for a person."""
    row = Attachment.objects.filter(pk=attachment_id, lease_token=token)
    row.filter(attempts__gte=READ_ATTEMPTS).update(
        status=AttachmentStatus.FAILED,
        error_code="unavailable",
        error="The file could not be read after several tries.",
        lease_token=None,
        lease_until=None,
    )
    row.filter(attempts__lt=READ_ATTEMPTS).update(
        next_at=now + timedelta(seconds=30), lease_token=None, lease_until=None
    )


def attachment_reserve(
    *, client: Client, name: str, content_type: str, size: int, actor: Actor, now: datetime
) -> Attachment:
    """A row for a file that its sender will put into storage directly; its size and hash follow (I2).

    Raises FileTooLarge, FileEmpty. Emits nothing: there is nothing to read yet, the sweeper looks for it.
    """
    size_check(size=size)
    attachment = Attachment(
        uuid=uuid4(),
        client=client,
        uploaded_by_id=actor.user_id,
        uploaded_label=actor.id[:120],
        name=safe_name(name),
        content_type=content_type[:120],
        size=size,
        next_at=now + ARRIVAL_PAUSE,
    )
    attachment.file.name = attachment_path(attachment, attachment.name)
    attachment.full_clean()
    attachment.save(force_insert=True)
    return attachment


def attachment_received(*, attachment_id: int, token: UUID, content: bytes) -> None:
    """Note the true size and hash of a file that came into storage by itself."""
    Attachment.objects.filter(pk=attachment_id, lease_token=token).update(
        size=len(content), sha256=hashlib.sha256(content).hexdigest()
    )


def attachment_postpone(*, attachment_id: int, token: UUID, now: datetime) -> None:
    """Give the file back because it has not arrived; waiting is no failed attempt.

    A reserved file that never came is marked failed after ``ARRIVAL_LIMIT``.
    """
    row = Attachment.objects.filter(pk=attachment_id, lease_token=token)
    row.filter(created_at__lt=now - ARRIVAL_LIMIT).update(
        status=AttachmentStatus.FAILED,
        error_code="not_received",
        error="The file was announced but never arrived.",
        lease_token=None,
        lease_until=None,
    )
    row.update(next_at=now + ARRIVAL_PAUSE, lease_token=None, lease_until=None, attempts=F("attempts") - 1)
