"""A person's own notifications."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from teams import views

app_name = "notices"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.notifications, name="mine"),
    path("/mail", views.mail, name="mail"),
    path("/chat", views.chat, name="chat"),
]
