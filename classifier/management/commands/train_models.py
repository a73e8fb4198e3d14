"""Train the local models now instead of at night."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from classifier.services.training import models_train
from ticketing.models import Taxonomy


class Command(BaseCommand):
    """``manage.py train_models``."""

    help = "Train the models of every taxonomy, or of the one named, where the examples have changed."

    def add_arguments(self, parser: Any) -> None:
        """Options."""
        parser.add_argument("--taxonomy", help="Slug of one taxonomy.")
        parser.add_argument("--force", action="store_true", help="Train even where nothing has changed.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Train and print what was measured out of fold."""
        rows = Taxonomy.objects.filter(is_active=True).order_by("slug")
        if options["taxonomy"]:
            rows = rows.filter(slug=options["taxonomy"])
        for taxonomy in rows:
            for model in models_train(taxonomy=taxonomy, force=options["force"]):
                figures = {name: model.metrics[name] for name in ("accuracy", "macro_f1", "ece")}
                measured = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
                decision = model.evidence.get("decision", "")
                self.stdout.write(f"{model}: {model.example_count} examples, {measured}, {decision}")
