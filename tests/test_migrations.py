"""Migrations are complete, named for meaning, and run from nothing (STYLE 18)."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import TestCase, TransactionTestCase

ROOT = Path(__file__).resolve().parents[1]
APPS = ("teams", "ticketing", "classifier", "sla", "ingest")
AUTOMATIC = re.compile(r"_auto_|_alter_|_add_field|\d{8}_\d{4}")


class MigrationTests(TestCase):
    """The files."""

    def test_nothing_is_missing(self) -> None:
        """Models and migrations agree."""
        call_command("makemigrations", "--check", "--dry-run", stdout=StringIO())

    def test_every_migration_has_a_meaning(self) -> None:
        """Generated names are replaced."""
        names = [path.name for app in APPS for path in (ROOT / app / "migrations").glob("0*.py")]
        self.assertEqual([name for name in names if AUTOMATIC.search(name)], [])

    def test_migrations_import_no_app_code(self) -> None:
        """What runs in five years must not depend on today's services."""
        wrong = []
        for app in APPS:
            for path in (ROOT / app / "migrations").glob("0*.py"):
                text = path.read_text(encoding="utf-8")
                if re.search(r"^from \w+\.(services|selectors|engine|tasks)", text, re.MULTILINE):
                    wrong.append(path.name)
        self.assertEqual(wrong, [])


@pytest.mark.timeout(480)  # every table of five apps goes and comes back
class BackAndForthTests(TransactionTestCase):
    """The operations."""

    def test_the_search_index_can_be_taken_back_and_made_again(self) -> None:
        """Data-bearing migrations are reversible."""
        MigrationExecutor(connection).migrate([("ticketing", "0001_initial")])
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
        again = MigrationExecutor(connection)
        self.assertEqual(again.migration_plan(again.loader.graph.leaf_nodes()), [])
