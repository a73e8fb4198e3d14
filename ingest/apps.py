"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IngestConfig(AppConfig):
    """Label and start-up wiring."""

    name = "ingest"
    verbose_name = _("Ingest")

    def ready(self) -> None:
        """Connect the receivers."""
        from ingest import receivers  # noqa: PLC0415  models are loaded only now

        receivers.connect()
