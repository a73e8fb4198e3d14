"""App configuration."""

from django.apps import AppConfig


class SlaConfig(AppConfig):
    """Label and start-up wiring."""

    name = "sla"
