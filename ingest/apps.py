"""App configuration."""

from django.apps import AppConfig


class IngestConfig(AppConfig):
    """Label and start-up wiring."""

    name = "ingest"
