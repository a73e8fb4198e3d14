"""Load the sample tickets from their YAML and write them as files with a manifest of their labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from ingest.samples.model import CATEGORIES, FILE_TYPES, SEVERITIES, Person, Sample, Table
from ingest.samples.render import render

CONTENT = Path(__file__).parent / "content"
MANIFEST_NAME = "manifest.json"
FORM_LABELS = frozenset(
    ["reported", "reported by", "e-mail", "department", "name", "subject", "description", "submitted at"]
)


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """The labels of one written file; `file` is its name inside the folder."""

    file: str
    category: str
    severity: str
    subject: str
    requester: dict[str, str]
    file_type: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `write_samples` wrote, in the order of the file names."""

    folder: Path
    entries: tuple[ManifestEntry, ...]

    @property
    def path(self) -> Path:
        """Where the manifest itself lies."""
        return self.folder / MANIFEST_NAME


def load_samples() -> list[Sample]:
    """Read every sample ticket, ordered by id, so that categories and file types alternate.

    Raises `ValueError` when the content is inconsistent.
    """
    people = {
        key: Person(**{name: str(value) for name, value in entry.items()})
        for key, entry in _read(CONTENT / "people.yaml").items()
    }
    samples = [
        _sample(entry, category=category, people=people)
        for category in CATEGORIES
        for entry in _read(CONTENT / f"{category}.yaml")
    ]
    samples.sort(key=lambda sample: sample.id)
    if len({sample.id for sample in samples}) != len(samples):
        raise ValueError("Two sample tickets share an id.")
    return samples


def write_samples(folder: Path) -> Manifest:
    """Write every sample as a file of its type into `folder`, and `manifest.json` with the labels.

    The same content gives the same bytes, so writing twice changes nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for sample in load_samples():
        (folder / sample.file_name).write_bytes(render(sample))
        entries.append(_entry(sample))
    manifest = Manifest(folder=folder, entries=tuple(entries))
    listing = json.dumps([asdict(entry) for entry in entries], ensure_ascii=False, indent=2)
    manifest.path.write_text(listing + "\n", encoding="utf-8")
    return manifest


def _entry(sample: Sample) -> ManifestEntry:
    return ManifestEntry(
        file=sample.file_name,
        category=sample.category,
        severity=sample.severity,
        subject=sample.subject,
        requester={"name": sample.requester.name, "email": sample.requester.email},
        file_type=sample.file_type,
    )


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _sample(entry: Mapping[str, Any], *, category: str, people: Mapping[str, Person]) -> Sample:
    plain = dict(entry)
    requester = people[plain.pop("requester")]
    reported = plain.pop("reported")
    table = plain.pop("table", None)
    fields = {str(name): str(value) for name, value in plain.pop("fields", {}).items()}
    sample = Sample(
        **plain, category=category, requester=requester, reported=reported, fields=fields, table=_table(table)
    )
    _check(sample)
    return sample


def _table(entry: Mapping[str, Any] | None) -> Table | None:
    if entry is None:
        return None
    columns = tuple(str(name) for name in entry["columns"])
    rows = tuple(tuple(str(cell) for cell in row) for row in entry["rows"])
    if any(len(row) != len(columns) for row in rows):
        raise ValueError(f"A row of the table {columns} has the wrong number of cells.")
    return Table(columns=columns, rows=rows)


def _check(sample: Sample) -> None:
    """Refuse content that no renderer could write faithfully."""
    problems = {
        "an unknown severity": sample.severity not in SEVERITIES,
        "an unknown file type": sample.file_type not in FILE_TYPES,
        "no aware time": not isinstance(sample.reported, datetime) or sample.reported.tzinfo is None,
        "a log in another file type": bool(sample.log) != (sample.file_type == "log"),
        "a table its file type cannot show": sample.table is not None
        and sample.file_type not in ("pdf", "docx", "csv"),
        "a field named like one of the form's own": any(
            name.lower() in FORM_LABELS for name in sample.fields
        ),
        "an unknown style": sample.style not in ("form", "rows", "sheet", "alert"),
    }
    found = [problem for problem, is_there in problems.items() if is_there]
    if found:
        raise ValueError(f"Sample {sample.id} has {' and '.join(found)}.")
