"""Log files: the lines with their levels, and where stack traces lie."""

from __future__ import annotations

from dataclasses import replace

from ingest.parsers.features import extract_features, frame_of, level_of
from ingest.parsers.limits import ParseLimits
from ingest.parsers.result import ParsedFile, Segment
from ingest.parsers.text import decode, fill_lines


def parse(data: bytes, limits: ParseLimits) -> ParsedFile:
    """Read a .log file; each segment is a line, labelled with its level or as a stack frame."""
    result = ParsedFile(kind="log")
    fill_lines(result, decode(data, result), limits)
    result.segments = [_labelled(result.text, segment) for segment in result.segments]
    result.features = extract_features(result.text)
    result.title = _headline(result)
    result.metadata = {"lines": result.text.count("\n") + 1 if result.text else 0}
    return result


def _labelled(text: str, segment: Segment) -> Segment:
    line = text[segment.start : min(segment.end, segment.start + 1_000)]
    label = level_of(line)
    if label is None and frame_of(line) is not None:
        label = "stack"
    return replace(segment, label=label) if label else segment


def _headline(result: ParsedFile) -> str | None:
    """Return the first line that reports a failure, or the first line at all."""
    for segment in result.segments:
        if segment.label in {"CRITICAL", "ERROR"}:
            return result.text[segment.start : segment.end].strip()[:200]
    first = result.segments[0] if result.segments else None
    return result.text[first.start : first.end].strip()[:200] if first else None
