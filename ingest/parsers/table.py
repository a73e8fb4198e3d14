"""The rows of a CSV file or workbook, cell by cell, for imports; `sandbox.parse_table` is the way in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from ingest.parsers.csv_file import read_records, sniff_delimiter
from ingest.parsers.detect import detect
from ingest.parsers.limits import ParseLimits
from ingest.parsers.result import Code, ParsedFile, ParseError
from ingest.parsers.text import decode
from ingest.parsers.xlsx import cell_text, open_workbook

Row = tuple[int, list[str]]


@dataclass(slots=True)
class TableSource:
    """Where rows come from: `sheet` is empty for CSV. Row numbers are those a spreadsheet program shows."""

    kind: str
    sheet: str
    rows: Iterator[Row]


def read_table(data: bytes, name: str, limits: ParseLimits) -> TableSource:
    """Return the rows of a CSV file, or of the first visible sheet of a workbook that holds any.

    Blank rows are left out. Raises ParseError; reading on may raise it too.
    """
    kind = detect(name, data)
    if kind == "csv":
        text = decode(data, ParsedFile(kind="csv")).replace("\x00", "")
        return TableSource("csv", "", _records(text, limits))
    if kind == "xlsx":
        sheet, rows = _sheet(open_workbook(data, limits, ParsedFile(kind="xlsx")))
        return TableSource("xlsx", sheet, _counted(rows, limits))
    raise ParseError(Code.UNSUPPORTED_TYPE, "Send a CSV file or an Excel workbook (.xlsx).")


def _records(text: str, limits: ParseLimits) -> Iterator[Row]:
    return _counted(enumerate(read_records(text, sniff_delimiter(text)), start=1), limits)


def _sheet(workbook: CalamineWorkbook) -> tuple[str, Iterator[Row]]:
    for meta in workbook.sheets_metadata:
        if meta.typ is not SheetTypeEnum.WorkSheet or meta.visible is not SheetVisibleEnum.Visible:
            continue
        sheet = workbook.get_sheet_by_name(meta.name)
        if sheet.height:
            rows = enumerate(sheet.iter_rows(), start=1)
            return meta.name, ((number, [cell_text(value) for value in row]) for number, row in rows)
    return "", iter(())


def _counted(rows: Iterator[Row], limits: ParseLimits) -> Iterator[Row]:
    taken = 0
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        taken += 1
        if taken > limits.table_rows + 1:
            message = f"The file has more than {limits.table_rows:,} rows. Split it into several files."
            raise ParseError(Code.TOO_LARGE, message)
        yield number, cells
