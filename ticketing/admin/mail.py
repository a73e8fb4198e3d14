"""The words of mails to requesters."""

from __future__ import annotations

from django.contrib import admin

from teams.admin import ClientAdmin
from ticketing.models import RequesterMailTemplate


@admin.register(RequesterMailTemplate)
class MailTemplatesAdmin(ClientAdmin):
    """A client's own words; where there are none, the shipped ones are used."""

    list_display = ("client", "kind", "subject", "is_active")
    list_filter = ("client", "kind", "is_active")
    list_select_related = ("client",)
    search_fields = ("subject",)
