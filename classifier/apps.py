"""App configuration."""

from django.apps import AppConfig


class ClassifierConfig(AppConfig):
    """Label and start-up wiring."""

    name = "classifier"
