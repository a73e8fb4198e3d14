"""The portal, and the assistant on the desk."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from ingest.views import articles, chat, portal, rating

app_name = "portal"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", portal.home, name="home"),
    path("tickets", portal.tickets, name="tickets"),
    path("tickets/<uuid:uuid>", portal.ticket, name="ticket"),
    path("tickets/<uuid:uuid>/received", portal.submitted, name="submitted"),
    path("tickets/<uuid:uuid>/reply", portal.reply, name="reply"),
    path("files/<uuid:uuid>", portal.file, name="file"),
    path("chat/", chat.portal_chat, name="chat"),
    path("chat/<uuid:uuid>", chat.portal_chat, name="chat-convo"),
    path("chat/<uuid:uuid>/ticket", chat.portal_chat_ticket, name="chat-ticket"),
    path("articles/", articles.articles, name="articles"),
    path("articles/<uuid:uuid>", articles.article, name="article"),
    path("articles/<uuid:uuid>/feedback", articles.feedback, name="article-feedback"),
    path("tickets/<uuid:uuid>/solved", portal.solved, name="solved"),
    path("tickets/<uuid:uuid>/rating", rating.own, name="rate-own"),
    path("rate/<str:token>", rating.by_link, name="rate"),
]

desk_patterns: list[URLPattern | URLResolver] = [
    path("assistant/", chat.desk_assistant, name="start"),
    path("assistant/<uuid:uuid>", chat.desk_assistant, name="convo"),
    path("assistant/<uuid:uuid>/ticket", chat.desk_assistant_ticket, name="ticket"),
]
"""Included beside the desk's own routes under the name "assistant"."""
