"""App configuration."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Label and start-up wiring."""

    name = "config"
    verbose_name = "House"

    def ready(self) -> None:
        """Register the schema extensions; importing is registering."""
        from config import schema  # noqa: F401, PLC0415  the REST framework is not loaded before
