"""Tickets that belong together: merge, take back, split, link, resolve an incident with its parts (T8)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from common.exceptions import ApplicationError
from teams.api.actors import actor_of
from ticketing.forms import LinkAnswerForm, LinkForm, MergeForm, SplitForm, first_problem
from ticketing.models import Message, Ticket, TicketLink
from ticketing.selectors.access import access_ticket
from ticketing.selectors.desk_ticket import children_open, merge_candidates
from ticketing.services.bulk import BulkChange, tickets_change
from ticketing.services.links import link_decide, link_named
from ticketing.services.merging import message_split, ticket_merge, ticket_unmerge
from ticketing.views.access import query_of, staff_page, ticket_or_404


def _back(request: HttpRequest, ticket: Ticket) -> HttpResponse:
    return redirect(ticket.get_absolute_url() + query_of(request))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page
def merge(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Choose the ticket that stays, then merge into it."""
    actor, ticket = actor_of(request), ticket_or_404(request, uuid)
    form = MergeForm(request.POST) if request.method == "POST" else None
    problem = first_problem(form) if form is not None and not form.is_valid() else ""
    if form is not None and not problem:
        try:
            target = access_ticket(actor=actor, ref=form.cleaned_data["into"])
            follow = form.cleaned_data["follow"]
            ticket_merge(source=ticket, target=target, actor=actor, follow=follow)
        except ApplicationError as error:
            problem = error.sentence
        else:
            messages.success(
                request,
                _("%(reference)s is now part of %(reference_2)s. To undo, see “Similar and linked”.")
                % {"reference": ticket.reference, "reference_2": target.reference},
            )
            return redirect(target)
    query = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    context: dict[str, Any] = {
        "section": "queue",
        "ticket": ticket,
        "problem": problem,
        "merge_query": query,
        "candidates": merge_candidates(actor, ticket, query),
        "message_count": ticket.messages.count(),
    }
    return render(request, "ticketing/desk_merge.html", context, status=422 if problem else 200)


@require_POST
@staff_page
def unmerge(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Take the merge of this ticket back."""
    actor, ticket = actor_of(request), ticket_or_404(request, uuid)
    if (
        ticket.merged_into_id
        and not Ticket.objects.visible_to(actor).filter(pk=ticket.merged_into_id).exists()
    ):
        raise Http404
    restored = ticket_unmerge(ticket=ticket, actor=actor)
    messages.success(
        request,
        _("The merge is taken back. %(reference)s is as it was before.") % {"reference": restored.reference},
    )
    return redirect(restored)


@require_POST
@staff_page
def split(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Make one message a ticket of its own."""
    actor, ticket, form = actor_of(request), ticket_or_404(request, uuid), SplitForm(request.POST)
    if not form.is_valid():
        messages.error(request, first_problem(form))
        return _back(request, ticket)
    rows = Message.objects.visible_to(actor).filter(ticket=ticket)
    message = rows.filter(uuid=form.cleaned_data["message"]).first()
    if message is None:
        raise Http404
    opened = message_split(message=message, actor=actor)
    messages.success(
        request,
        _("%(reference)s is opened with the message. To undo, merge it into %(reference_2)s.")
        % {"reference": opened.reference, "reference_2": ticket.reference},
    )
    return redirect(opened)


@require_POST
@staff_page
def link(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Link the ticket with another one."""
    actor, ticket, form = actor_of(request), ticket_or_404(request, uuid), LinkForm(request.POST)
    if not form.is_valid():
        messages.error(request, first_problem(form))
        return _back(request, ticket)
    try:
        other = access_ticket(actor=actor, ref=form.cleaned_data["to"].strip())
        link_named(ticket=ticket, other=other, kind=form.cleaned_data["kind"], actor=actor)
    except ApplicationError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, _("%(reference)s is linked.") % {"reference": other.reference})
    return _back(request, ticket)


@require_POST
@staff_page
def link_answer(request: HttpRequest, uuid: UUID, pk: int) -> HttpResponse:
    """Confirm a proposed link, or remove a link."""
    actor, ticket, form = actor_of(request), ticket_or_404(request, uuid), LinkAnswerForm(request.POST)
    row = TicketLink.objects.visible_to(actor).filter(pk=pk).select_related("source").first()
    if row is None or ticket.pk not in {row.source_id, row.target_id}:
        raise Http404
    if form.is_valid():
        link_decide(link=row, state=form.cleaned_data["state"], actor=actor)
        confirmed = form.cleaned_data["state"] == "confirmed"
        messages.success(request, _("The link is confirmed.") if confirmed else _("The link is removed."))
    else:
        messages.error(request, first_problem(form))
    return _back(request, ticket)


@require_POST
@staff_page
def resolve_all(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Resolve an incident with the tickets that are part of it, each on its own."""
    actor, ticket = actor_of(request), ticket_or_404(request, uuid)
    tickets = [*children_open(actor, ticket), *([ticket] if ticket.is_open else [])]
    result = tickets_change(tickets=tickets, change=BulkChange(status="resolved"), actor=actor)
    level = messages.warning if result.failures else messages.success
    level(request, " ".join([result.sentence.split(";")[0].rstrip(".") + ".", *_named(result.failures)]))
    return _back(request, ticket)


def _named(failures: dict[str, str]) -> list[str]:
    """The first reasons why a ticket stayed as it was."""
    return [f"{reference}: {why}" for reference, why in list(failures.items())[:3]]
