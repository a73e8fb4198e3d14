"""The house keeps its direction: relations, imports and sizes (ARCHITECTURE, STYLE 14 and 22)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.test import SimpleTestCase

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[1]
LEVEL = {"common": 0, "teams": 1, "ticketing": 2, "classifier": 3, "sla": 3, "ingest": 4, "config": 5}
APPS = tuple(LEVEL)
HARD_STOP = 80
"""Lines of a function; the aim is forty."""

LATE_IMPORTS = {"apps.py"}
"""``ready()`` imports what needs loaded models; nothing else may import late."""


def sources() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the apps but migrations and tests."""
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts and "tests" not in path.parts:
                yield path, ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions and methods."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


class RelationTests(SimpleTestCase):
    """import-linter does not see relations that are named by strings."""

    def test_no_relation_points_up_or_sideways(self) -> None:
        """A row may refer to its own app and to lower ones."""
        wrong = []
        for model in apps.get_models():
            own = model._meta.app_label
            if own not in LEVEL:
                continue
            for field in model._meta.get_fields():
                other = getattr(field.related_model, "_meta", None) if field.is_relation else None
                if other is None or field.auto_created or other.app_label not in LEVEL:
                    continue
                if other.app_label != own and LEVEL[other.app_label] >= LEVEL[own]:
                    wrong.append(f"{model._meta.label}.{field.name} → {other.label}")
        self.assertEqual(wrong, [])

    def test_the_lowest_layer_owns_no_table(self) -> None:
        """``common`` holds abstract models only."""
        self.assertEqual([m for m in apps.get_models() if m._meta.app_label == "common"], [])


class SourceTests(SimpleTestCase):
    """What a linter does not say."""

    def test_no_function_imports_late(self) -> None:
        """A function-level import would get around the contracts."""
        late = [
            f"{path.relative_to(ROOT)}:{node.lineno}"
            for path, tree in sources()
            if path.name not in LATE_IMPORTS
            for function in functions(tree)
            for node in ast.walk(function)
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        self.assertEqual(late, [])

    def test_no_function_is_too_long(self) -> None:
        """STYLE 14: a hard stop at eighty lines."""
        long = [
            f"{path.relative_to(ROOT)}:{function.name}"
            for path, tree in sources()
            for function in functions(tree)
            if (function.end_lineno or 0) - function.lineno >= HARD_STOP
        ]
        self.assertEqual(long, [])

    def test_nothing_is_left_to_do(self) -> None:
        """No unfinished mark in the code."""
        marks = ("TO" + "DO", "FIX" + "ME", "X" + "XX")
        found = [
            f"{path.relative_to(ROOT)}"
            for path, _ in sources()
            if any(mark in path.read_text(encoding="utf-8") for mark in marks)
        ]
        self.assertEqual(found, [])

    def test_plain_rooms_have_no_django(self) -> None:
        """Engines, calendar and parsers can be read and tested alone."""
        rooms = (
            "classifier/engine",
            "classifier/llm",
            "teams/calendar.py",
            "ingest/parsers",
            "ingest/samples",
        )
        wrong = []
        for path, tree in sources():
            name = str(path.relative_to(ROOT))
            if not name.startswith(rooms):
                continue
            for node in ast.walk(tree):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                wrong += [f"{name}: {it}" for it in names if it.split(".")[0] in {"django", "celery"}]
        self.assertEqual(wrong, [])
