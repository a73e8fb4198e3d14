"""The assistant on the portal and on the desk: one conversation at a time, with or without script (C22)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from classifier.models import ChatConvo, ChatMessage
from classifier.selectors.chat import access_convo
from classifier.services.answers import ticket_triage
from classifier.services.chat import chat_answer, chat_ticket_open
from common.actors import Actor
from common.exceptions import ApplicationError
from ingest.api.chat import stream_response
from ingest.forms import ACCEPTED, ChatForm
from ingest.services.chat import chat_send
from ingest.services.chat_stream import MEDIA_TYPE, chat_events
from ingest.services.uploads import upload_take
from ingest.views.access import client_or_404, portal_reader
from teams.api.actors import actor_of
from teams.models import Client
from ticketing.choices import TriageIntent
from ticketing.models import Ticket
from ticketing.selectors.access import access_ticket
from ticketing.views.access import staff_page

logger = structlog.get_logger(__name__)
_HISTORY = 12
_FAULT = 422


@dataclass(frozen=True, slots=True)
class Place:
    """Where the assistant stands: its addresses, its template and what it suggests to ask."""

    template: str
    start: str
    convo: str
    ticket: str
    examples: tuple[Any, ...]


PORTAL = Place(
    template="ingest/portal_chat.html",
    start="portal:chat",
    convo="portal:chat-convo",
    ticket="portal:chat-ticket",
    examples=(
        gettext_lazy("How do I reset my password?"),
        gettext_lazy("The VPN does not connect"),
        gettext_lazy("Where are my open tickets?"),
    ),
)
DESK = Place(
    template="ingest/desk_assistant.html",
    start="assistant:start",
    convo="assistant:convo",
    ticket="assistant:ticket",
    examples=(
        gettext_lazy("How did we solve VPN drops?"),
        gettext_lazy("What to do when a disk is full?"),
        gettext_lazy("What is the refund policy?"),
    ),
)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def portal_chat(request: HttpRequest, uuid: UUID | None = None) -> HttpResponseBase:
    """The reader's conversation as a requester, whatever the reader is elsewhere."""
    return _page(request, PORTAL, portal_reader(request), uuid)


@require_POST
@login_required
def portal_chat_ticket(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Turn the conversation into a ticket and show its receipt; a second time leads to the same ticket."""
    actor = portal_reader(request)
    ticket, is_new = chat_ticket_open(
        convo=access_convo(actor=actor, convo_id=uuid), actor=actor, intent=TriageIntent.INLINE
    )
    if is_new:
        _triage(ticket)
    return redirect("portal:submitted", ticket.uuid)


def _triage(ticket: Ticket) -> None:
    try:
        ticket_triage(ticket=ticket)
    except Exception:  # the outer edge: the ticket is safe and its run is taken over by the sweeper
        logger.exception("inline_triage_failed", ticket=ticket.reference)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page
def desk_assistant(request: HttpRequest, uuid: UUID | None = None) -> HttpResponseBase:
    """The agent's conversation: internal articles and resolved tickets count as well."""
    return _page(request, DESK, actor_of(request), uuid)


@require_POST
@staff_page
def desk_assistant_ticket(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Turn the conversation into a ticket of the agent's own."""
    actor = actor_of(request)
    ticket, _ = chat_ticket_open(convo=access_convo(actor=actor, convo_id=uuid), actor=actor)
    return redirect(ticket.get_absolute_url())


def _page(request: HttpRequest, place: Place, actor: Actor, uuid: UUID | None) -> HttpResponseBase:
    convo = access_convo(actor=actor, convo_id=uuid) if uuid else None
    about = convo.about if convo else _about(request, actor)
    if request.method != "POST":
        return _show(request, place, actor, convo=convo, about=about)
    form = ChatForm(request.POST, request.FILES)
    try:
        question = _ask(form, actor, convo, about)
    except ApplicationError as error:
        return _refused(request, place, actor, convo=convo, about=about, form=form, error=error)
    return _answered(request, place, actor, question)


def _about(request: HttpRequest, actor: Actor) -> Ticket | None:
    """The ticket the desk's page was opened for."""
    reference = request.POST.get("about") or request.GET.get("ticket", "")
    return access_ticket(actor=actor, ref=reference) if reference and actor.is_staff else None


def _ask(form: ChatForm, actor: Actor, convo: ChatConvo | None, about: Ticket | None) -> ChatMessage:
    client: Client = convo.client if convo else about.client if about else client_or_404(actor)
    if not form.is_valid():
        problems = [str(problem) for rows in form.errors.values() for problem in rows]
        raise ApplicationError(" ".join(problems))
    return chat_send(
        client=client,
        actor=actor,
        text=form.cleaned_data["message"],
        uploads=[upload_take(file=file) for file in form.cleaned_data["files"]],
        convo=convo,
        about=about,
    )


def _answered(request: HttpRequest, place: Place, actor: Actor, question: ChatMessage) -> HttpResponseBase:
    convo = question.convo
    url = reverse(place.convo, args=[convo.uuid])
    if not _streams(request):
        chat_answer(question=question, actor=actor)
        return redirect(f"{url}#last")

    def closing(answer: ChatMessage) -> Mapping[str, Any]:
        context = {"message": answer, "convo": convo, "ticket_route": place.ticket}
        return {"html": render_to_string("ingest/_chat_message.html", context, request=request)}

    opening = {"convo": str(convo.uuid), "url": url, "title": convo.title}
    return stream_response(chat_events(question=question, actor=actor, opening=opening, closing=closing))


def _streams(request: HttpRequest) -> bool:
    return MEDIA_TYPE in request.headers.get("Accept", "")


def _refused(
    request: HttpRequest,
    place: Place,
    actor: Actor,
    *,
    convo: ChatConvo | None,
    about: Ticket | None,
    form: ChatForm,
    error: ApplicationError,
) -> HttpResponse:
    """The sentence, and the typed words again."""
    code = error.status if error.status != 400 else _FAULT
    if _streams(request):
        return JsonResponse({"error": {"code": error.code, "message": error.sentence}}, status=code)
    page = _show(request, place, actor, convo=convo, about=about, form=form, problem=error.sentence)
    page.status_code = code
    return page


def _links(rows: Iterable[ChatConvo], convo: ChatConvo | None, place: Place) -> list[dict[str, Any]]:
    """The latest conversations, as the rail of the desk and the list of the portal show them."""
    return [
        {
            "name": row.title,
            "url": reverse(place.convo, args=[row.uuid]),
            "icon": "chat",
            "current": row == convo,
            "at": row.updated_at,
        }
        for row in rows
    ]


def _show(
    request: HttpRequest,
    place: Place,
    actor: Actor,
    *,
    convo: ChatConvo | None,
    about: Ticket | None,
    form: ChatForm | None = None,
    problem: str = "",
) -> HttpResponse:
    history = ChatConvo.objects.visible_to(actor)[:_HISTORY]
    rows = convo.messages.prefetch_related("files") if convo else ChatMessage.objects.none()
    action = reverse(place.convo, args=[convo.uuid]) if convo else reverse(place.start)
    context = {
        "section": "chat",
        "convo": convo,
        "about": about,
        "messages_of_chat": rows,
        "rail": [{"title": gettext("Your conversations"), "links": _links(history, convo, place)}],
        "start_url": reverse(place.start),
        "action_url": action,
        "ticket_route": place.ticket,
        "examples": place.examples,
        "form": form or ChatForm(),
        "problem": problem,
        "accept": ACCEPTED,
    }
    return render(request, place.template, context)
