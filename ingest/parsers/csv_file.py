"""CSV and TSV: dialect, header, and each record as one line of text."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator

from ingest.parsers.clean import TextBuilder, add_warning, one_line
from ingest.parsers.features import extract_features
from ingest.parsers.limits import ParseLimits
from ingest.parsers.result import Code, ParsedFile, ParseError, Warn
from ingest.parsers.text import decode

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 50
_SAMPLE_CHARACTERS = 65_536
_FIELD_CHARACTERS = 1_000_000
_HEADER_COLUMNS = 500
JOINER = " | "


def parse(data: bytes, limits: ParseLimits) -> ParsedFile:
    """Read a CSV file; record n becomes one line `a | b | c` and the segment row n."""
    result = ParsedFile(kind="csv")
    text = decode(data, result).replace("\x00", "")
    delimiter = sniff_delimiter(text)
    builder = TextBuilder(result, limits)
    widths: Counter[int] = Counter()
    header: list[str] | None = None
    rows = 0
    for number, record in enumerate(read_records(text, delimiter), start=1):
        rows = number
        if header is None and any(cell.strip() for cell in record):
            header = [one_line(cell)[:200] for cell in record[:_HEADER_COLUMNS]]
        widths[len(record)] += 1
        label = "header" if header is not None and sum(widths.values()) == 1 else ""
        if not builder.add(join_cells(record), unit="row", index=number, label=label):
            break
    if len(widths) > 1:
        add_warning(result.warnings, Warn.UNEVEN_ROWS)
    result.metadata = {
        "delimiter": delimiter,
        "header": header or [],
        "rows": rows,
        "columns": max(widths, default=0),
    }
    builder.finish()
    result.features = extract_features(result.text)
    return result


def read_records(text: str, delimiter: str) -> Iterator[list[str]]:
    """Yield the records of CSV text; a stray quote or an endless field is malformed."""
    csv.field_size_limit(_FIELD_CHARACTERS)
    # newline="" keeps line breaks inside quoted cells as they are.
    source = io.StringIO(text.removeprefix("\ufeff"), newline="")
    try:
        yield from csv.reader(source, delimiter=delimiter)
    except csv.Error as error:
        raise ParseError(Code.MALFORMED, f"The CSV file cannot be read: {error}.") from error


def sniff_delimiter(text: str) -> str:
    """Return the delimiter that splits the first lines most evenly.

    The standard sniffer is not used: its regular expressions go quadratic on long quoted fields.
    """
    sample = text[:_SAMPLE_CHARACTERS]
    best, best_score = ",", 0.0
    for delimiter in _DELIMITERS:
        widths = _sample_widths(sample, delimiter)
        common, times = Counter(widths).most_common(1)[0] if widths else (1, 0)
        score = times / max(len(widths), 1) * (1 + min(common, 50) / 100) if common > 1 else 0.0
        if score > best_score:
            best, best_score = delimiter, score
    return best


def join_cells(cells: list[str]) -> str:
    """Return the cells of a record as one line, or nothing where all are blank."""
    texts = [one_line(cell) if "\n" in cell or "\r" in cell else cell.strip() for cell in cells]
    return JOINER.join(texts) if any(texts) else ""


def _sample_widths(sample: str, delimiter: str) -> list[int]:
    widths = []
    try:
        for record in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            if record:
                widths.append(len(record))
            if len(widths) >= _SAMPLE_LINES:
                break
    except csv.Error:
        return widths
    return widths
