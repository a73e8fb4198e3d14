"""The desk."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from ticketing.views import articles, files, presence, queue, ticket

app_name = "desk"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", queue.queue, name="queue"),
    path("articles/", articles.articles, name="articles"),
    path("articles/<uuid:uuid>", articles.article, name="article"),
    path("articles/<uuid:uuid>/feedback", articles.feedback, name="article-feedback"),
    path("bulk", queue.bulk, name="bulk"),
    path("presence", presence.presence, name="presence"),
    path("files/<uuid:uuid>", files.file, name="file"),
    path("tickets/<uuid:uuid>", ticket.detail, name="ticket"),
    path("tickets/<uuid:uuid>/reply", ticket.reply, name="reply"),
    path("tickets/<uuid:uuid>/note", ticket.note, name="note"),
    path("tickets/<uuid:uuid>/status", ticket.status, name="status"),
    path("tickets/<uuid:uuid>/assign", ticket.assign, name="assign"),
    path("tickets/<uuid:uuid>/escalate", ticket.escalate, name="escalate"),
    path("tickets/<uuid:uuid>/confirm", ticket.confirm, name="confirm"),
]
