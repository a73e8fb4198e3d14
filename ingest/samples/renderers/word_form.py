"""DOCX: a filled-in request form with headings and tables."""

from __future__ import annotations

import io
import zipfile

import docx
from docx.document import Document
from docx.table import Table as DocxTable

from ingest.samples.model import Sample, Table
from ingest.samples.renderers.heading import header_fields

# The earliest moment that a ZIP entry can carry.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def render_docx(sample: Sample) -> bytes:
    """A heading, the header fields as a table, the description, and the sample's own table."""
    document = docx.Document()
    document.add_heading(sample.subject, level=1)
    _add_table(document, [[name, value] for name, value in header_fields(sample).items()])
    document.add_heading("What happened", level=2)
    for part in sample.paragraphs:
        document.add_paragraph(part)
    if sample.table is not None:
        document.add_heading("Details", level=2)
        _add_content(document, sample.table)
    _stamp(document, sample)
    out = io.BytesIO()
    document.save(out)
    return _repacked(out.getvalue())


def _add_content(document: Document, content: Table) -> None:
    table = _add_table(document, [list(content.columns), *map(list, content.rows)])
    for cell in table.rows[0].cells:
        for run in cell.paragraphs[0].runs:
            run.bold = True


def _add_table(document: Document, rows: list[list[str]]) -> DocxTable:
    table: DocxTable = document.add_table(rows=len(rows), cols=len(rows[0]), style="Table Grid")
    for row, values in zip(table.rows, rows, strict=True):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = value
    return table


def _stamp(document: Document, sample: Sample) -> None:
    """Replace the template's author and times by the sample's."""
    properties = document.core_properties
    properties.title = sample.subject
    properties.author = properties.last_modified_by = sample.requester.name
    properties.created = properties.modified = sample.reported.replace(tzinfo=None)
    properties.comments = ""


def _repacked(archive: bytes) -> bytes:
    """The same parts with a fixed time, since python-docx stamps them with the clock."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(out, "w") as target:
        for entry in source.infolist():
            fixed = zipfile.ZipInfo(entry.filename, date_time=ZIP_EPOCH)
            target.writestr(fixed, source.read(entry), compress_type=zipfile.ZIP_DEFLATED)
    return out.getvalue()
