"""Merging two tickets, taking it back exactly, and splitting a message off (T8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext

from common.actors import Actor, Deed
from common.exceptions import Conflict, NotAllowed, NotFound, ValidationFailed
from ticketing import events
from ticketing.choices import LinkKind, LinkState, Status, StatusCategory
from ticketing.exceptions import MergeStands, TicketClosed
from ticketing.models import Attachment, Message, Tag, Ticket, TicketFollower, TicketLink, TicketMerge
from ticketing.services.audit import Change, events_append
from ticketing.services.search import search_document_write
from ticketing.services.tickets import NewTicket, ticket_lock, ticket_open, ticket_save, tickets_lock

_STATUS_FIELDS = ("status", "resolved_at", "closed_at")


@transaction.atomic
def ticket_merge(*, source: Ticket, target: Ticket, actor: Actor, follow: bool = True) -> Ticket:
    """Close ``source`` and move its conversation, files, links and people into ``target``.

    ``follow`` makes the requester of ``source`` a follower of ``target``, who reads its public conversation.
    Raises NotFound for a ticket of another client, ValidationFailed for the ticket itself, Conflict for a
    closed or merged one, NotAllowed for staff without the permission. Emits ``ticket_merged``.
    Returns the target.
    """
    _check_allowed(actor)
    if source.client_id != target.client_id:
        raise NotFound(gettext("There is no such ticket."))
    if source.pk == target.pk:
        raise ValidationFailed(fields={"into": [gettext("A ticket cannot be merged into itself.")]})
    locked = tickets_lock(ticket_ids=[source.pk, target.pk])
    source, target = locked[source.pk], locked[target.pk]
    _check_open(source)
    _check_open(target)
    moved: dict[str, Any] = {name: _plain(getattr(source, name)) for name in _STATUS_FIELDS}
    moved |= _messages_move(source, target)
    moved |= _people_move(source, target, follow=follow)
    moved |= _links_move(source, target, actor)
    TicketMerge.objects.create(source=source, target=target, moved=moved, merged_by_id=actor.user_id)
    now, old = timezone.now(), source.status
    source.status, source.closed_at, source.resolved_at = Status.CLOSED, now, source.resolved_at or now
    source.merged_into = target
    ticket_save(source, [*_STATUS_FIELDS, "merged_into"])
    ticket_save(target, [])
    changes = [
        Change("ticket.merged", field="merged_into", new=target.reference),
        Change("status.changed", field="status", old=old, new=Status.CLOSED, reason="Merged."),
    ]
    events_append(ticket=source, actor=actor, changes=changes)
    absorbed = {"reference": source.reference, "messages": len(moved["messages"])}
    events_append(ticket=target, actor=actor, changes=[Change("ticket.absorbed", new=absorbed)])
    search_document_write(ticket=source)
    search_document_write(ticket=target)
    events.ticket_merged.publish(ticket=source, target=target, actor=actor)
    return target


def _check_allowed(actor: Actor) -> None:
    """Programs merge within their scope, people with the permission (R3)."""
    if actor.is_staff and not actor.may(Deed.MERGE):
        raise NotAllowed(gettext("You may not merge or split tickets."))


def _check_open(ticket: Ticket) -> None:
    if ticket.merged_into_id is not None:
        raise Conflict(gettext("%(reference)s has been merged already.") % {"reference": ticket.reference})
    if ticket.status_category == StatusCategory.CLOSED:
        raise TicketClosed(
            gettext("%(reference)s is closed and cannot be merged.") % {"reference": ticket.reference}
        )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _messages_move(source: Ticket, target: Ticket) -> dict[str, Any]:
    """The text that opened the source is an ordinary message of the target. Rows keep their times."""
    messages = list(source.messages.values_list("pk", flat=True))
    first = source.messages.filter(is_first=True).values_list("pk", flat=True).first()
    attachments = list(source.attachments.values_list("pk", flat=True))
    Message.objects.filter(pk__in=messages).update(ticket=target, is_first=False)
    Attachment.objects.filter(pk__in=attachments).update(ticket=target)
    return {"messages": messages, "first": first, "attachments": attachments}


def _people_move(source: Ticket, target: Ticket, *, follow: bool) -> dict[str, Any]:
    known = {target.requester_id, *target.followers.values_list("requester_id", flat=True)}
    coming = [source.requester_id, *source.followers.values_list("requester_id", flat=True)] if follow else []
    new = [pk for pk in dict.fromkeys(coming) if pk not in known]
    TicketFollower.objects.bulk_create(TicketFollower(ticket=target, requester_id=pk) for pk in new)
    has = set(target.tags.values_list("pk", flat=True))
    tags = [pk for pk in source.tags.values_list("pk", flat=True) if pk not in has]
    target.tags.add(*tags)
    return {"followers": new, "tags": tags}


def _links_move(source: Ticket, target: Ticket, actor: Actor) -> dict[str, Any]:
    """Links of the source to others now start or end at the target, but for those the target has itself."""
    between = Q(source=source, target=target) | Q(source=target, target=source)
    ends = Q(source=source) | Q(target=source)
    taken = {
        (row.source_id, row.target_id, row.kind)
        for row in TicketLink.objects.filter(Q(source=target) | Q(target=target))
    }
    moved = []
    for row in TicketLink.objects.filter(ends).exclude(between):
        side = "source" if row.source_id == source.pk else "target"
        pair = (target.pk, row.target_id) if side == "source" else (row.source_id, target.pk)
        if (*pair, row.kind) not in taken:
            TicketLink.objects.filter(pk=row.pk).update(**{side: target})
            moved.append([row.pk, side])
    found = TicketLink.objects.filter(between, kind=LinkKind.DUPLICATE).first()
    if found is None:
        made = TicketLink.objects.create(
            source=source,
            target=target,
            kind=LinkKind.DUPLICATE,
            state=LinkState.CONFIRMED,
            created_by_id=actor.user_id,
        )
        return {"links": moved, "link": made.pk, "link_state": None}
    TicketLink.objects.filter(pk=found.pk).update(state=LinkState.CONFIRMED)
    return {"links": moved, "link": found.pk, "link_state": found.state}


@transaction.atomic
def ticket_unmerge(*, ticket: Ticket, actor: Actor) -> Ticket:
    """Take the merge of ``ticket`` back: both tickets are as before, but for what was added to them since.

    Raises Conflict where the ticket is not merged, MergeStands where something since then prevents it.
    Emits ``ticket_unmerged``. Returns the ticket.
    """
    _check_allowed(actor)
    merge, source, target = _merge_in_force(ticket)
    moved = merge.moved
    _check_movable(source, target, moved)
    _messages_return(source, moved)
    TicketFollower.objects.filter(ticket=target, requester__in=moved["followers"]).delete()
    target.tags.remove(*Tag.objects.filter(pk__in=moved["tags"]))
    _links_return(source, moved)
    source.status = moved["status"]
    source.resolved_at = parse_datetime(moved["resolved_at"]) if moved["resolved_at"] else None
    source.closed_at = parse_datetime(moved["closed_at"]) if moved["closed_at"] else None
    source.merged_into = None
    ticket_save(source, [*_STATUS_FIELDS, "merged_into"])
    ticket_save(target, [])
    merge.undone_at, merge.undone_by_id = timezone.now(), actor.user_id
    merge.save(update_fields=["undone_at", "undone_by", "updated_at"])
    changes = [
        Change("ticket.unmerged", field="merged_into", old=target.reference),
        Change("status.changed", field="status", old=Status.CLOSED, new=source.status, reason="Unmerged."),
    ]
    events_append(ticket=source, actor=actor, changes=changes)
    events_append(ticket=target, actor=actor, changes=[Change("ticket.released", new=source.reference)])
    search_document_write(ticket=source)
    search_document_write(ticket=target)
    events.ticket_unmerged.publish(ticket=source, target=target, actor=actor)
    return source


def _merge_in_force(ticket: Ticket) -> tuple[TicketMerge, Ticket, Ticket]:
    """The merge of a ticket with both ends locked. Raises Conflict where there is none (any more)."""
    rows = TicketMerge.objects.filter(source=ticket, undone_at=None)
    target_id = rows.values_list("target", flat=True).first()
    locked = tickets_lock(ticket_ids=[ticket.pk, target_id]) if target_id else {}
    merge = rows.filter(target=target_id).first()
    if merge is None:
        raise Conflict(gettext("%(reference)s has not been merged.") % {"reference": ticket.reference})
    return merge, locked[merge.source_id], locked[merge.target_id]


def _check_movable(source: Ticket, target: Ticket, moved: dict[str, Any]) -> None:
    if target.merged_into_id is not None:
        raise MergeStands(
            gettext("%(reference)s has itself been merged since. Take that merge back first, then this one.")
            % {"reference": target.reference}
        )
    messages = Message.objects.filter(pk__in=moved["messages"], ticket=target).count()
    if messages != len(moved["messages"]):
        raise MergeStands(
            gettext("A message of %(reference)s has left %(reference_2)s since, so the merge stands.")
            % {"reference": source.reference, "reference_2": target.reference}
        )
    files = Attachment.objects.filter(pk__in=moved["attachments"], ticket=target).count()
    if files != len(moved["attachments"]):
        raise MergeStands(
            gettext("A file of %(reference)s has left %(reference_2)s since, so the merge stands.")
            % {"reference": source.reference, "reference_2": target.reference}
        )
    links = TicketLink.objects.filter(pk__in=[pk for pk, _ in moved["links"]]).count()
    if links != len(moved["links"]):
        raise MergeStands(
            gettext("A link of %(reference)s has been removed since, so the merge stands.")
            % {"reference": source.reference}
        )


def _messages_return(source: Ticket, moved: dict[str, Any]) -> None:
    Message.objects.filter(pk__in=moved["messages"]).update(ticket=source)
    Message.objects.filter(pk=moved["first"] or 0).update(is_first=True)
    Attachment.objects.filter(pk__in=moved["attachments"]).update(ticket=source)


def _links_return(source: Ticket, moved: dict[str, Any]) -> None:
    for pk, side in moved["links"]:
        TicketLink.objects.filter(pk=pk).update(**{side: source})
    link = TicketLink.objects.filter(pk=moved["link"])
    if moved["link_state"] is None:
        link.delete()
    else:
        link.update(state=moved["link_state"])


@transaction.atomic
def message_split(*, message: Message, actor: Actor, subject: str = "") -> Ticket:
    """Make a message and its files a ticket of its own, linked with the old one; it leaves the old one.

    Raises Conflict for the text that opened the ticket, for an internal note (its text would become one that
    the requester reads) and for a closed ticket. Emits ``ticket_opened``. Returns the new ticket.
    """
    _check_allowed(actor)
    ticket = ticket_lock(ticket_id=message.ticket_id)
    message = Message.objects.select_related("author_requester").get(pk=message.pk)
    _check_split(ticket, message)
    requester = message.author_requester or ticket.requester
    new = NewTicket(
        client=ticket.client,
        requester=requester,
        subject=subject or f"{ticket.subject} (split off)",
        body=message.body,
        channel=ticket.channel,
        taxonomy=ticket.taxonomy,
        project=ticket.project,
        module=ticket.module,
        body_format=message.format,
    )
    opened = ticket_open(new=new, actor=actor)
    opened.messages.filter(is_first=True).delete()
    Message.objects.filter(pk=message.pk).update(ticket=opened, is_first=True)
    message.attachments.update(ticket=opened)
    TicketLink.objects.create(
        source=opened,
        target=ticket,
        kind=LinkKind.RELATED,
        state=LinkState.CONFIRMED,
        created_by_id=actor.user_id,
    )
    ticket_save(ticket, [])
    events_append(
        ticket=ticket,
        actor=actor,
        changes=[Change("message.split", old=str(message.uuid), new=opened.reference)],
    )
    search_document_write(ticket=ticket)
    return opened


def _check_split(ticket: Ticket, message: Message) -> None:
    if message.ticket_id != ticket.pk:
        raise Conflict(gettext("The message has moved to another ticket since."))
    if ticket.status_category == StatusCategory.CLOSED:
        raise TicketClosed
    if message.is_first:
        raise Conflict(gettext("The text that opened the ticket cannot be split off."))
    if not message.is_public:
        raise Conflict(gettext("An internal note cannot become a ticket: the requester would read it."))
