"""App configuration."""

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _

_HOUSE = frozenset({"common", "teams", "ticketing", "classifier", "sla", "ingest", "config"})


class ConfigConfig(AppConfig):
    """Label and start-up wiring."""

    name = "config"
    verbose_name = _("House")

    def ready(self) -> None:
        """Register the system checks and the schema extensions; importing is registering."""
        from config import checks, indicators, schema  # noqa: F401, PLC0415  not loaded before

        indicators.register()
        _names_follow_the_reader()


def _names_follow_the_reader() -> None:
    """Models and fields are called by their attributes' names; here these become translatable.

    Migrations look at what a field was declared with and see nothing of this.
    """
    for model in apps.get_models():
        if model._meta.app_label not in _HOUSE:
            continue
        for named in (model._meta, *model._meta.get_fields()):
            if type(name := getattr(named, "verbose_name", None)) is str:
                setattr(named, "verbose_name", _(name))  # noqa: B010  relations have none
        if "verbose_name_plural" not in model._meta.original_attrs:
            plural = f"{model._meta.verbose_name_raw}s"
            model._meta.verbose_name_plural = _(plural)
