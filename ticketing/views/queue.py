"""The desk's list and what is done to many tickets at once."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from teams.api.actors import actor_of
from ticketing.forms import BulkForm, first_problem
from ticketing.selectors import desk
from ticketing.services.desk import BulkChange, tickets_change
from ticketing.views.access import staff_page


@require_safe
@staff_page
def queue(request: HttpRequest) -> HttpResponse:
    """One page of a view with its filters."""
    actor, now, base = actor_of(request), timezone.now(), reverse("desk:queue")
    choices = desk.filter_choices(actor)
    wanted = desk.filter_read(request.GET, choices)
    rail = desk.rail_of(actor, wanted, base, now=now, choices=choices)
    number = request.GET.get("page", "1")
    tickets, total, page = desk.tickets_page(actor, wanted, base, number=number, now=now)
    context: dict[str, Any] = {
        "section": "queue",
        "view": {"name": desk.view_name(rail, wanted), "save_url": _save_url(rail, wanted)},
        "rail": rail,
        "tickets": tickets,
        "total": total,
        "page": page if total else None,
        "filters": desk.chips_of(wanted, choices, base),
        "filter_fields": desk.fields_of(wanted, choices),
        "hidden_filters": desk.hidden_of(wanted),
        "clear_url": base,
        "back": wanted.query,
        "q": wanted.q,
        "now": now,
        "soon": now + desk.SOON,
        "bulk_statuses": desk.bulk_statuses(),
        "bulk_teams": desk.bulk_teams(actor),
        "bulk_people": desk.bulk_people(actor),
    }
    return render(request, "ticketing/desk_queue.html", context)


def _save_url(rail: list[desk.RailGroup], wanted: desk.DeskFilter) -> str:
    """Where the view is kept under a name; empty for one that has a name."""
    named = any(link.current for group in rail for link in group.links)
    return "" if named else reverse("desk:view-new") + wanted.query


@require_POST
@staff_page
def bulk(request: HttpRequest) -> HttpResponse:
    """Change the selected tickets; the list says how many did and why others did not."""
    actor = actor_of(request)
    form = BulkForm(request.POST, actor=actor)
    target = _next(request)
    if not form.is_valid():
        messages.error(request, first_problem(form))
        return redirect(target)
    change = BulkChange(
        status=form.cleaned_data["status"],
        team=form.cleaned_data["team"],
        person=form.cleaned_data["assignee"],
    )
    result = tickets_change(tickets=form.cleaned_data["tickets"], change=change, actor=actor)
    level = messages.warning if result.failures else messages.success
    level(request, result.sentence)
    return redirect(target)


def _next(request: HttpRequest) -> str:
    """The list the change came from; nothing outside this site."""
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
    return target if safe else reverse("desk:queue")
