"""Print what triage made of the demo's samples and of the held-out tickets, measured now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from ingest.services.demo_summary import held_out_figures, sample_figures, summary_lines
from ingest.services.demo_tickets import sample_entries


class Command(BaseCommand):
    """`manage.py demo_summary`."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure and print."""
        samples = sample_figures(entries=sample_entries(folder=Path(settings.VAR_DIR) / "samples"))
        held_out = held_out_figures(path=Path(settings.BASE_DIR) / "bench/heldout/it_support.yaml")
        for line in summary_lines(samples=samples, held_out=held_out):
            self.stdout.write(line)
