"""Handing a list of tickets out as CSV or Excel: checked, recorded, row by row (T12)."""

from __future__ import annotations

import codecs
import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from common.actors import Actor, Deed
from common.exceptions import NotAllowed, ValidationFailed
from ticketing.choices import ExportFormat
from ticketing.models import Ticket, TicketExport

CONTENT_TYPES = {
    ExportFormat.CSV.value: "text/csv; charset=utf-8",
    ExportFormat.XLSX.value: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_CHUNK = 500
_SHEET_ROWS = 1_000_000
_CELL_CHARACTERS = 32_767
_BYTES = 65_536
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Column = tuple[str, Callable[[Ticket], str]]


def _time(value: datetime | None) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if value else ""


COLUMNS: tuple[Column, ...] = (
    ("Reference", lambda t: t.reference),
    ("Subject", lambda t: t.subject),
    ("Status", lambda t: t.status),
    ("Category", lambda t: t.category.slug if t.category else ""),
    ("Severity", lambda t: t.severity),
    ("Priority", lambda t: t.priority),
    ("Sentiment", lambda t: t.sentiment),
    ("Root cause", lambda t: t.root_cause),
    ("Language", lambda t: t.language),
    ("Team", lambda t: t.team.slug if t.team else ""),
    ("Assignee", lambda t: t.assignee.username if t.assignee else ""),
    ("Requester", lambda t: t.requester.name),
    ("Requester e-mail", lambda t: t.requester.email),
    ("Client", lambda t: t.client.slug),
    ("Project", lambda t: t.project.slug if t.project else ""),
    ("Channel", lambda t: t.channel),
    ("Tags", lambda t: ", ".join(tag.name for tag in t.tags.all())),
    ("Needs review", lambda t: "yes" if t.needs_review else "no"),
    ("Created (UTC)", lambda t: _time(t.created_at)),
    ("Updated (UTC)", lambda t: _time(t.updated_at)),
    ("First response (UTC)", lambda t: _time(t.first_response_at)),
    ("Resolved (UTC)", lambda t: _time(t.resolved_at)),
    ("Closed (UTC)", lambda t: _time(t.closed_at)),
    ("Due (UTC)", lambda t: _time(t.next_due_at)),
    ("Summary", lambda t: t.summary),
    ("Text", lambda t: t.body),
)


def safe_cell(text: str) -> str:
    """A text no spreadsheet takes for a formula: a quote goes before what could begin one.

    The full-width signs count as well, because Excel folds them.
    """
    return "'" + text if text.startswith(_FORMULA) else text


def tickets_export(
    *, tickets: QuerySet[Ticket], format: str, actor: Actor, filters: str = ""
) -> Iterator[bytes]:
    """The tickets of a queryset as the bytes of a CSV or XLSX file, one chunk of rows at a time.

    The caller limits ``tickets`` to what the actor may see; memory does not grow with their number. A record
    of who took what is kept before the first byte and completed after the last. Raises NotAllowed without
    the permission and ValidationFailed for an unknown format, both before anything is sent.
    """
    if not actor.may(Deed.EXPORT):
        raise NotAllowed(gettext("You may not export tickets."))
    if format not in ExportFormat.values:
        raise ValidationFailed(fields={"format": [gettext("Choose CSV or Excel.")]})
    record = TicketExport.objects.create(
        actor_kind=actor.kind.value,
        actor_id=actor.id[:64],
        actor_label=actor.label[:200],
        format=format,
        filters=filters[:2000],
    )
    rows = _rows(tickets, record)
    return _csv(rows) if format == ExportFormat.CSV else _xlsx(rows)


def _rows(tickets: QuerySet[Ticket], record: TicketExport) -> Iterator[list[str]]:
    """Head and rows as safe texts; the record follows how far the download came."""
    yield [title for title, _ in COLUMNS]
    sent = 0
    for ticket in tickets.for_list().iterator(chunk_size=_CHUNK):  # type: ignore[attr-defined]
        yield [safe_cell(read(ticket)) for _, read in COLUMNS]
        sent += 1
        if sent % _CHUNK == 0:
            TicketExport.objects.filter(pk=record.pk).update(rows=sent)
    TicketExport.objects.filter(pk=record.pk).update(rows=sent, finished_at=timezone.now())


def _csv(rows: Iterable[list[str]]) -> Iterator[bytes]:
    """UTF-8 with the mark that tells Excel so."""
    yield codecs.BOM_UTF8
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    for row in rows:
        writer.writerow(row)
        if buffer.tell() >= _BYTES:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "replace")


def _xlsx(rows: Iterable[list[str]]) -> Iterator[bytes]:
    """A workbook is complete only at its end: it is written to disk, then sent."""
    book = Workbook(write_only=True)
    sheet, head, filled = book.create_sheet("Tickets"), None, 0
    for row in rows:
        cells = [ILLEGAL_CHARACTERS_RE.sub("", text)[:_CELL_CHARACTERS] for text in row]
        head = head or cells
        if filled == _SHEET_ROWS:
            sheet, filled = book.create_sheet(f"Tickets {len(book.worksheets) + 1}"), 1
            sheet.append(head)
        sheet.append(cells)
        filled += 1
    with tempfile.TemporaryFile() as stored:
        book.save(stored)
        stored.seek(0)
        while block := stored.read(_BYTES):
            yield block
