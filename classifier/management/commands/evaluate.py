"""Judge an engine on labelled texts."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from classifier.selectors.prompts import prompt_named
from classifier.services.evaluation import ENGINES, Report, evaluate_examples, evaluate_file
from classifier.services.evaluation_asking import Payer, Spending
from classifier.services.evaluation_records import evaluation_record
from common.actors import system_actor
from common.exceptions import ApplicationError
from teams.models import Client
from ticketing.models import Taxonomy

_LONGEST_PATIENCE = 3600
_BOUNDS = f"--limit is 1 or more, --patience between 0 and {_LONGEST_PATIENCE} seconds."
_NOBODY_ASKED = (
    "No language model is asked, so --prompt, --budget, --limit and --patience say nothing: name --client "
    "and --engine llm or cascade, without --without-llm."
)
BELOW = 1
"""Exit code when accuracy stays under ``--fail-under``."""


def _dollars(text: str) -> Decimal:
    """An amount that is not negative. Raises ArgumentTypeError."""
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise ArgumentTypeError(f"{text!r} is no amount of dollars.") from error
    if not amount.is_finite() or amount < 0:
        raise ArgumentTypeError("A budget is not negative.")
    return amount


class Command(BaseCommand):
    """``manage.py evaluate``."""

    help = (
        "Accuracy, F1, calibration, coverage, latency and cost of an engine or of the cascade. A language "
        "model is asked only with --client, in that client's name and from its budget."
    )

    def add_arguments(self, parser: Any) -> None:
        """Options."""
        parser.add_argument("--taxonomy", default="it_support", help="Slug of the taxonomy.")
        parser.add_argument(
            "--client",
            default="",
            help="Slug of the client in whose name language models are asked; its own taxonomy goes first.",
        )
        parser.add_argument("--engine", choices=ENGINES, default="local")
        parser.add_argument(
            "--without-llm", action="store_true", help="The cascade of a client without its language models."
        )
        parser.add_argument(
            "--prompt",
            default="",
            help="Prompt version by name or full version; 'shipped' for this release's.",
        )
        parser.add_argument("--budget", type=_dollars, help="Dollars this evaluation may cost at most.")
        parser.add_argument("--limit", type=int, help="Texts asked about at most, where models are asked.")
        parser.add_argument(
            "--patience", type=float, default=0.0, help="Seconds to wait where a model wants a pause."
        )
        parser.add_argument(
            "--file", type=Path, help="CSV or JSON lines; without it, the database's examples."
        )
        parser.add_argument("--text-column", default="text", help="Where a file holds the text.")
        parser.add_argument("--label-column", default="category", help="Where a file holds the label.")
        parser.add_argument(
            "--fail-under",
            type=float,
            help="Exit with 1 when accuracy is lower, in [0, 1]; failures of a model count as wrong.",
        )
        parser.add_argument("--record", action="store_true", help="Keep the figures for the back office.")
        parser.add_argument("--json", action="store_true", help="Print everything measured as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure and print; an exit code for pipelines."""
        bound = options["fail_under"]
        if bound is not None and not 0.0 <= bound <= 1.0:
            raise CommandError("--fail-under is a share between 0 and 1.", returncode=2)
        try:
            client = self._client(options["client"])
            taxonomy = self._taxonomy(options["taxonomy"], client)
            report = self._report(options, taxonomy, client)
            if options["record"]:
                actor = system_actor("manage.py evaluate")
                evaluation_record(taxonomy=taxonomy, client=client, report=report, actor=actor)
        except ApplicationError as error:
            raise CommandError(error.sentence, returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.to_json(), indent=2))
        else:
            self._print(report)
        if bound is not None:
            self._check(report, bound)

    def _check(self, report: Report, bound: float) -> None:
        """A gate is not passed by failing: texts on which the models failed count as wrong here."""
        quality, failed = report.evaluation.quality, 0
        if report.spending is not None:
            failed = sum(report.spending.failures.values())
            if report.spending.stopped:
                reason = f"The evaluation stopped early ({report.spending.stopped}), so it shows nothing."
                raise CommandError(reason, returncode=BELOW)
        accuracy = quality.accuracy * quality.examples / (quality.examples + failed)
        if accuracy < bound:
            besides = f", with {failed} failures counted as wrong" if failed else ""
            raise CommandError(f"Accuracy {accuracy:.4f} is below {bound:g}{besides}.", returncode=BELOW)

    def _report(self, options: dict[str, Any], taxonomy: Taxonomy, client: Client | None) -> Report:
        payer = self._payer(client, options)
        if options["file"] is None:
            return evaluate_examples(taxonomy=taxonomy, engine=options["engine"], payer=payer)
        return evaluate_file(
            taxonomy=taxonomy,
            engine=options["engine"],
            path=options["file"],
            text_column=options["text_column"],
            label_column=options["label_column"],
            payer=payer,
        )

    def _client(self, slug: str) -> Client | None:
        client = Client.objects.filter(slug=slug).first() if slug else None
        if slug and client is None:
            raise CommandError(f"There is no client {slug!r}.", returncode=2)
        return client

    def _taxonomy(self, slug: str, client: Client | None) -> Taxonomy:
        """The client's own of this name, else the shared one."""
        rows = {row.client_id: row for row in Taxonomy.objects.filter(slug=slug)}
        taxonomy = rows.get(client.pk if client else None) or rows.get(None)
        if taxonomy is None:
            raise CommandError(f"There is no taxonomy {slug!r}.", returncode=2)
        return taxonomy

    def _payer(self, client: Client | None, options: dict[str, Any]) -> Payer | None:
        """Who pays for language models, where any is asked. Raises NotFound for an unknown prompt."""
        asks = options["engine"] in {"llm", "cascade"} and not options["without_llm"]
        name, limit, patience = options["prompt"], options["limit"], options["patience"]
        if options["engine"] == "llm" and options["without_llm"]:
            raise CommandError("--engine llm and --without-llm exclude each other.", returncode=2)
        if not asks or client is None:
            if name or limit is not None or options["budget"] is not None or patience:
                raise CommandError(_NOBODY_ASKED, returncode=2)
            return None
        if (limit is not None and limit < 1) or not 0 <= patience <= _LONGEST_PATIENCE:
            raise CommandError(_BOUNDS, returncode=2)
        return Payer(
            client=client,
            prompt=prompt_named(client_id=client.pk, name=name) if name else None,
            budget=options["budget"],
            limit=limit,
            patience_seconds=patience,
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
            f"{latency.texts_per_second:,.1f} texts/s"
        )
        if report.spending is not None:
            self._print_spending(report.spending)
        self._print_tables(report)

    def _print_spending(self, spent: Spending) -> None:
        """What asking language models took, and what is not among the figures."""
        write = self.stdout.write
        each = f" (${spent.cost / spent.texts:.6f} a text)" if spent.texts else ""
        write(
            f"language models: {spent.calls} calls about {spent.texts} texts, {spent.tokens_in} tokens in, "
            f"{spent.tokens_out} out, ${spent.cost:.4f}{each}"
        )
        if spent.unsettled:
            write(f"calls that timed out may have cost ${spent.unsettled:.4f} besides")
        for kind, count in sorted(spent.failures.items()):
            write(f"not counted: {count} texts, the model failed with {kind}")
        if spent.kept_home:
            write(f"not asked about: {spent.kept_home} texts of categories that stay in the house")
        if spent.stopped:
            write(f"stopped early: {spent.stopped}; {spent.not_reached} texts were not reached")

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
