"""App configuration of the people layer."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TeamsConfig(AppConfig):
    """Label and start-up wiring."""

    name = "teams"
    verbose_name = _("People and teams")

    def ready(self) -> None:
        """Fill the slots of the layer below."""
        from teams.services import notices, watch  # noqa: PLC0415  models are not loaded before

        notices.register()
        watch.register()
