"""The portal."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from ingest import views

app_name = "portal"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("tickets", views.tickets, name="tickets"),
    path("tickets/<uuid:uuid>", views.ticket, name="ticket"),
    path("tickets/<uuid:uuid>/received", views.submitted, name="submitted"),
    path("tickets/<uuid:uuid>/reply", views.reply, name="reply"),
    path("files/<uuid:uuid>", views.file, name="file"),
    path("articles/<uuid:uuid>", views.article, name="article"),
]
