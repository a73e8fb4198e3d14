"""Opening and changing tickets: the only writers of ticket fields that people set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import ForeignKey
from django.utils import timezone
from django.utils.translation import gettext as _

from common.actors import Actor
from common.exceptions import PreconditionFailed, ValidationFailed
from common.letters import first_matter_line, shortened
from teams.models import Client
from ticketing import events
from ticketing.choices import (
    ALLOWED_TRANSITIONS,
    Channel,
    DecisionState,
    Priority,
    Status,
    StatusCategory,
    TriageIntent,
)
from ticketing.exceptions import TransitionNotAllowed
from ticketing.models import (
    Attachment,
    Category,
    FieldDecision,
    Message,
    Module,
    Project,
    Requester,
    Tag,
    Taxonomy,
    Ticket,
    TicketEvent,
    TicketNumber,
)
from ticketing.services.audit import Change, events_append
from ticketing.services.rendering import render_body
from ticketing.services.search import search_document_add, search_document_write

SUBJECT_LIMIT = 300
BODY_LIMIT = 100_000
_RELATIONS = {field.name for field in Ticket._meta.fields if field.is_relation}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTicket:
    """What a door knows of a request."""

    client: Client
    requester: Requester
    subject: str
    body: str
    channel: str = Channel.WEB
    taxonomy: Taxonomy | None = None
    category: Category | None = None
    severity: str = ""
    priority: str = ""
    project: Project | None = None
    module: Module | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    body_format: str = Message.Format.PLAIN
    intent: str = TriageIntent.BACKGROUND


@transaction.atomic
def ticket_open(*, new: NewTicket, actor: Actor) -> Ticket:
    """Open a ticket with its first message and event.

    Emits ``ticket_opened``; receivers owe their work in the same transaction. Raises ValidationFailed for an
    empty request or a project, module or category of another client or taxonomy.
    """
    body = new.body.replace("\x00", "").strip()
    subject = subject_of(new.subject.replace("\x00", ""), body)
    _check_new(new, subject, body)
    number = TicketNumber.objects.create().pk
    taxonomy = new.taxonomy or new.client.ticketing_settings.taxonomy
    ticket = Ticket(
        number=number,
        reference=f"SW-{number}",
        client=new.client,
        requester=new.requester,
        subject=subject,
        body=body,
        channel=new.channel,
        taxonomy=taxonomy,
        category=new.category,
        severity=new.severity,
        priority=new.priority or Priority.NORMAL,
        project=new.project,
        module=new.module,
        metadata=new.metadata,
    )
    # Lengths and choices; rows that must exist or be unique the database checks itself as it stores them.
    ticket.clean_fields(exclude={*_RELATIONS, "number", "reference"})
    ticket.save(force_insert=True)
    if new.tags:
        _tags_set(ticket, new.tags)
    _record_given(ticket, new, actor)
    message = _first_message(ticket, new)
    for attachment in new.attachments:
        attachment.ticket, attachment.message = ticket, message
        attachment.save(update_fields=["ticket", "message", "updated_at"])
    events_append(
        ticket=ticket,
        actor=actor,
        changes=[Change("ticket.opened", new={"subject": subject, "channel": new.channel})],
    )
    search_document_add(ticket=ticket)
    events.ticket_opened.publish(ticket=ticket, actor=actor, intent=new.intent)
    return ticket


def subject_of(subject: str, body: str) -> str:
    """The given subject, else the first line of the text that is not a greeting; of a length that fits."""
    return shortened(" ".join((subject.strip() or first_matter_line(body)).split()), SUBJECT_LIMIT)


def _check_new(new: NewTicket, subject: str, body: str) -> None:
    problems: dict[str, list[str]] = {}
    if not subject:
        problems["body"] = ["Write a subject or a text."]
    if len(body) > BODY_LIMIT:
        problems["body"] = [f"The text is longer than {BODY_LIMIT:,} characters."]
    if new.project is not None and new.project.client_id != new.client.pk:
        problems["project"] = ["There is no such project."]
    if new.module is not None and (new.project is None or new.module.project_id != new.project.pk):
        problems["module"] = ["The module does not belong to the project."]
    taxonomy = new.taxonomy or new.client.ticketing_settings.taxonomy
    if new.category is not None and new.category.taxonomy_id != taxonomy.pk:
        problems["category"] = ["There is no such category in this taxonomy."]
    if new.requester.client_id != new.client.pk:
        problems["requester"] = ["There is no such requester."]
    if problems:
        raise ValidationFailed(fields=problems)


def _record_given(ticket: Ticket, new: NewTicket, actor: Actor) -> None:
    """What the caller gave is a person's decision: no run overwrites it (C3)."""
    given = {
        "category": new.category.slug if new.category else "",
        "severity": new.severity,
        "priority": new.priority,
    }
    FieldDecision.objects.bulk_create(
        FieldDecision(
            ticket=ticket,
            field=name,
            value=value,
            state=DecisionState.CONFIRMED,
            source=actor.kind.value,
            reasoning="Given when the ticket was opened.",
        )
        for name, value in given.items()
        if value
    )


def _first_message(ticket: Ticket, new: NewTicket) -> Message:
    text = new.body.replace("\x00", "").strip() or ticket.subject
    return Message.objects.create(
        ticket=ticket,
        is_public=True,
        is_first=True,
        author_kind=Message.AuthorKind.REQUESTER,
        author_requester=new.requester,
        author_label=str(new.requester)[:200],
        body=text,
        format=new.body_format,
        html=render_body(text, new.body_format),
    )


def _tags_set(ticket: Ticket, names: tuple[str, ...]) -> None:
    clean = sorted({name.strip()[:60] for name in names if name.strip()})
    Tag.objects.bulk_create([Tag(client=ticket.client, name=name) for name in clean], ignore_conflicts=True)
    ticket.tags.set(Tag.objects.filter(client=ticket.client, name__in=clean))


def ticket_lock(*, ticket_id: int) -> Ticket:
    """The ticket under its row lock; on SQLite the immediate transaction is the lock.

    Not the key: two runs that link each other's tickets would wait for each other for ever.
    """
    return (
        Ticket.objects.select_for_update(of=("self",), no_key=True).select_related("client").get(pk=ticket_id)
    )


def tickets_lock(*, ticket_ids: Sequence[int]) -> dict[int, Ticket]:
    """Several tickets under their row locks, taken in the order of their keys so that no two writers wait
    for each other; by key. Raises KeyError at the caller for one that is gone.
    """
    rows = Ticket.objects.select_for_update(of=("self",), no_key=True).select_related("client", "requester")
    return {row.pk: row for row in rows.filter(pk__in=ticket_ids).order_by("pk")}


def tickets_lock_free(*, ticket_ids: Sequence[int]) -> list[int]:
    """Lock those of the tickets that nobody else holds, and say which.

    For work that may come back for the others: it waits for nobody.
    """
    rows = Ticket.objects.filter(pk__in=ticket_ids).order_by("pk")
    return list(rows.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True))


UNCHANGED: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketChanges:
    """A partial update; fields left at ``UNCHANGED`` stay as they are."""

    subject: str = UNCHANGED
    priority: str = UNCHANGED
    severity: str = UNCHANGED
    category: Category | None = UNCHANGED
    project: Project | None = UNCHANGED
    module: Module | None = UNCHANGED
    sentiment: str = UNCHANGED
    root_cause: str = UNCHANGED
    language: str = UNCHANGED
    summary: str = UNCHANGED
    tags: tuple[str, ...] = UNCHANGED
    metadata: dict[str, Any] = UNCHANGED

    def given(self) -> dict[str, Any]:
        """The fields that have a value, by name."""
        return {
            item.name: value for item in fields(self) if (value := getattr(self, item.name)) is not UNCHANGED
        }


DECIDED_FIELDS = frozenset(
    {"category", "severity", "priority", "sentiment", "root_cause", "language", "summary"}
)


@transaction.atomic
def ticket_update(
    *, ticket: Ticket, changes: TicketChanges, actor: Actor, expected_version: int | None = None
) -> Ticket:
    """Change fields by a person's hand; triaged fields become the person's decision.

    Raises PreconditionFailed when ``expected_version`` is stale, ValidationFailed for foreign references.
    Emits ``ticket_changed`` and, for triaged fields, ``field_decided``.
    """
    locked = ticket_lock(ticket_id=ticket.pk)
    if expected_version is not None and locked.version != expected_version:
        raise PreconditionFailed
    given = changes.given()
    _check_changes(locked, given)
    tags = given.pop("tags", None)
    audit: list[Change] = []
    for name, value in given.items():
        old = getattr(locked, name)
        if old != value:
            setattr(locked, name, value)
            audit.append(Change("ticket.changed", field=name, old=plain(old), new=plain(value)))
    if tags is not None:
        old_tags = sorted(locked.tags.values_list("name", flat=True))
        _tags_set(locked, tags)
        if old_tags != sorted(set(tags)):
            audit.append(Change("ticket.changed", field="tags", old=old_tags, new=sorted(set(tags))))
    decided = {name: plain(value) or "" for name, value in given.items() if name in DECIDED_FIELDS}
    if decided:
        _decide(locked, decided, actor)
    if audit:
        ticket_save(locked, [change.field for change in audit if change.field != "tags"])
        events_append(ticket=locked, actor=actor, changes=audit)
        search_document_write(ticket=locked)
        names = frozenset(change.field for change in audit)
        events.ticket_changed.publish(ticket=locked, actor=actor, fields=names)
    if decided:
        events.field_decided.publish(ticket=locked, actor=actor, decisions=decided)
    return locked


def _check_changes(ticket: Ticket, given: dict[str, Any]) -> None:
    problems: dict[str, list[str]] = {}
    project = given.get("project", ticket.project)
    if given.get("project") is not None and given["project"].client_id != ticket.client_id:
        problems["project"] = ["There is no such project."]
    if given.get("module") is not None and (project is None or given["module"].project_id != project.pk):
        problems["module"] = ["The module does not belong to the project."]
    if given.get("category") is not None and given["category"].taxonomy_id != ticket.taxonomy_id:
        problems["category"] = ["There is no such category in this taxonomy."]
    if "subject" in given and not given["subject"].strip():
        problems["subject"] = ["Write a subject."]
    if problems:
        raise ValidationFailed(fields=problems)


def _decide(ticket: Ticket, decided: dict[str, str], actor: Actor) -> None:
    """Keep what the person decided; a value equal to the prediction is a confirmation."""
    current = {row.field: row for row in ticket.decisions.filter(field__in=decided)}
    for name, value in decided.items():
        row = current.get(name)
        agreed = row is not None and row.value == value
        FieldDecision.objects.update_or_create(
            ticket=ticket,
            field=name,
            defaults={
                "value": value[:200],
                "state": DecisionState.CONFIRMED if agreed else DecisionState.CORRECTED,
                "decided_by_id": actor.user_id,
                "source": row.source if agreed and row else actor.kind.value,
            },
        )


def ticket_save(ticket: Ticket, names: list[str]) -> None:
    """Validate and write the named fields with a new version; the caller holds the lock.

    Only these are validated, and no row that is at hand: asking whether it is there costs a query.
    """
    ticket.version += 1
    fields = ticket._meta.concrete_fields
    at_hand = {field.name for field in fields if isinstance(field, ForeignKey) and field.is_cached(ticket)}
    known = {field.name for field in fields} - set(names) | at_hand
    ticket.full_clean(exclude=known, validate_unique=False, validate_constraints=False)
    ticket.save(update_fields=[*dict.fromkeys(names), "version", "updated_at"])


def plain(value: Any) -> Any:
    """A value as the audit shows it: slug or name instead of a row."""
    return getattr(value, "slug", None) or getattr(value, "username", None) or value


@transaction.atomic
def status_change(*, ticket: Ticket, status: str, actor: Actor, reason: str = "") -> Ticket:
    """Move a ticket to another status by the table of ``ticketing.choices`` (T2).

    Raises TransitionNotAllowed. The same status again changes nothing. Emits ``status_changed``.
    """
    locked = ticket_lock(ticket_id=ticket.pk)
    old = locked.status
    if status == old:
        return locked
    if status not in ALLOWED_TRANSITIONS[old]:
        labels = dict(Status.choices)
        raise TransitionNotAllowed(
            _("A ticket that is “%(old)s” cannot become “%(new)s”.")
            % {"old": labels[old], "new": labels.get(status, status)},
            fields={"status": [_("This change of status is not allowed.")]},
        )
    locked.status = status
    now = timezone.now()
    category = locked.status_category
    if category == StatusCategory.RESOLVED:
        locked.resolved_at = now
    elif category == StatusCategory.CLOSED:
        locked.closed_at = now
        locked.resolved_at = locked.resolved_at or now
    else:
        locked.resolved_at = None
    ticket_save(locked, ["status", "resolved_at", "closed_at"])
    change = Change("status.changed", field="status", old=old, new=status, reason=reason)
    events_append(ticket=locked, actor=actor, changes=[change])
    events.status_changed.publish(ticket=locked, actor=actor, old=old, new=status)
    return locked


@transaction.atomic
def status_restore(
    *,
    ticket: Ticket,
    status: str,
    resolved_at: datetime | None,
    closed_at: datetime | None,
    since: datetime | None,
    actor: Actor,
    reason: str,
) -> Ticket:
    """Put a status back that was there before, with its times; only for taking a change back.

    ``since`` is when it was left; None for the last change of status. The table of transitions is about going
    on, not about going back. Emits ``status_changed``.
    """
    locked = ticket_lock(ticket_id=ticket.pk)
    old, locked.status = locked.status, status
    changes = TicketEvent.objects.filter(ticket=locked, verb="status.changed").order_by("-sequence")
    left_at = since or changes.values_list("created_at", flat=True).first()
    locked.resolved_at, locked.closed_at = resolved_at, closed_at
    ticket_save(locked, ["status", "resolved_at", "closed_at"])
    change = Change("status.changed", field="status", old=old, new=status, reason=reason)
    events_append(ticket=locked, actor=actor, changes=[change])
    events.status_changed.publish(ticket=locked, actor=actor, old=old, new=status, takes_back=left_at)
    return locked


@transaction.atomic(savepoint=False)
def next_due_set(*, ticket_id: int, next_due_at: Any) -> None:
    """Keep the earliest running deadline on the ticket; called by ``sla``, not audited."""
    Ticket.objects.filter(pk=ticket_id).update(next_due_at=next_due_at)
