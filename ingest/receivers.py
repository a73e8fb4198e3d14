"""Where ticketing's news becomes ingest's work."""

from __future__ import annotations

from typing import Any

from common.queueing import enqueue_on_commit
from ingest.tasks import parse_file
from ticketing.choices import AttachmentStatus
from ticketing.events import attachment_added
from ticketing.models import Attachment


def connect() -> None:
    """Wire the receivers; called once when the app is ready."""
    attachment_added.connect(read_later, dispatch_uid="ingest.read_later")


def read_later(attachment: Attachment, **kwargs: Any) -> None:
    """A new file owes its reading: the row is there, this is the nudge."""
    if attachment.status == AttachmentStatus.PENDING:
        enqueue_on_commit(parse_file, attachment.pk)
