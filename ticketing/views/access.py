"""Who may open the desk, and the ticket behind an address."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from teams.api.actors import actor_of
from ticketing.models import Ticket
from ticketing.selectors.desk import may_use_desk

View = Callable[..., HttpResponseBase]


def staff_page(view: View) -> View:
    """Staff see the page, others are told that nothing is there; nobody logged in goes to the log-in."""

    @login_required
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_use_desk(actor_of(request)):
            raise Http404
        return view(request, *args, **kwargs)

    return wrapped


def lead_page(view: View) -> View:
    """Leads and administrators see the page, others are told that nothing is there."""

    @login_required
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not actor_of(request).is_lead:
            raise Http404
        return view(request, *args, **kwargs)

    return wrapped


def ticket_or_404(request: HttpRequest, uuid: UUID) -> Ticket:
    """The ticket, if the actor may see it."""
    rows = Ticket.objects.visible_to(actor_of(request)).select_related(
        "client", "requester", "team", "assignee"
    )
    ticket: Ticket | None = rows.filter(uuid=uuid).first()
    if ticket is None:
        raise Http404
    return ticket


def query_of(request: HttpRequest) -> str:
    """The view a page was reached from, as the end of an address."""
    query = request.GET.urlencode()
    return f"?{query}" if query else ""
