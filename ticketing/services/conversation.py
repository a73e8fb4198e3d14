"""Replies and notes, and what they do to the ticket's status (T2, T5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from common.actors import Actor, ActorKind, Role
from common.exceptions import NotAllowed, ValidationFailed
from ticketing import events
from ticketing.choices import LinkKind, LinkState, Status, StatusCategory, TriageIntent
from ticketing.exceptions import TicketClosed
from ticketing.models import Attachment, Message, Requester, Ticket, TicketLink
from ticketing.services.audit import Change, events_append
from ticketing.services.rendering import render_body
from ticketing.services.search import search_document_write
from ticketing.services.tickets import NewTicket, status_change, ticket_lock, ticket_open, ticket_save

MESSAGE_LIMIT = 100_000
_MERGED = "{} has been merged into another ticket. Write there."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """What a door knows of a reply or note."""

    body: str
    is_public: bool = True
    format: str = Message.Format.MARKDOWN
    attachments: tuple[Attachment, ...] = ()
    email_message_id: str = ""
    is_automated: bool = False
    """Staff and services say so of words that no person wrote; they answer no promise (S3)."""
    draft_uuid: UUID | None = None
    """The suggestion the text was made from; told to the upper apps, which keep what became of it (C16)."""


@transaction.atomic
def message_add(*, ticket: Ticket, new: NewMessage, actor: Actor) -> Message:
    """Add a reply or note. Emits ``message_added``.

    A requester's reply to a resolved ticket reopens it within the client's window; later, or when the ticket
    is closed, it opens a linked follow-up and the message is that ticket's first. What a requester writes to
    a merged ticket goes where its conversation went on. Only a person's public reply counts as the first
    response. Raises ValidationFailed, NotAllowed, and TicketClosed for a colleague's words there.
    """
    _check(ticket, new, actor)
    # Before the lock: who answers in time and waits for somebody else's change has answered in time (S3).
    arrived = timezone.now()
    locked = ticket_lock(ticket_id=_place_of(ticket, actor))
    if locked.merged_into_id is not None:
        raise TicketClosed(_MERGED.format(ticket.reference))
    if actor.role is Role.REQUESTER and _too_late(locked):
        return _follow_up(locked, new, actor)
    message = _create(locked, new, actor, arrived)
    verb = "message.replied" if new.is_public else "message.noted"
    events_append(ticket=locked, actor=actor, changes=[Change(verb, new=str(message.uuid))])
    _mark_first_response(locked, message)
    search_document_write(ticket=locked)
    events.message_added.publish(ticket=locked, message=message, actor=actor, draft_uuid=new.draft_uuid)
    _move_status(locked, message, actor)
    return message


def _place_of(ticket: Ticket, actor: Actor) -> int:
    """The ticket the words belong to; read before any lock, because locks are taken in the order of keys."""
    place = ticket.pk
    while (onward := _merged_into(place)) is not None:
        if actor.role is not Role.REQUESTER:
            raise TicketClosed(_MERGED.format(ticket.reference))
        place = onward
    return place


def _merged_into(ticket_id: int) -> int | None:
    return Ticket.objects.filter(pk=ticket_id).values_list("merged_into", flat=True).first()


def _check(ticket: Ticket, new: NewMessage, actor: Actor) -> None:
    if not new.body.strip():
        raise ValidationFailed(_("The message is empty."), fields={"body": [_("Write a message.")]})
    if len(new.body) > MESSAGE_LIMIT:
        raise ValidationFailed(
            fields={"body": [_("At most %(limit)s characters.") % {"limit": f"{MESSAGE_LIMIT:,}"}]}
        )
    if not new.is_public and not actor.is_staff:
        raise NotAllowed(_("Only staff write internal notes."))
    if any(row.client_id != ticket.client_id or row.ticket_id for row in new.attachments):
        raise ValidationFailed(fields={"attachments": [_("There is no such file.")]})


def _too_late(ticket: Ticket) -> bool:
    if ticket.status_category == StatusCategory.CLOSED:
        return True
    if ticket.status_category != StatusCategory.RESOLVED or ticket.resolved_at is None:
        return False
    window = timedelta(days=ticket.client.ticketing_settings.reopen_days)
    return timezone.now() > ticket.resolved_at + window


def _follow_up(ticket: Ticket, new: NewMessage, actor: Actor) -> Message:
    follow_up = ticket_open(
        new=NewTicket(
            client=ticket.client,
            requester=_requester_of(actor, ticket),
            subject=f"Follow-up of {ticket.reference}: {ticket.subject}",
            body=new.body,
            channel=ticket.channel,
            taxonomy=ticket.taxonomy,
            project=ticket.project,
            module=ticket.module,
            attachments=new.attachments,
            body_format=new.format,
            intent=TriageIntent.BACKGROUND,
        ),
        actor=actor,
    )
    TicketLink.objects.create(
        source=follow_up, target=ticket, kind=LinkKind.RELATED, state=LinkState.CONFIRMED
    )
    return follow_up.messages.get(is_first=True)


def _create(ticket: Ticket, new: NewMessage, actor: Actor, arrived: datetime) -> Message:
    is_requester = actor.role is Role.REQUESTER
    message = Message.objects.create(
        ticket=ticket,
        created_at=arrived,
        is_public=new.is_public,
        author_kind=_author_kind(actor, new),
        author_user_id=actor.user_id,
        author_requester=_requester_of(actor, ticket) if is_requester else None,
        author_label=actor.label[:200],
        body=new.body.replace("\x00", ""),
        format=new.format,
        html=render_body(new.body.replace("\x00", ""), new.format),
        email_message_id=new.email_message_id,
    )
    for attachment in new.attachments:
        attachment.ticket, attachment.message, attachment.is_public = ticket, message, new.is_public
        attachment.save(update_fields=["ticket", "message", "is_public", "updated_at"])
    return message


def _requester_of(actor: Actor, ticket: Ticket) -> Requester:
    """Who writes: a follower in the own name, everybody else as the ticket's requester."""
    own = Requester.objects.filter(client=ticket.client, user_id=actor.user_id or 0).first()
    return own or ticket.requester


def _author_kind(actor: Actor, new: NewMessage) -> str:
    if actor.role is Role.REQUESTER:
        return Message.AuthorKind.REQUESTER
    if not new.is_automated and actor.kind in {ActorKind.USER, ActorKind.SERVICE}:
        return Message.AuthorKind.AGENT
    return Message.AuthorKind.AUTOMATION


def _mark_first_response(ticket: Ticket, message: Message) -> None:
    """An automated reply never counts, a note neither."""
    by_person = message.author_kind == Message.AuthorKind.AGENT and message.is_public
    if by_person and ticket.first_response_at is None:
        ticket.first_response_at = message.created_at
        ticket_save(ticket, ["first_response_at"])


def _move_status(ticket: Ticket, message: Message, actor: Actor) -> None:
    if not message.is_public:
        return
    if message.author_kind == Message.AuthorKind.REQUESTER:
        if ticket.status in {Status.PENDING, Status.ON_HOLD, Status.RESOLVED}:
            status_change(ticket=ticket, status=Status.OPEN, actor=actor, reason="The requester replied.")
    elif message.author_kind == Message.AuthorKind.AGENT and ticket.status == Status.NEW:
        status_change(ticket=ticket, status=Status.OPEN, actor=actor, reason="First reply.")
