"""A client is ready for tickets as soon as it exists."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from teams.admin.people import ClientsAdmin
from teams.models import Client
from ticketing.services.defaults import client_settings_ensure

admin.site.unregister(Client)


@admin.register(Client)
class ReadyClientsAdmin(ClientsAdmin):
    """Tenants, made together with their ticketing settings."""

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        """Save, and give a new client the settings of the default taxonomy."""
        super().save_model(request, obj, form, change)
        client_settings_ensure(client=obj)
