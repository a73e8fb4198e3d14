"""Labelled texts from a file: CSV or JSON lines (C25)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from classifier.engine.paired import Labelled
from classifier.services.examples import hash_of
from common.exceptions import ValidationFailed
from ticketing.models import Category, Taxonomy

LINES: Final = frozenset({".jsonl", ".ndjson"})
_MAX_FIELD: Final = 10_000_000
_NAMED: Final = 10
_SHOWN: Final = 60


def labelled_read(*, taxonomy: Taxonomy, path: Path, text_column: str, label_column: str) -> list[Labelled]:
    """The rows of a CSV or JSON lines file that have a text and a label, the labels as slugs.

    Raises ValidationFailed for a file that cannot be read or has no such row, a missing column, or a label
    that is no category.
    """
    names = dict(Category.objects.filter(taxonomy=taxonomy).values_list("slug", "name"))
    slugs = {name.casefold(): slug for slug, name in names.items()} | {slug: slug for slug in names}
    cases: list[Labelled] = []
    unknown: set[str] = set()
    for text, label in _pairs(path, text_column, label_column):
        found = slugs.get(label.casefold())
        if found is None:
            unknown.add(label)
        else:
            cases.append(Labelled(hash_of(text), text, found))
    if unknown:
        named = ", ".join(label[:_SHOWN] for label in sorted(unknown)[:_NAMED])
        raise ValidationFailed(f"The file has labels that are no category of {taxonomy.slug}: {named}.")
    if not cases:
        raise ValidationFailed(f"{path.name} has no row with a text and a label.")
    return cases


def _pairs(path: Path, text_column: str, label_column: str) -> Iterator[tuple[str, str]]:
    """Text and label of every row that has both; a problem names its line."""
    try:
        for number, row in _rows(path):
            if not isinstance(row, dict) or text_column not in row or label_column not in row:
                raise ValidationFailed(
                    f"{path.name}, row {number}, has no column {text_column!r} or {label_column!r}."
                )
            text, label = str(row[text_column] or "").strip(), str(row[label_column] or "").strip()
            if text and label:
                yield text, label
    except RecursionError as error:
        raise ValidationFailed(f"{path.name} cannot be read: it is nested too deeply.") from error
    except (OSError, ValueError, csv.Error) as error:
        # ValueError: no UTF-8, no JSON, or a number of thousands of digits.
        raise ValidationFailed(f"{path.name} cannot be read: {error}.") from error


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    """Rows with their number, by the file's ending."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        if path.suffix.lower() in LINES:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield number, json.loads(line)
        elif path.suffix.lower() == ".csv":
            csv.field_size_limit(_MAX_FIELD)
            yield from enumerate(csv.DictReader(stream), start=1)
        else:
            raise ValidationFailed(f"{path.name} is neither .csv nor .jsonl.")
