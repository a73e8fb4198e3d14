"""Tickets as rows of a table, for export (T12)."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, Final

from openpyxl import Workbook

from common.spreadsheets import cell_text
from ticketing.models import Ticket
from ticketing.querysets import TicketQuerySet

_CHUNK: Final = 500
_COLUMNS: Final[dict[str, Callable[[Ticket], Any]]] = {
    "Reference": lambda row: row.reference,
    "Subject": lambda row: row.subject,
    "Status": lambda row: row.get_status_display(),
    "Category": lambda row: row.category.name if row.category else "",
    "Severity": lambda row: row.get_severity_display(),
    "Priority": lambda row: row.get_priority_display(),
    "Team": lambda row: row.team.name if row.team else "",
    "Assignee": lambda row: row.assignee.display_name if row.assignee else "",
    "Requester": lambda row: str(row.requester),
    "E-mail": lambda row: row.requester.email,
    "Client": lambda row: row.client.name,
    "Project": lambda row: row.project.name if row.project else "",
    "Channel": lambda row: row.get_channel_display(),
    "Tags": lambda row: [tag.name for tag in row.tags.all()],
    "Needs review": lambda row: "yes" if row.needs_review else "no",
    "Created": lambda row: row.created_at,
    "Changed": lambda row: row.updated_at,
    "First response": lambda row: row.first_response_at,
    "Resolved": lambda row: row.resolved_at,
    "Due": lambda row: row.next_due_at,
}


def table_rows(tickets: TicketQuerySet) -> Iterator[list[str]]:
    """The head and one row a ticket, read in chunks; every cell is neutralised."""
    yield list(_COLUMNS)
    for ticket in tickets.for_list().iterator(chunk_size=_CHUNK):
        yield [cell_text(read(ticket)) for read in _COLUMNS.values()]


class _Line:
    """Gives back what it is given to write, so that a row is sent as soon as it is made."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: Iterable[list[str]]) -> Iterator[str]:
    """The rows as lines of CSV; the mark at the start tells spreadsheets that it is UTF-8."""
    writer = csv.writer(_Line())
    yield "\ufeff"
    for row in rows:
        yield writer.writerow(row)


def xlsx_file(rows: Iterable[list[str]]) -> IO[bytes]:
    """The rows as a workbook in a temporary file, written row by row; every cell is text."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Tickets")
    for row in rows:
        sheet.append(row)
    file = tempfile.TemporaryFile()  # noqa: SIM115  the response closes it
    book.save(file)
    file.seek(0)
    return file
