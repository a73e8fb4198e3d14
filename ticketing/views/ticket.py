"""A ticket's page and everything done on it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from common.actors import Actor
from common.exceptions import ApplicationError
from teams.api.actors import actor_of
from ticketing.choices import AttachmentStatus, TriageField
from ticketing.forms import (
    AssignForm,
    ConfirmForm,
    MessageForm,
    NoteForm,
    ReplyForm,
    StatusForm,
    TagsForm,
    first_problem,
)
from ticketing.models import Attachment, Macro, Ticket
from ticketing.selectors import desk
from ticketing.selectors.desk_ticket import conversation_of, merged_target, ticket_for_page, ticket_page
from ticketing.services.attachments import ReadResult, attachment_store
from ticketing.services.collision import presence_note
from ticketing.services.conversation import NewMessage
from ticketing.services.desk import reply_send, ticket_hand_over, ticket_take
from ticketing.services.escalation import ticket_escalate
from ticketing.services.tickets import TicketChanges, status_change, ticket_update
from ticketing.services.tools import macro_apply, macro_text
from ticketing.services.triage import ticket_confirm
from ticketing.views.access import query_of, staff_page, ticket_or_404

PREVIEW_MESSAGES = 3


def file_address(attachment: Attachment) -> str:
    """Where the desk hands out a file."""
    return reverse("desk:file", args=[attachment.uuid])


@require_safe
@staff_page
def detail(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The ticket beside its list; a merged one leads to where its conversation went on."""
    target = merged_target(actor_of(request), uuid) if "stay" not in request.GET else None
    if target is not None:
        messages.info(request, _("The ticket you opened was merged into this one."))
        return redirect(target.get_absolute_url() + query_of(request))
    return _page(request, uuid)


def _page(
    request: HttpRequest,
    uuid: UUID,
    *,
    form: MessageForm | None = None,
    kind: str = "reply",
    status: int = 200,
) -> HttpResponse:
    """The ticket page; ``form`` holds a message that could not be sent, so that no word of it is lost."""
    actor = actor_of(request)
    ticket = ticket_for_page(actor, uuid)
    if ticket is None:
        raise Http404
    context = ticket_page(actor, ticket, file_address)
    context |= _surroundings(request, actor, ticket)
    chosen = _macro(actor, ticket, request.GET.get("macro"))
    if chosen is not None and form is None:
        text = macro_text(macro=chosen, ticket=ticket, actor=actor)
        form, kind = ReplyForm(initial={"body": text}), "reply" if chosen.is_public else "note"
    form = form or _taken(request, context["draft"])
    context |= {"message_form": form, "message_kind": kind, "can_reply": ticket.status_category != "closed"}
    # Being here is no change of the ticket: the entry is gone after three polls.
    present = presence_note(ticket=ticket, actor=actor, is_replying=False, now=timezone.now())
    context |= {"macro": chosen, "present": present, "is_replying": False}
    return render(request, "ticketing/desk_ticket.html", context, status=status)


def _taken(request: HttpRequest, draft: dict[str, Any] | None) -> MessageForm | None:
    """The composer filled with the suggestion that ``take`` names; the way of browsers without script."""
    if draft is None or request.GET.get("take") != str(draft["uuid"]):
        return None
    return ReplyForm(initial={"body": draft["body"], "draft": draft["uuid"]})


def _surroundings(request: HttpRequest, actor: Actor, ticket: Ticket) -> dict[str, Any]:
    """The view the ticket was reached from, with the neighbours in it."""
    now, base = timezone.now(), reverse("desk:queue")
    choices = desk.filter_choices(actor)
    wanted = desk.filter_read(request.GET, choices)
    rows = desk.neighbours_of(actor, wanted, now=now)
    place = next((index for index, row in enumerate(rows) if row.pk == ticket.pk), None)
    before = rows[place - 1] if place else None
    after = rows[place + 1] if place is not None and place + 1 < len(rows) else None
    return {
        "section": "queue",
        "view": {"name": desk.view_words(wanted, choices), "url": base + wanted.query},
        "view_tickets": rows,
        "view_total": desk.neighbours_total(actor, wanted, rows, now=now),
        "previous_url": before.get_absolute_url() + wanted.query if before else "",
        "next_url": after.get_absolute_url() + wanted.query if after else "",
        "back": wanted.query,
        "split_url": reverse("desk:split", args=[ticket.uuid]) + wanted.query,
        "now": now,
        "soon": now + desk.SOON,
        "retriage_url": reverse("triage:retriage", args=[ticket.uuid]) + wanted.query,
    }


def _back(request: HttpRequest, ticket: Ticket) -> HttpResponse:
    return redirect(ticket.get_absolute_url() + query_of(request))


@require_POST
@staff_page
def presence(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Say that the person is still here, and who else is."""
    actor, ticket = actor_of(request), ticket_or_404(request, uuid)
    replying = request.POST.get("replying") == "1"
    present = presence_note(ticket=ticket, actor=actor, is_replying=replying, now=timezone.now())
    context = {"ticket": ticket, "present": present, "is_replying": replying}
    if not request.headers.get("HX-Request"):
        return redirect(ticket)
    return render(request, "ticketing/_collision.html", context)


@require_safe
@staff_page
def preview(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The ticket in short, over the list: its facts and the newest messages."""
    actor = actor_of(request)
    ticket = ticket_for_page(actor, uuid)
    if ticket is None:
        raise Http404
    lines = conversation_of(actor, ticket, file_address)
    shown = lines[-PREVIEW_MESSAGES:]
    context = {"ticket": ticket, "messages_shown": shown, "more": len(lines) - len(shown)}
    return render(request, "ticketing/_preview.html", context | {"back": query_of(request)})


@require_POST
@staff_page
def reply(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Send a public reply, then move the ticket where the agent wants it."""
    actor, ticket = actor_of(request), ticket_or_404(request, uuid)
    form = ReplyForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, uuid, form=form, status=422)
    try:
        new = _new_message(form, ticket, actor, is_public=True)
        macro = _macro(actor, ticket, form.cleaned_data["macro"])
        reply_send(ticket=ticket, new=new, then=form.cleaned_data["then"], actor=actor, macro=macro)
    except ApplicationError as error:
        form.add_error(None, error.sentence)
        return _page(request, uuid, form=form, status=error.status)
    messages.success(request, _("Your reply is on its way."))
    return _back(request, ticket)


@require_POST
@staff_page
def note(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Add a note for colleagues."""
    actor, ticket = actor_of(request), ticket_or_404(request, uuid)
    form = NoteForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, uuid, form=form, kind="note", status=422)
    try:
        new = _new_message(form, ticket, actor, is_public=False)
        macro = _macro(actor, ticket, form.cleaned_data["macro"])
        reply_send(ticket=ticket, new=new, then="", actor=actor, macro=macro)
    except ApplicationError as error:
        form.add_error(None, error.sentence)
        return _page(request, uuid, form=form, kind="note", status=error.status)
    messages.success(request, _("The note is added. Only colleagues see it."))
    return _back(request, ticket)


def _new_message(form: MessageForm, ticket: Ticket, actor: Actor, *, is_public: bool) -> NewMessage:
    """The message with its files stored; storage is written before any transaction begins.

    What an agent sends is meant for people: nobody owes its reading, so no type of file is refused.
    """
    attachments = tuple(
        attachment_store(
            client=ticket.client,
            name=file.name or "file",
            content=file.read(),
            content_type=file.content_type or "",
            actor=actor,
            result=ReadResult(status=AttachmentStatus.PARSED),
        )
        for file in form.cleaned_data["files"]
    )
    return NewMessage(
        body=form.cleaned_data["body"],
        is_public=is_public,
        attachments=attachments,
        draft_uuid=form.cleaned_data.get("draft"),
    )


def _macro(actor: Actor, ticket: Ticket, uuid: Any) -> Macro | None:
    """A macro that the actor may use on this ticket; None for anything else."""
    try:
        wanted = UUID(str(uuid))
    except ValueError:
        return None
    rows = Macro.objects.visible_to(actor).filter(client=ticket.client_id, is_active=True, uuid=wanted)
    found: Macro | None = rows.first()
    return found


@require_POST
@staff_page
def macro(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Put a macro's text into the composer; nothing is sent or changed before the person sends it."""
    actor, ticket = actor_of(request), ticket_or_404(request, uuid)
    chosen = _macro(actor, ticket, request.POST.get("pick"))
    if request.headers.get("HX-Request"):
        text = macro_text(macro=chosen, ticket=ticket, actor=actor) if chosen else ""
        context = {"ticket": ticket, "macro": chosen, "macro_text": text, "back": query_of(request)}
        return render(request, "ticketing/_macro.html", context)
    query = query_of(request)
    named = f"{'&' if query else '?'}macro={chosen.uuid}" if chosen else ""
    return redirect(ticket.get_absolute_url() + query + named + "#composer")


@require_POST
@staff_page
def macro_only(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Make a macro's changes without sending its text."""
    actor, ticket = actor_of(request), ticket_or_404(request, uuid)
    chosen = _macro(actor, ticket, request.POST.get("macro"))
    if chosen is None:
        messages.error(request, _("There is no such macro."))
        return _back(request, ticket)
    macro_apply(ticket=ticket, macro=chosen, actor=actor)
    messages.success(request, _("“%(name)s” is applied. Nothing was sent.") % {"name": chosen.name})
    seen = Ticket.objects.visible_to(actor).filter(pk=ticket.pk).exists()
    return _back(request, ticket) if seen else redirect("desk:queue")


@require_POST
@staff_page
def tags(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Set the ticket's tags."""
    actor, ticket, form = actor_of(request), ticket_or_404(request, uuid), TagsForm(request.POST)
    if form.is_valid():
        ticket_update(ticket=ticket, changes=TicketChanges(tags=form.cleaned_data["tags"]), actor=actor)
        messages.success(request, _("The tags are set."))
    else:
        messages.error(request, first_problem(form))
    return _back(request, ticket)


@require_POST
@staff_page
def status(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Move the ticket to another status."""
    ticket, form = ticket_or_404(request, uuid), StatusForm(request.POST)
    if form.is_valid():
        changed = status_change(ticket=ticket, status=form.cleaned_data["status"], actor=actor_of(request))
        messages.success(
            request,
            _("The ticket is now “%(get_status_display)s”.")
            % {"get_status_display": changed.get_status_display()},
        )
    else:
        messages.error(request, first_problem(form))
    return _back(request, ticket)


@require_POST
@staff_page
def assign(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Give the ticket to a team or a person."""
    actor, ticket = actor_of(request), ticket_or_404(request, uuid)
    form = AssignForm(request.POST, actor=actor, ticket=ticket)
    if not form.is_valid():
        messages.error(request, first_problem(form))
        return _back(request, ticket)
    if "team" in request.POST:
        changed = ticket_hand_over(ticket=ticket, team=form.cleaned_data["team"], actor=actor)
    else:
        changed = ticket_take(ticket=ticket, person=form.cleaned_data["assignee"], actor=actor)
    who = changed.assignee.display_name if changed.assignee else _("nobody yet")
    team = changed.team.name if changed.team else _("no team")
    messages.success(request, _("The ticket is with %(team)s: %(who)s.") % {"team": team, "who": who})
    seen = Ticket.objects.visible_to(actor).filter(pk=ticket.pk).exists()
    return _back(request, ticket) if seen else redirect("desk:queue")


@require_POST
@staff_page
def escalate(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Hand the ticket to the next team of its path."""
    actor, ticket = actor_of(request), ticket_or_404(request, uuid)
    changed = ticket_escalate(ticket=ticket, actor=actor, reason=request.POST.get("reason", "")[:500].strip())
    team = changed.team.name if changed.team else _("no team")
    messages.success(request, _("The ticket is escalated to %(team)s.") % {"team": team})
    seen = Ticket.objects.visible_to(actor).filter(pk=ticket.pk).exists()
    return _back(request, ticket) if seen else redirect("desk:queue")


@require_POST
@staff_page
def confirm(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Accept or correct what triage said of one field."""
    actor, ticket, form = actor_of(request), ticket_or_404(request, uuid), ConfirmForm(request.POST)
    if not form.is_valid():
        messages.error(request, first_problem(form))
        return _back(request, ticket)
    name, value = form.cleaned_data["field"], form.cleaned_data["value"]
    ticket_confirm(ticket=ticket, decisions={name: value}, actor=actor)
    messages.success(request, _("%(label)s is confirmed.") % {"label": TriageField(name).label})
    seen = Ticket.objects.visible_to(actor).filter(pk=ticket.pk).exists()
    return _back(request, ticket) if seen else redirect("desk:queue")
