"""Taking files in at a door: by their type at once, by their content later (I1)."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.files.uploadedfile import UploadedFile

from common.actors import Actor
from common.exceptions import ApplicationError
from ingest.parsers.detect import kind_by_name
from ingest.parsers.result import Code, ParseError
from teams.models import Client
from ticketing.models import Attachment
from ticketing.services.attachments import attachment_store, size_check

_STATUS_OF_CODE = {
    Code.UNSUPPORTED_TYPE: 415,
    Code.TYPE_MISMATCH: 415,
    Code.MACRO: 415,
    Code.TOO_LARGE: 413,
}


class FileRefused(ApplicationError):
    """A file that cannot be taken: 415 for its type, 413 for its size, 422 for its content."""

    code = "file_refused"
    status = 422

    def __init__(self, error: ParseError) -> None:
        super().__init__(error.message, fields={"file": [error.message]})
        self.code = error.code.value
        self.status = _STATUS_OF_CODE.get(error.code, 422)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as it came in: the sender's name for it, its bytes and the type it claims to be."""

    name: str
    content: bytes
    content_type: str = ""


def type_check(*, name: str) -> None:
    """Refuse a file by its name alone. Raises FileRefused."""
    try:
        kind_by_name(name)
    except ParseError as error:
        raise FileRefused(error) from error


def upload_take(*, file: UploadedFile) -> Upload:
    """Read an uploaded file into memory after checking its type and size.

    Raises FileRefused, FileTooLarge, FileEmpty.
    """
    name = file.name or ""
    type_check(name=name)
    size_check(size=file.size or 0)
    return Upload(name=name, content=file.read(), content_type=file.content_type or "")


def upload_store(*, client: Client, upload: Upload, actor: Actor) -> Attachment:
    """Keep a file that belongs to no ticket yet; it is read in the background.

    Raises FileRefused, FileTooLarge, FileEmpty. Emits ``attachment_added``.
    """
    type_check(name=upload.name)
    return attachment_store(
        client=client,
        name=upload.name,
        content=upload.content,
        content_type=upload.content_type,
        actor=actor,
    )
