"""What a parse returns: `ParsedFile` with its segments and features, or a `ParseError`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self


class Code(StrEnum):
    """Stable reasons for refusing a file. API answers and logs carry them."""

    UNSUPPORTED_TYPE = "unsupported_type"
    TYPE_MISMATCH = "type_mismatch"
    EMPTY_FILE = "empty_file"
    TOO_LARGE = "too_large"
    ENCRYPTED = "encrypted"
    CORRUPT = "corrupt"
    MACRO = "macro"
    BOMB = "bomb"
    TOO_MANY_PAGES = "too_many_pages"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    MALFORMED = "malformed"


class Warn(StrEnum):
    """Stable notes on a file that was read all the same."""

    NO_TEXT = "no_text"
    TRUNCATED = "truncated"
    SEGMENTS_TRUNCATED = "segments_truncated"
    INVISIBLE_CHARACTERS = "invisible_characters"
    HIDDEN_TEXT = "hidden_text"
    UNDECODABLE_BYTES = "undecodable_bytes"
    GUESSED_ENCODING = "guessed_encoding"
    DUPLICATE_KEYS = "duplicate_keys"
    PAGE_UNREADABLE = "page_unreadable"
    PART_UNREADABLE = "part_unreadable"
    UNEVEN_ROWS = "uneven_rows"


class ParseError(Exception):
    """A file was refused. `code` is stable; `message` is a whole sentence for people."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ParserBusy(OSError):
    """The machine gave the parser no time: this says nothing of the file, so try again later."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch `text[start:end]` of the final text and where in the file it came from.

    `unit` names what `index` (from 1) counts: page, line, row, paragraph, element, header or part.
    """

    start: int
    end: int
    unit: str
    index: int
    label: str = ""


@dataclass(slots=True)
class Features:
    """Signals for triage: how a log or message describes its failure."""

    stack_signature: str | None = None
    stack_frames: list[str] = field(default_factory=list)
    stack_count: int = 0
    exceptions: list[str] = field(default_factory=list)
    error_codes: list[str] = field(default_factory=list)
    levels: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class ParsedFile:
    """The text of one file, cleaned, with positions. All values are JSON-able."""

    kind: str
    text: str = ""
    pages: int | None = None
    segments: list[Segment] = field(default_factory=list)
    encoding: str | None = None
    title: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    features: Features = field(default_factory=Features)
    hidden_text: str = ""
    warnings: list[str] = field(default_factory=list)
    truncated: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; segments become lists, which keeps large answers small."""
        values: dict[str, Any] = {
            name: getattr(self, name) for name in self.__slots__ if name not in {"segments", "features"}
        }
        values["segments"] = [[s.start, s.end, s.unit, s.index, s.label] for s in self.segments]
        values["features"] = asdict(self.features)
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build a result from what `to_dict` returned."""
        rest = {name: value for name, value in values.items() if name not in {"segments", "features"}}
        segments = [Segment(*item) for item in values["segments"]]
        return cls(segments=segments, features=Features(**values["features"]), **rest)
