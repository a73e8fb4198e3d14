"""The desk's list and what is done to many tickets at once."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from common.actors import Actor
from teams.api.actors import actor_of
from ticketing.choices import Priority
from ticketing.forms import BulkForm, first_problem
from ticketing.models import BulkAction, Macro, Ticket
from ticketing.selectors import desk
from ticketing.services.bulk import BULK_LIMIT, BulkChange, bulk_undo, tickets_change
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
    if wanted.q and not total and (named := desk.ticket_named(actor, wanted.q)):
        return redirect("desk:ticket", named.uuid)
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
        "export_url": f"{reverse('desk:export')}{wanted.query or '?'}{'&' if wanted.query else ''}format=",
        "back": wanted.query,
        "q": wanted.q,
        "now": now,
        "soon": now + desk.SOON,
        "bulk_statuses": desk.bulk_statuses(),
        "bulk_teams": desk.bulk_teams(actor),
        "bulk_people": desk.bulk_people(actor),
        "bulk_priorities": Priority.choices,
        "bulk_macros": Macro.objects.visible_to(actor).filter(is_active=True),
        "bulk_limit": BULK_LIMIT,
    }
    return render(request, "ticketing/desk_queue.html", context)


def _save_url(rail: list[desk.RailGroup], wanted: desk.DeskFilter) -> str:
    """Where the view is kept under a name; empty for one that has a name."""
    named = any(link.current for group in rail for link in group.links)
    return "" if named else reverse("desk:view-new") + wanted.query


@require_POST
@staff_page
def bulk(request: HttpRequest) -> HttpResponse:
    """Show what would happen to the chosen tickets; with ``confirm``, let it happen and report."""
    actor, target = actor_of(request), _next(request)
    form = BulkForm(request.POST, actor=actor, everything=_everything(request, actor, target))
    if not form.is_valid():
        messages.error(request, first_problem(form))
        return redirect(target)
    data, tickets = form.cleaned_data, form.chosen()
    change = BulkChange(
        status=data["status"],
        team=data["team"],
        person=data["assignee"],
        priority=data["priority"],
        tag=data["tag"].strip(),
        macro=data["macro"],
    )
    if len(tickets) > BULK_LIMIT:
        messages.error(
            request,
            _("At most %(limit)s tickets at once. Narrow the view first.") % {"limit": BULK_LIMIT},
        )
        return redirect(target)
    if not data["confirm"]:
        return _bulk_preview(request, tickets, change, target)
    result = tickets_change(tickets=tickets, change=change, actor=actor)
    level = messages.warning if result.failures else messages.success
    level(request, result.sentence)
    query = urlencode({"next": target})
    return redirect(f"{reverse('desk:bulk-done', args=[result.action.uuid])}?{query}")  # type: ignore[union-attr]


def _everything(request: HttpRequest, actor: Actor, target: str) -> QuerySet[Ticket] | None:
    """All tickets of the view behind the form, one more than can be changed; None where some are chosen."""
    if not request.POST.get("everything"):
        return None
    params = QueryDict(urlsplit(target).query).dict()
    wanted = desk.filter_read(params, desk.filter_choices(actor))
    rows = desk.tickets_filter(actor, wanted, now=timezone.now())
    return rows.for_list()[: BULK_LIMIT + 1]


def _bulk_preview(
    request: HttpRequest, tickets: list[Ticket], change: BulkChange, target: str
) -> HttpResponse:
    rows = [{"ticket": ticket, "problem": change.problem_of(ticket)} for ticket in tickets]
    stay = sum(1 for row in rows if row["problem"])
    kept = ("status", "team", "assignee", "priority", "tag", "macro", "next")
    context = {
        "section": "queue",
        "rows": sorted(rows, key=lambda row: not row["problem"]),
        "change": change,
        "will": len(rows) - stay,
        "stay": stay,
        "kept": [(name, request.POST[name]) for name in kept if request.POST.get(name)],
        "back_url": target,
    }
    return render(request, "ticketing/desk_bulk.html", context)


def _own_action(request: HttpRequest, uuid: UUID) -> BulkAction:
    action = BulkAction.objects.filter(
        owner=actor_of(request).user_id, owner__isnull=False, uuid=uuid
    ).first()
    if action is None:
        raise Http404
    return action


@require_safe
@staff_page
def bulk_done(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """What a bulk action did, what it could not do and why, and the way back."""
    action = _own_action(request, uuid)
    context = {"section": "queue", "action": action, "back_url": _next(request)}
    return render(request, "ticketing/desk_bulk_done.html", context)


@require_POST
@staff_page
def bulk_back(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Take a bulk action back, ticket by ticket."""
    action, actor = _own_action(request, uuid), actor_of(request)
    keys = [entry["ticket"] for entry in action.changed]
    tickets = Ticket.objects.visible_to(actor).filter(pk__in=keys)
    result = bulk_undo(action=action, tickets=tickets, actor=actor)
    level = messages.warning if result.failures else messages.success
    level(request, f"Undone. {result.sentence}")
    return redirect(f"{reverse('desk:bulk-done', args=[uuid])}?{urlencode({'next': _next(request)})}")


def _next(request: HttpRequest) -> str:
    """The list the change came from; nothing outside this site."""
    target = request.POST.get("next") or request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
    return target if safe else reverse("desk:queue")
