"""Links in mails to requesters."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from ticketing.views import mail

app_name = "mail"
urlpatterns: list[URLPattern | URLResolver] = [path("stop/<str:token>", mail.stop, name="stop")]
