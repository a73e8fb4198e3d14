"""App configuration."""

from django.apps import AppConfig


class TicketingConfig(AppConfig):
    """Label and start-up wiring."""

    name = "ticketing"
