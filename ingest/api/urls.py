"""API routes of ingest."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from ingest.api.chat import ChatOne, Chats, ChatTicket
from ingest.api.classify import ClassifyFile
from ingest.api.files import FileDetail, FileDownload, FilePresign, FileUpload
from ingest.api.imports import ImportDetail, ImportErrors, Imports

urlpatterns: list[URLPattern | URLResolver] = [
    path("chat", Chats.as_view({"get": "list", "post": "create"}), name="chat"),
    path("chat/<uuid:convo_id>", ChatOne.as_view(), name="chat-one"),
    path("chat/<uuid:convo_id>/ticket", ChatTicket.as_view(), name="chat-ticket"),
    path("classify/file", ClassifyFile.as_view(), name="classify-file"),
    path("files/upload", FileUpload.as_view(), name="file-upload"),
    path("files/presign", FilePresign.as_view(), name="file-presign"),
    path("files/<uuid:file_id>", FileDetail.as_view(), name="file"),
    path("files/<uuid:file_id>/download", FileDownload.as_view(), name="file-download"),
    path("imports", Imports.as_view(), name="imports"),
    path("imports/<uuid:job_id>", ImportDetail.as_view(), name="import"),
    path("imports/<uuid:job_id>/errors", ImportErrors.as_view(), name="import-errors"),
]
