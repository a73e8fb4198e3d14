"""Rating the help: by the signed link of a mail without log-in, or on the own ticket (T11)."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from common.actors import Actor, ActorKind, Role
from common.exceptions import ApplicationError
from ingest.forms import RatingForm
from ingest.views.access import own_ticket_or_404, portal_reader
from ticketing.choices import FeedbackSource
from ticketing.models import Ticket, TicketFeedback
from ticketing.services.feedback import feedback_give, feedback_ticket, may_rate


def _by_link(ticket: Ticket) -> Actor:
    """Whoever holds the link speaks for the requester, about this one ticket."""
    return Actor(
        kind=ActorKind.REQUESTER,
        role=Role.REQUESTER,
        id=f"link:{ticket.uuid.hex[:12]}",
        label="Requester by rating link",
        client_ids=frozenset({ticket.client_id}),
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def by_link(request: HttpRequest, token: str) -> HttpResponse:
    """Looking changes nothing; sending stores or changes the rating until the link expires."""
    ticket = feedback_ticket(token=token)
    if ticket is None:
        raise Http404
    given = TicketFeedback.objects.filter(ticket=ticket).first()
    form = RatingForm(request.POST) if request.method == "POST" else _filled(given, request)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        feedback_give(
            ticket=ticket,
            rating=values["rating"],
            comment=values["comment"],
            source=FeedbackSource.LINK,
            actor=_by_link(ticket),
        )
        messages.success(request, _("Thank you. You can change your rating with the same link."))
        return redirect("portal:rate", token)
    open_now = may_rate(ticket=ticket, now=timezone.now())
    context = {"ticket": ticket, "form": form, "given": given, "may_rate": open_now}
    page = render(request, "ingest/portal_rate.html", context, status=422 if form.errors else 200)
    page["Referrer-Policy"] = "no-referrer"
    page["X-Robots-Tag"] = "noindex"
    return page


def _filled(given: TicketFeedback | None, request: HttpRequest) -> RatingForm:
    """The rating given before; a mail may link each number and so choose one, which stores nothing."""
    if given is not None:
        return RatingForm(initial={"rating": given.rating, "comment": given.comment})
    chosen = request.GET.get("rating", "")
    return RatingForm(initial={"rating": chosen if chosen in {"1", "2", "3", "4", "5"} else None})


@require_POST
@login_required
def own(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Rate the own ticket on its page."""
    ticket = own_ticket_or_404(request, uuid)
    form = RatingForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose one of the five ratings."))
        return redirect("portal:ticket", ticket.uuid)
    try:
        feedback_give(
            ticket=ticket,
            rating=form.cleaned_data["rating"],
            comment=form.cleaned_data["comment"],
            source=FeedbackSource.PORTAL,
            actor=portal_reader(request),
        )
    except ApplicationError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, _("Thank you for your rating."))
    return redirect("portal:ticket", ticket.uuid)
