"""Excel workbooks through calamine, after a look at how large each sheet claims to be."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
import zlib
from collections.abc import Iterator

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from ingest.parsers.clean import TextBuilder, one_line
from ingest.parsers.containers import add_core_properties, open_document
from ingest.parsers.csv_file import JOINER
from ingest.parsers.features import extract_features
from ingest.parsers.limits import ParseLimits
from ingest.parsers.result import Code, ParsedFile, ParseError

_SHEET_PART = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_CELL = re.compile(rb"<(?:\w{1,20}:)?c\s(?:[a-z]{1,20}=\"[^\"]{0,40}\"\s){0,4}r=\"([A-Z]{1,3})(\d{1,7})\"")
_CHUNK = 1_048_576
_DENSE_ENOUGH = 100_000


def parse(data: bytes, limits: ParseLimits) -> ParsedFile:
    """Read an .xlsx file; row n of a sheet becomes one line and a segment labelled with the sheet."""
    result = ParsedFile(kind="xlsx")
    workbook = open_workbook(data, limits, result)
    builder = TextBuilder(result, limits)
    try:
        _read_workbook(workbook, result, builder)
    except CalamineError as error:
        raise ParseError(Code.CORRUPT, "The workbook is damaged and cannot be read.") from error
    builder.finish()
    result.features = extract_features(result.text)
    return result


def open_workbook(data: bytes, limits: ParseLimits, result: ParsedFile) -> CalamineWorkbook:
    """Open a workbook after a look at what it claims to hold; its properties go to `result`."""
    with open_document(data, limits, part="xl/", kind="xlsx") as archive:
        add_core_properties(archive, result)
        for name in archive.namelist():
            if _SHEET_PART.fullmatch(name.replace("\\", "/")):
                _check_extent(archive, name, limits)
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(data))
    except PasswordError as error:
        raise ParseError(Code.ENCRYPTED, "The workbook is protected with a password.") from error
    except CalamineError as error:
        raise ParseError(Code.CORRUPT, "The workbook is damaged and cannot be read.") from error


def _read_workbook(workbook: CalamineWorkbook, result: ParsedFile, builder: TextBuilder) -> None:
    sheets = []
    for meta in workbook.sheets_metadata:
        if meta.typ is not SheetTypeEnum.WorkSheet or builder.is_full:
            continue
        sheet = workbook.get_sheet_by_name(meta.name)
        hidden = meta.visible is not SheetVisibleEnum.Visible
        sheets.append({"name": meta.name, "rows": sheet.height, "columns": sheet.width, "hidden": hidden})
        # Empty rows above the data are yielded too, so the number is the one Excel shows.
        for number, row in enumerate(sheet.iter_rows(), start=1):
            texts = [one_line(cell_text(value)) for value in row]
            text = JOINER.join(texts).rstrip(" |") if any(texts) else ""
            if hidden:
                builder.add_hidden(text)
            elif text and not builder.add(text, unit="row", index=number, label=meta.name):
                break
    result.metadata["sheets"] = sheets


def cell_text(value: object) -> str:
    """Return a cell as text: times in ISO form, whole numbers without a point."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value)


def _check_extent(archive: zipfile.ZipFile, name: str, limits: ParseLimits) -> None:
    """Refuse a sheet whose cells span an area it does not fill: readers reserve the whole area."""
    rows: set[int] = set()
    columns: set[bytes] = set()
    cells = 0
    try:
        for chunk in _chunks(archive, name):
            found = _CELL.findall(chunk)
            cells += len(found)
            numbers = {int(number) for _, number in found}
            rows = {min(rows | numbers, default=1), max(rows | numbers, default=1)}
            columns |= {letters for letters, _ in found}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError) as error:
        raise ParseError(Code.CORRUPT, f"The workbook is damaged in its part {name[:100]}.") from error
    positions = [_column(letters) for letters in columns] or [1]
    area = (max(rows, default=1) - min(rows, default=1) + 1) * (max(positions) - min(positions) + 1)
    if area > limits.sheet_cells or (area > _DENSE_ENOUGH and area > 1_000 * cells):
        raise ParseError(Code.BOMB, f"A sheet claims {area} cells and fills {cells}; it was not read.")


def _chunks(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """Yield a part in pieces cut before a cell, so that no cell reference is split or counted twice."""
    rest = b""
    with archive.open(name) as stream:
        while block := stream.read(_CHUNK):
            block = rest + block
            cut = block.rfind(b"<")
            rest = block[cut:] if cut > 0 else b""
            yield block[:cut] if cut > 0 else block
    yield rest


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
