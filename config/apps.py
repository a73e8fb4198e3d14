"""App configuration."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Label and start-up wiring."""

    name = "config"
