"""Reads of ingest that do not chain."""

from __future__ import annotations

from uuid import UUID

from django.db.models.functions import Left
from django.utils.translation import gettext as _

from common.actors import Actor, Deed
from common.exceptions import NotFound
from ingest.models import ImportJob
from ticketing.models import Attachment

PREVIEW_CHARACTERS = 2_000


def access_attachment(*, actor: Actor, file_id: UUID) -> Attachment:
    """A file the caller may see, with the beginning of its text as ``preview``; the megabytes stay behind.

    Raises NotFound for one that is not there or not visible.
    """
    rows = Attachment.objects.visible_to(actor).annotate(preview=Left("text", PREVIEW_CHARACTERS))
    attachment = rows.defer("text", "segments", "features").filter(uuid=file_id).first()
    if attachment is None:
        raise NotFound(_("There is no such file."))
    found: Attachment = attachment
    return found


def access_import(*, actor: Actor, job_id: UUID) -> ImportJob:
    """An import of the caller's clients. Raises NotFound for others, and without the permission to import."""
    rows = ImportJob.objects.visible_to(actor).select_related("client", "attachment", "batch", "created_by")
    job = rows.filter(uuid=job_id).first() if actor.may(Deed.IMPORT) else None
    if job is None:
        raise NotFound(_("There is no such import."))
    found: ImportJob = job
    return found
