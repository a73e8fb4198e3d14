"""Shipped teams, taxonomies, rules, articles and SLA policies into the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from classifier.services.examples import starter_examples_load
from classifier.services.spaces import space_ensure
from classifier.services.training import models_train
from sla.services.defaults import defaults_load as sla_load
from teams.services.defaults import defaults_load as teams_load
from ticketing.models import Taxonomy
from ticketing.services.defaults import defaults_load as ticketing_load


class Command(BaseCommand):
    """``manage.py load_defaults``."""

    help = "Load the shipped reference data and starter examples and train; what was edited is kept."

    def add_arguments(self, parser: Any) -> None:
        """Options."""
        parser.add_argument("--overwrite", action="store_true", help="Take the shipped values again.")

    @staticmethod
    def _learn() -> int:
        """Starter examples, models where there are none yet or the examples changed, an embedding space."""
        added = 0
        for taxonomy in Taxonomy.objects.filter(client=None, is_active=True):
            added += starter_examples_load(taxonomy=taxonomy)
            models_train(taxonomy=taxonomy)
        space_ensure()
        return added

    def handle(self, *args: Any, **options: Any) -> None:
        """Load and count."""
        teams = teams_load()
        counts = {**ticketing_load(overwrite=options["overwrite"]), "SLA policies": sla_load()}
        counts["starter examples"] = self._learn()
        if options["verbosity"]:
            loaded = ", ".join(f"{count} {kind}" for kind, count in {"teams": teams, **counts}.items())
            self.stdout.write(f"Loaded {loaded}.")
