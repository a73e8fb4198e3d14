"""App configuration of the people layer."""

from django.apps import AppConfig


class TeamsConfig(AppConfig):
    """Label and start-up wiring."""

    name = "teams"
    verbose_name = "People and teams"

    def ready(self) -> None:
        """Fill the slots of the layer below."""
        from teams.services import notices, watch  # noqa: PLC0415  models are not loaded before

        notices.register()
        watch.register()
