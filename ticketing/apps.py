"""App configuration."""

from django.apps import AppConfig


class TicketingConfig(AppConfig):
    """Label and start-up wiring."""

    name = "ticketing"

    def ready(self) -> None:
        """Fill the slots of lower layers."""
        from ticketing.selectors import sets  # noqa: PLC0415  models are not loaded before

        sets.register()
