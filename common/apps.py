"""App configuration."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """Label and start-up wiring."""

    name = "common"
