"""App configuration."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Label and start-up wiring."""

    name = "config"
    verbose_name = "House"

    def ready(self) -> None:
        """Register the system checks and the schema extensions; importing is registering."""
        from config import checks, indicators, schema  # noqa: F401, PLC0415  not loaded before

        indicators.register()
