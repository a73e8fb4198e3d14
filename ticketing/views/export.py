"""The filtered list as a file (T12)."""

from __future__ import annotations

from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from common.exceptions import NotFound
from teams.api.actors import actor_of
from ticketing.choices import ExportFormat
from ticketing.selectors import desk
from ticketing.services.export import CONTENT_TYPES, tickets_export
from ticketing.views.access import staff_page


@require_safe
@staff_page
def export(request: HttpRequest) -> StreamingHttpResponse:
    """Every ticket of the view that the person may see; the filters are those of the list."""
    actor, now = actor_of(request), timezone.now()
    kind = request.GET.get("format") or ExportFormat.CSV.value
    if kind not in CONTENT_TYPES:
        raise NotFound(_("There is no such format."))
    wanted = desk.filter_read(request.GET, desk.filter_choices(actor))
    tickets = desk.tickets_filter(actor, wanted, now=now)
    response = StreamingHttpResponse(
        tickets_export(tickets=tickets, format=kind, actor=actor, filters=wanted.query),
        content_type=CONTENT_TYPES[kind],
    )
    response["Content-Disposition"] = f'attachment; filename="tickets-{now:%Y-%m-%d}.{kind}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
