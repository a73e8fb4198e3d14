"""``manage.py repair_search``: mend the full-text index."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ticketing.services.search import search_index_rebuild, search_repair


class Command(BaseCommand):
    """Compares every ticket with what search knows of it and writes what is missing or different."""

    help = "Write search documents that are missing or stale, and build SQLite's index anew."

    def handle(self, *args: Any, **options: Any) -> None:
        """Say how many documents were written."""
        repaired, looked_at = search_repair()
        search_index_rebuild()
        self.stdout.write(f"{repaired} of {looked_at} search documents written.")
