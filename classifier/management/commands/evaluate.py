"""Judge an engine on labelled texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from classifier.services.evaluation import ENGINES, Report, evaluate_examples, evaluate_file
from common.exceptions import ApplicationError
from ticketing.models import Taxonomy

BELOW = 1
"""Exit code when accuracy stays under ``--fail-under``."""


class Command(BaseCommand):
    """``manage.py evaluate``."""

    help = (
        "Accuracy, F1, calibration, coverage and latency of the local engine, the rules, or the cascade of "
        "both. No language model is asked."
    )

    def add_arguments(self, parser: Any) -> None:
        """Options."""
        parser.add_argument("--taxonomy", default="it_support", help="Slug of the taxonomy.")
        parser.add_argument("--client", default="", help="Slug of the client whose taxonomy it is.")
        parser.add_argument("--engine", choices=ENGINES, default="local")
        parser.add_argument(
            "--file", type=Path, help="CSV or JSON lines; without it, the database's examples."
        )
        parser.add_argument("--text-column", default="text", help="Where a file holds the text.")
        parser.add_argument("--label-column", default="category", help="Where a file holds the label.")
        parser.add_argument("--fail-under", type=float, help="Exit with 1 when accuracy is lower, in [0, 1].")
        parser.add_argument("--json", action="store_true", help="Print everything measured as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure and print; an exit code for pipelines."""
        bound = options["fail_under"]
        if bound is not None and not 0.0 <= bound <= 1.0:
            raise CommandError("--fail-under is a share between 0 and 1.", returncode=2)
        try:
            report = self._report(options)
        except ApplicationError as error:
            raise CommandError(error.sentence, returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.to_json(), indent=2))
        else:
            self._print(report)
        accuracy = report.evaluation.quality.accuracy
        if bound is not None and accuracy < bound:
            raise CommandError(f"Accuracy {accuracy:.4f} is below {bound:g}.", returncode=BELOW)

    def _report(self, options: dict[str, Any]) -> Report:
        owner = {"client__slug": options["client"]} if options["client"] else {"client": None}
        taxonomy = Taxonomy.objects.filter(slug=options["taxonomy"], **owner).first()
        if taxonomy is None:
            raise CommandError(f"There is no taxonomy {options['taxonomy']!r}.", returncode=2)
        if options["file"] is None:
            return evaluate_examples(taxonomy=taxonomy, engine=options["engine"])
        return evaluate_file(
            taxonomy=taxonomy,
            engine=options["engine"],
            path=options["file"],
            text_column=options["text_column"],
            label_column=options["label_column"],
        )

    def _print(self, report: Report) -> None:
        measured, write = report.evaluation, self.stdout.write
        quality, latency = measured.quality, measured.latency
        write(f"Engine {report.engine} on {report.source}. {report.protocol}")
        write(f"accuracy {quality.accuracy:.4f}   macro F1 {quality.macro_f1:.4f}   ECE {quality.ece:.4f}")
        for row in measured.coverage:
            proved = row.proved
            promise = (
                f"proved from confidence {proved.threshold:.3f} on, {proved.coverage:.1%} answered"
                if proved
                else "no threshold proves it with so many texts"
            )
            write(f"precision {row.precision:.2f}: {row.measured:.1%} answered as measured; {promise}")
        write(
            f"latency {latency.median_ms:.1f} ms, p95 {latency.p95_ms:.1f} ms, "
            f"{latency.texts_per_second:,.0f} texts/s together"
        )
        self._print_tables(report)

    def _print_tables(self, report: Report) -> None:
        quality = report.evaluation.quality
        width = max(len(label) for label in quality.labels)
        self.stdout.write(f"\n{'category':<{width}}  precision  recall     F1   texts")
        for row in quality.classes:
            figures = f"{row.precision:9.3f}  {row.recall:6.3f}  {row.f1:5.3f}  {row.support:6d}"
            self.stdout.write(f"{row.label:<{width}}  {figures}")
        self.stdout.write("\nconfusion (rows: true, columns: predicted, in the same order)")
        for label, cells in zip(quality.labels, quality.confusion, strict=True):
            self.stdout.write(f"{label:<{width}}  " + " ".join(f"{cell:5d}" for cell in cells))
