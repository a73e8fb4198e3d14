"""What a sample ticket is made of, and the vocabulary its labels come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

CATEGORIES = (
    "hardware",
    "software",
    "network",
    "security",
    "database",
    "application",
    "infrastructure",
)
SEVERITIES = ("critical", "high", "medium", "low")
FILE_TYPES = ("pdf", "docx", "txt", "log", "csv", "json", "xml")


@dataclass(frozen=True, slots=True)
class Person:
    """An invented requester."""

    name: str
    email: str
    department: str
    site: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that a document shows as a table and a CSV export as its lines."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled ticket. The labels never appear in the file that is written from it."""

    id: int
    slug: str
    category: str
    severity: str
    file_type: str
    subject: str
    body: str
    requester: Person
    reported: datetime
    fields: Mapping[str, str] = field(default_factory=dict)
    table: Table | None = None
    log: str = ""
    style: str = "form"
    encoding: str = "utf-8"
    note_last: bool = False
    tricky: bool = False

    @property
    def file_name(self) -> str:
        """The name of the written file, `it-0003-vpn-drops.txt`."""
        return f"it-{self.id:04d}-{self.slug}.{self.file_type}"

    @property
    def paragraphs(self) -> list[str]:
        """The body split at its blank lines."""
        return [part.strip() for part in self.body.split("\n\n")]

    @property
    def text(self) -> str:
        """All that the sender wrote or attached, without the form's own labels."""
        cells = [] if self.table is None else [" ".join(row) for row in self.table.rows]
        return "\n".join([self.subject, self.body, *cells, self.log]).strip()
