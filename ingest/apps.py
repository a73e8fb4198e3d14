"""App configuration."""

from django.apps import AppConfig


class IngestConfig(AppConfig):
    """Label and start-up wiring."""

    name = "ingest"

    def ready(self) -> None:
        """Connect the receivers."""
        from ingest import receivers  # noqa: PLC0415  models are loaded only now

        receivers.connect()
