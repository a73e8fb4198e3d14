"""CSV: the export of a web form, a sheet of names and values, or monitoring rows with a comment."""

from __future__ import annotations

import csv
import io

from ingest.samples.model import Sample, Table


def render_csv(sample: Sample) -> bytes:
    """Rows when the sample carries a table, otherwise a form or a sheet as its style says."""
    if sample.table is not None:
        return _written(_monitoring_rows(sample, sample.table), delimiter=",")
    if sample.style == "sheet":
        # Spreadsheets with a continental locale export semicolons and a byte order mark.
        return b"\xef\xbb\xbf" + _written([["Field", "Value"], *_pairs(sample)], delimiter=";")
    pairs = _pairs(sample)
    return _written([[name for name, _ in pairs], [value for _, value in pairs]], delimiter=",")


def _pairs(sample: Sample) -> list[list[str]]:
    return [
        ["Submitted at", f"{sample.reported:%Y-%m-%d %H:%M}"],
        ["Name", sample.requester.name],
        ["E-mail", sample.requester.email],
        ["Department", sample.requester.department],
        ["Subject", sample.subject],
        ["Description", sample.body],
        *([name, value] for name, value in sample.fields.items()),
    ]


def _monitoring_rows(sample: Sample, table: Table) -> list[list[str]]:
    """The person's words stand in extra columns of the first row, where people add them."""
    words = [sample.subject, sample.body, sample.requester.name, sample.requester.email]
    rows = [[*table.columns, "subject", "comment", "reported by", "e-mail"]]
    for number, row in enumerate(table.rows):
        rows.append([*row, *(words if number == 0 else [""] * len(words))])
    return rows


def _written(rows: list[list[str]], *, delimiter: str) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode()
