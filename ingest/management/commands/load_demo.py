"""Load the demo: accounts, models, 140 sample tickets; repeating finishes what is missing."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from ingest.services.demo import (
    NotADemo,
    Progress,
    demo_models_train,
    demo_reference_load,
    demo_tickets_open,
    demo_triage_wait,
)
from ingest.services.demo_tickets import sample_entries


class Command(BaseCommand):
    """`manage.py load_demo [--samples N] [--no-wait]`."""

    help = __doc__
    _phase = ""
    _shown = 0

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How many samples, and whether to wait for their triage."""
        parser.add_argument("--samples", type=int, default=None, help="only the first N samples")
        parser.add_argument("--wait", action=BooleanOptionalAction, default=True, help="wait for triage")
        parser.add_argument("--timeout", type=float, default=600.0, help="seconds to wait at most")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, show progress, print the summary."""
        folder = Path(settings.VAR_DIR) / "samples"
        try:
            demo_reference_load(report=self.show)
        except NotADemo as error:
            raise CommandError(error.message) from error
        demo_models_train(report=self.show)
        entries = sample_entries(folder=folder, limit=options["samples"])
        demo_tickets_open(folder=folder, entries=entries, report=self.show)
        if not options["wait"]:
            return
        if not demo_triage_wait(report=self.show, timeout_seconds=options["timeout"]):
            raise CommandError("Some tickets are not triaged yet. Is the worker running?")
        call_command("demo_summary", stdout=self.stdout)

    def show(self, progress: Progress) -> None:
        """One line that updates on a terminal; elsewhere a line a phase and a tenth."""
        line = f"{progress.phase}: {progress.done} of {progress.total}"
        finished = progress.done >= progress.total
        if self.stdout.isatty():
            self.stdout.write(f"\r\x1b[K{line}", ending="\n" if finished else "")
            self.stdout.flush()
            return
        tenth = 10 * progress.done // max(progress.total, 1)
        if progress.phase != self._phase or tenth != self._shown:
            self._phase, self._shown = progress.phase, tenth
            self.stdout.write(line)
            self.stdout.flush()
