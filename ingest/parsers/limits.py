"""The limits a parse runs under. Every number has a unit in its name or comment."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseLimits:
    """What one file may cost. The child process and the parsers enforce it together."""

    input_bytes: int = 25 * MEBIBYTE
    pages: int = 1_000
    characters_out: int = 10_000_000
    hidden_characters_out: int = 100_000
    segments_out: int = 200_000
    cpu_seconds: int = 10
    wall_seconds: float = 20.0
    memory_bytes: int = 512 * MEBIBYTE
    # A sheet of a million rows needs more than a document does (FACTS 20).
    spreadsheet_memory_bytes: int = 1_280 * MEBIBYTE
    unpacked_bytes: int = 200 * MEBIBYTE
    archive_entries: int = 5_000
    compression_ratio: int = 250
    nesting_depth: int = 200
    mail_parts: int = 300
    mail_depth: int = 20
    sheet_cells: int = 20_000_000
    table_rows: int = 200_000

    def memory_for(self, extension: str) -> int:
        """Return the address-space limit for a file with this extension."""
        return self.spreadsheet_memory_bytes if extension == "xlsx" else self.memory_bytes

    @property
    def reply_bytes(self) -> int:
        """Return the most a child may answer: four bytes a character, plus the segments."""
        return 4 * (self.characters_out + self.hidden_characters_out) + 200 * self.segments_out + MEBIBYTE

    def to_dict(self) -> dict[str, Any]:
        """Return the limits as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build limits from what `to_dict` returned."""
        return cls(**values)


DEFAULT_LIMITS = ParseLimits()
