"""The desk."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from ticketing.views import files, merging, queue, ticket

app_name = "desk"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", queue.queue, name="queue"),
    path("bulk", queue.bulk, name="bulk"),
    path("files/<uuid:uuid>", files.file, name="file"),
    path("tickets/<uuid:uuid>", ticket.detail, name="ticket"),
    path("tickets/<uuid:uuid>/reply", ticket.reply, name="reply"),
    path("tickets/<uuid:uuid>/note", ticket.note, name="note"),
    path("tickets/<uuid:uuid>/status", ticket.status, name="status"),
    path("tickets/<uuid:uuid>/assign", ticket.assign, name="assign"),
    path("tickets/<uuid:uuid>/confirm", ticket.confirm, name="confirm"),
    path("tickets/<uuid:uuid>/merge", merging.merge, name="merge"),
    path("tickets/<uuid:uuid>/unmerge", merging.unmerge, name="unmerge"),
    path("tickets/<uuid:uuid>/split", merging.split, name="split"),
    path("tickets/<uuid:uuid>/link", merging.link, name="link"),
    path("tickets/<uuid:uuid>/links/<int:pk>", merging.link_answer, name="link-answer"),
    path("tickets/<uuid:uuid>/resolve-all", merging.resolve_all, name="resolve-all"),
]
