"""Uploads and downloads that go to the object store directly, for some minutes and one object only (I2)."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from datetime import datetime

from django.core.files.storage import storages
from django.utils.translation import gettext_lazy
from storages.backends.s3 import S3Storage

from common.actors import Actor
from common.exceptions import Conflict
from ingest.services.uploads import type_check
from teams.models import Client
from ticketing.models import Attachment
from ticketing.services.attachments import attachment_reserve

UPLOAD_SECONDS = 300
DOWNLOAD_SECONDS = 60


class StorageIsLocal(Conflict):
    """Files are kept in a folder, which nobody can write to from outside."""

    code = "storage_local"
    default_message = gettext_lazy("Presigned uploads need an object store. Use files/upload instead.")


@dataclass(frozen=True, slots=True)
class PresignedUpload:
    """Where and with which form fields the sender posts the file."""

    attachment: Attachment
    url: str
    fields: dict[str, str]


def object_store() -> S3Storage | None:
    """The S3 storage in use; None where files lie in a local folder."""
    storage = storages["default"]
    return storage if isinstance(storage, S3Storage) else None


def upload_presign(
    *, client: Client, name: str, content_type: str, size: int, actor: Actor, now: datetime
) -> PresignedUpload:
    """Reserve a file and sign a POST for exactly its key, type, size and server-side encryption.

    Raises StorageIsLocal, FileRefused, FileTooLarge, FileEmpty.
    """
    type_check(name=name)
    storage = object_store()
    if storage is None:
        raise StorageIsLocal
    attachment = attachment_reserve(
        client=client, name=name, content_type=content_type, size=size, actor=actor, now=now
    )
    fields = {"Content-Type": content_type or "application/octet-stream"}
    encryption = storage.object_parameters.get("ServerSideEncryption")
    if encryption:
        fields["x-amz-server-side-encryption"] = encryption
    signed = storage.connection.meta.client.generate_presigned_post(
        Bucket=storage.bucket_name,
        Key=posixpath.join(storage.location, str(attachment.file.name)),
        Fields=dict(fields),
        Conditions=[{key: value} for key, value in fields.items()] + [["content-length-range", 1, size]],
        ExpiresIn=UPLOAD_SECONDS,
    )
    return PresignedUpload(attachment=attachment, url=signed["url"], fields=signed["fields"])


def download_url(*, attachment: Attachment, disposition: str) -> str:
    """A short-lived address of the file that browsers save and never show; empty for local storage.

    The caller has checked the permission.
    """
    storage = object_store()
    if storage is None:
        return ""
    parameters = {
        "ResponseContentDisposition": disposition,
        "ResponseContentType": "application/octet-stream",
    }
    url: str = storage.url(attachment.file.name, parameters=parameters, expire=DOWNLOAD_SECONDS)
    return url
