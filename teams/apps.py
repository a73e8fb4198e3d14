"""App configuration of the people layer."""

from django.apps import AppConfig


class TeamsConfig(AppConfig):
    """Label and start-up wiring."""

    name = "teams"
    verbose_name = "People and teams"
