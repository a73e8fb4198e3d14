"""The desk."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from ticketing.views import articles, export, files, merging, presence, queue, ticket, tools

app_name = "desk"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", queue.queue, name="queue"),
    path("articles/", articles.articles, name="articles"),
    path("articles/<uuid:uuid>", articles.article, name="article"),
    path("articles/<uuid:uuid>/feedback", articles.feedback, name="article-feedback"),
    path("bulk", queue.bulk, name="bulk"),
    path("presence", presence.presence, name="presence"),
    path("bulk/<uuid:uuid>", queue.bulk_done, name="bulk-done"),
    path("bulk/<uuid:uuid>/undo", queue.bulk_back, name="bulk-undo"),
    path("views", tools.views, name="views"),
    path("views/new", tools.view_new, name="view-new"),
    path("views/<uuid:uuid>", tools.view_edit, name="view"),
    path("views/<uuid:uuid>/delete", tools.view_delete, name="view-delete"),
    path("macros", tools.macros, name="macros"),
    path("macros/new", tools.macro_new, name="macro-new"),
    path("macros/<uuid:uuid>", tools.macro_edit, name="macro"),
    path("macros/<uuid:uuid>/delete", tools.macro_delete, name="macro-delete"),
    path("export", export.export, name="export"),
    path("files/<uuid:uuid>", files.file, name="file"),
    path("tickets/<uuid:uuid>", ticket.detail, name="ticket"),
    path("tickets/<uuid:uuid>/reply", ticket.reply, name="reply"),
    path("tickets/<uuid:uuid>/note", ticket.note, name="note"),
    path("tickets/<uuid:uuid>/status", ticket.status, name="status"),
    path("tickets/<uuid:uuid>/assign", ticket.assign, name="assign"),
    path("tickets/<uuid:uuid>/escalate", ticket.escalate, name="escalate"),
    path("tickets/<uuid:uuid>/confirm", ticket.confirm, name="confirm"),
    path("tickets/<uuid:uuid>/presence", ticket.presence, name="collision"),
    path("tickets/<uuid:uuid>/preview", ticket.preview, name="preview"),
    path("tickets/<uuid:uuid>/tags", ticket.tags, name="tags"),
    path("tickets/<uuid:uuid>/macro", ticket.macro, name="macro-use"),
    path("tickets/<uuid:uuid>/macro/apply", ticket.macro_only, name="macro-apply"),
    path("tickets/<uuid:uuid>/merge", merging.merge, name="merge"),
    path("tickets/<uuid:uuid>/unmerge", merging.unmerge, name="unmerge"),
    path("tickets/<uuid:uuid>/split", merging.split, name="split"),
    path("tickets/<uuid:uuid>/link", merging.link, name="link"),
    path("tickets/<uuid:uuid>/links/<int:pk>", merging.link_answer, name="link-answer"),
    path("tickets/<uuid:uuid>/resolve-all", merging.resolve_all, name="resolve-all"),
]
