"""Write the 140 labelled sample tickets as files, with a manifest of their labels (C28)."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from ingest.samples.samples import write_samples


class Command(BaseCommand):
    """`manage.py write_samples FOLDER`."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to."""
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Write and say how many."""
        manifest = write_samples(options["folder"])
        self.stdout.write(f"{len(manifest.entries)} files and {manifest.path.name} are in {manifest.folder}.")
