"""The portal: ask for help, see what becomes of it, answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier.services.answers import ticket_triage
from common.actors import Actor
from common.exceptions import ApplicationError, ValidationFailed
from ingest.forms import ACCEPTED, PortalReplyForm, RatingForm, RequestForm
from ingest.services.portal import PortalRequest, portal_request_open
from ingest.services.uploads import upload_store, upload_take
from ingest.views.access import client_or_404, own_ticket_or_404, portal_reader
from teams.api.actors import actor_of
from teams.models import Client
from ticketing.choices import Status
from ticketing.models import Attachment, Message, Ticket, TicketFeedback
from ticketing.selectors import portal as selectors
from ticketing.selectors.desk import Page
from ticketing.selectors.desk_ticket import conversation_of, file_line, merged_target
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.feedback import may_rate
from ticketing.services.requesters import RequesterIdentity, requester_resolve
from ticketing.services.tickets import status_change
from ticketing.views.files import attachment_response

logger = structlog.get_logger(__name__)
PAGE_SIZE = 25
RECENT = 5


def file_address(attachment: Attachment) -> str:
    """Where the portal hands out a file."""
    return reverse("portal:file", args=[attachment.uuid])


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Ask for help with text, files or both."""
    client = client_or_404(actor_of(request))
    form = RequestForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            ticket = _submit(request, form, client)
        except ApplicationError as error:
            _explain(form, error)
        else:
            return redirect("portal:submitted", ticket.uuid)
    context = {
        "section": "home",
        "form": form,
        "file_help": _file_help(),
        "accept": ACCEPTED,
        "recent": selectors.own_tickets(actor_of(request)).order_by("-updated_at")[:RECENT],
        "articles": selectors.helpful_articles(client),
    }
    return render(request, "ingest/portal_home.html", context, status=422 if form.errors else 200)


def _file_help() -> str:
    limit = settings.MAX_UPLOAD_BYTES // 1024 // 1024
    return _("PDF, DOCX, TXT, LOG, CSV, JSON, XML, XLSX or e-mail, up to %(limit)s MB each.") % {
        "limit": limit
    }


def _submit(request: HttpRequest, form: RequestForm, client: Client) -> Ticket:
    """Open the ticket and wait, within the deadline, for what triage says of it."""
    actor = portal_reader(request)
    requester = requester_resolve(client=client, identity=_identity(request))
    wanted = PortalRequest(
        text=form.cleaned_data["body"],
        subject=form.cleaned_data["subject"],
        uploads=tuple(upload_take(file=file) for file in form.cleaned_data["files"]),
    )
    ticket = portal_request_open(client=client, requester=requester, request=wanted, actor=actor)
    try:
        ticket_triage(ticket=ticket)
    except Exception:  # the outer edge: the ticket is safe and its run is taken over by the sweeper
        logger.exception("inline_triage_failed", ticket=ticket.reference)
    return ticket


def _identity(request: HttpRequest) -> RequesterIdentity:
    user: Any = request.user
    return RequesterIdentity(email=user.email, name=user.display_name, user=user)


def _explain(form: Any, error: ApplicationError) -> None:
    """Put the sentence where the fault is; typed text stays in the form."""
    if not isinstance(error, ValidationFailed) or not error.fields:
        form.add_error("files" if "file" in error.code else None, error.sentence)
        return
    for name, problems in error.fields.items():
        form.add_error(name if name in form.fields else None, problems)


@require_safe
@login_required
def submitted(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The receipt: number, category, team, and what happens next; a fragment of it while triage runs."""
    ticket = own_ticket_or_404(request, uuid)
    context = {
        "section": "home",
        "ticket": ticket,
        "state": selectors.receipt_state(ticket),
        "likely_category": "" if ticket.category else selectors.likely_category(ticket),
        "team_name": ticket.team.name if ticket.team else "",
        "respond_by": selectors.respond_by(ticket),
        "files": [file_line(row, file_address(row)) for row in ticket.attachments.all()],
        "articles": selectors.helpful_articles(ticket.client, category=ticket.category),
        "ticket_url": reverse("portal:ticket", args=[ticket.uuid]),
        "refresh_url": reverse("portal:submitted", args=[ticket.uuid]),
    }
    fragment = getattr(request, "htmx", False)
    return render(request, "ingest/_receipt.html" if fragment else "ingest/portal_submitted.html", context)


@require_safe
@login_required
def tickets(request: HttpRequest) -> HttpResponse:
    """The reader's own tickets."""
    state = request.GET.get("state", "")
    state = state if state in selectors.TABS else ""
    base = reverse("portal:tickets")
    own = selectors.own_tickets(actor_of(request))
    paginator = Paginator(selectors.in_tab(own, state).select_related("category"), PAGE_SIZE)
    page = paginator.get_page(request.GET.get("page", "1"))
    link = f"{base}?state={state}&page=" if state else f"{base}?page="
    context = {
        "section": "tickets",
        "tickets": page.object_list,
        "tabs": selectors.tabs_of(own, state, base),
        "page": Page(
            _("%(start_index)s–%(end_index)s of %(count)s")
            % {"start_index": page.start_index(), "end_index": page.end_index(), "count": paginator.count},
            f"{link}{page.previous_page_number()}" if page.has_previous() else "",
            f"{link}{page.next_page_number()}" if page.has_next() else "",
        )
        if paginator.count
        else None,
    }
    return render(request, "ingest/portal_tickets.html", context)


@require_safe
@login_required
def ticket(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """One own ticket with its public conversation; a merged one leads to where that went on."""
    target = merged_target(actor_of(request), uuid)
    if target is not None:
        return redirect("portal:ticket", target.uuid)
    return _ticket_page(request, own_ticket_or_404(request, uuid))


def _ticket_page(
    request: HttpRequest, found: Ticket, *, form: PortalReplyForm | None = None, status: int = 200
) -> HttpResponse:
    conversation = conversation_of(portal_reader(request), found, file_address)
    given = TicketFeedback.objects.filter(ticket=found).first()
    context = {
        "section": "tickets",
        "ticket": found,
        "conversation": conversation,
        "form": form,
        "reopens": selectors.reopens(found),
        "reopen_until": selectors.reopen_until(found),
        "given": given,
        "rating_form": RatingForm(
            initial={"rating": given.rating, "comment": given.comment} if given else None
        )
        if may_rate(ticket=found, now=timezone.now())
        else None,
        "respond_by": selectors.respond_by(found),
    }
    return render(request, "ingest/portal_ticket.html", context, status=status)


@require_POST
@login_required
def reply(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Answer; a reply after the window opens a follow-up and leads there."""
    found = own_ticket_or_404(request, uuid)
    form = PortalReplyForm(request.POST, request.FILES)
    if not form.is_valid():
        return _ticket_page(request, found, form=form, status=422)
    try:
        message = _send(portal_reader(request), found, form)
    except ApplicationError as error:
        _explain(form, error)
        return _ticket_page(request, found, form=form, status=error.status)
    if message.ticket_id != found.pk:
        messages.success(
            request,
            _("Your message opened %(reference)s, linked to %(reference_2)s.")
            % {"reference": message.ticket.reference, "reference_2": found.reference},
        )
    else:
        messages.success(request, _("Your message is on its way."))
    return redirect("portal:ticket", message.ticket.uuid)


@require_POST
@login_required
def solved(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The requester says that it is solved; a reply within the window opens it again."""
    found = own_ticket_or_404(request, uuid)
    if found.is_open:
        why = "The requester says that it is solved."
        status_change(ticket=found, status=Status.RESOLVED, actor=portal_reader(request), reason=why)
        messages.success(request, _("Good to hear. The ticket is resolved."))
    return redirect("portal:ticket", found.uuid)


def _send(actor: Actor, found: Ticket, form: PortalReplyForm) -> Message:
    uploads = [upload_take(file=file) for file in form.cleaned_data["files"]]
    attachments = tuple(upload_store(client=found.client, upload=upload, actor=actor) for upload in uploads)
    new = NewMessage(body=form.cleaned_data["body"], format=Message.Format.PLAIN, attachments=attachments)
    return message_add(ticket=found, new=new, actor=actor)


@require_safe
@login_required
def file(request: HttpRequest, uuid: UUID) -> FileResponse:
    """A public file of an own ticket."""
    own = selectors.own_tickets(actor_of(request))
    if not Attachment.objects.filter(uuid=uuid, is_public=True, ticket__in=own).exists():
        raise Http404
    return attachment_response(portal_reader(request), uuid)
