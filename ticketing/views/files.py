"""Handing out files: always checked, always as a download."""

from __future__ import annotations

from uuid import UUID

from django.http import FileResponse, Http404, HttpRequest
from django.utils import timezone
from django.views.decorators.http import require_safe

from common.actors import Actor
from teams.api.actors import actor_of
from teams.services.watch import download_note
from ticketing.choices import AttachmentStatus
from ticketing.models import Attachment
from ticketing.views.access import staff_page


def attachment_response(actor: Actor, uuid: UUID) -> FileResponse:
    """A visible file as a download that no browser interprets; a refused file is not handed out."""
    rows = Attachment.objects.visible_to(actor).filter(uuid=uuid, ticket__isnull=False)
    attachment = rows.exclude(status=AttachmentStatus.REJECTED).first()
    if attachment is None:
        raise Http404
    try:
        stored = attachment.file.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    download_note(actor=actor, now=timezone.now())
    response = FileResponse(
        stored, as_attachment=True, filename=attachment.name, content_type="application/octet-stream"
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return response


@require_safe
@staff_page
def file(request: HttpRequest, uuid: UUID) -> FileResponse:
    """A file of a ticket on the desk."""
    return attachment_response(actor_of(request), uuid)
