"""File endpoints: upload, look at, download, presign (I1, I2)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import FileResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.exceptions import NotFound
from ingest.api.serializers import FileAccepted, FilePresigned, PresignInput, StoredFile, UploadInput
from ingest.selectors import access_attachment
from ingest.services.presigned import download_url, upload_presign
from ingest.services.uploads import upload_store, upload_take
from teams.api.actors import actor_of
from teams.api.idempotency import idempotent
from teams.choices import Scope
from teams.selectors import access_client
from teams.services.watch import download_note


class FileUpload(APIView):
    """Take a file; its text is read in the background."""

    read_scope = Scope.FILES
    parser_classes = [MultiPartParser]

    @extend_schema(request=UploadInput, responses={202: FileAccepted})
    @idempotent
    def post(self, request: Request) -> Response:
        """Store the file and answer before it is read."""
        form = UploadInput(data=request.data)
        form.is_valid(raise_exception=True)
        actor = actor_of(request)
        client = access_client(actor=actor, slug=form.validated_data["client"])
        upload = upload_take(file=form.validated_data["file"])
        attachment = upload_store(client=client, upload=upload, actor=actor)
        return Response(FileAccepted(attachment).data, status=status.HTTP_202_ACCEPTED)


class FilePresign(APIView):
    """Sign an upload that goes to the object store directly."""

    read_scope = Scope.FILES

    @extend_schema(request=PresignInput, responses={201: FilePresigned})
    @idempotent
    def post(self, request: Request) -> Response:
        """Reserve the file; 409 where files are kept locally."""
        form = PresignInput(data=request.data)
        form.is_valid(raise_exception=True)
        actor = actor_of(request)
        values: dict[str, Any] = dict(form.validated_data)
        client = access_client(actor=actor, slug=values.pop("client"))
        signed = upload_presign(client=client, actor=actor, now=timezone.now(), **values)
        return Response(FilePresigned(signed).data, status=status.HTTP_201_CREATED)


class FileDetail(APIView):
    """What is known of a file."""

    read_scope = Scope.FILES

    @extend_schema(responses=StoredFile)
    def get(self, request: Request, file_id: UUID) -> Response:
        """The file's state and the beginning of its text."""
        return Response(StoredFile(access_attachment(actor=actor_of(request), file_id=file_id)).data)


class FileDownload(APIView):
    """The stored bytes, always as something to save, never as a page."""

    read_scope = Scope.FILES

    @extend_schema(
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            302: OpenApiResponse(description="A short-lived address in the object store."),
        }
    )
    def get(self, request: Request, file_id: UUID) -> HttpResponseBase:
        """Redirect to the object store, or send the bytes."""
        actor = actor_of(request)
        attachment = access_attachment(actor=actor, file_id=file_id)
        download_note(actor=actor, now=timezone.now())
        disposition = content_disposition_header(as_attachment=True, filename=attachment.name) or "attachment"
        address = download_url(attachment=attachment, disposition=disposition)
        if address:
            return HttpResponseRedirect(address)
        try:
            content = attachment.file.open("rb")
        except FileNotFoundError as error:
            raise NotFound(_("The file is no longer in storage.")) from error
        return FileResponse(
            content,
            as_attachment=True,
            filename=attachment.name,
            content_type="application/octet-stream",
            headers={
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "Cache-Control": "private, no-store",
            },
        )
