"""The filtered list as a file (T12)."""

from __future__ import annotations

import structlog
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from teams.api.actors import actor_of
from ticketing.querysets import TicketQuerySet
from ticketing.selectors import desk
from ticketing.selectors.export import csv_lines, table_rows, xlsx_file
from ticketing.views.access import staff_page

logger = structlog.get_logger(__name__)
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def table_response(tickets: TicketQuerySet, *, kind: str) -> StreamingHttpResponse:
    """Tickets as a download, CSV or XLSX (``kind``), sent while they are read."""
    name = f"tickets-{timezone.now():%Y-%m-%d}"
    rows = table_rows(tickets)
    response: StreamingHttpResponse
    if kind == "xlsx":
        response = FileResponse(
            xlsx_file(rows), as_attachment=True, filename=f"{name}.xlsx", content_type=_XLSX
        )
    else:
        response = StreamingHttpResponse(csv_lines(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


@require_safe
@staff_page
def export(request: HttpRequest) -> StreamingHttpResponse:
    """Every ticket of the view that the person may see; the filters are those of the list."""
    actor = actor_of(request)
    wanted = desk.filter_read(request.GET, desk.filter_choices(actor))
    kind = "xlsx" if request.GET.get("format") == "xlsx" else "csv"
    logger.info("tickets_exported", actor=actor.id, kind=kind, query=wanted.query)
    return table_response(desk.tickets_filter(actor, wanted, now=timezone.now()), kind=kind)
