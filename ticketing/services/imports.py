"""Tickets in bulk from another system: their own path, without clocks, mail or webhooks (T12, T14)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext

from common.actors import Actor, Deed
from common.exceptions import Conflict, NotAllowed
from teams.models import Client, Team
from ticketing import events
from ticketing.choices import BatchState, Channel, DecisionState, Priority, Status
from ticketing.models import (
    Assignment,
    Category,
    ExternalReference,
    FieldDecision,
    ImportedTicket,
    Message,
    Requester,
    RequesterAddress,
    Tag,
    Ticket,
    TicketBatch,
    TicketNumber,
    TicketSearchDocument,
)
from ticketing.services.audit import Change, histories_begin
from ticketing.services.rendering import render_body
from ticketing.services.search import TEXT_LIMIT
from ticketing.services.tickets import BODY_LIMIT, subject_of

CHUNK = 500
"""Rows a transaction: short enough for other writers, long enough to be quick."""
_ENDED = {Status.RESOLVED, Status.CLOSED}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRow:
    """One ticket of a file, checked: words are stored words, times are aware, references are the client's."""

    row: int
    subject: str
    body: str
    status: str = Status.OPEN
    external_id: str = ""
    requester_email: str = ""
    requester_name: str = ""
    requester_id: str = ""
    category: Category | None = None
    team: Team | None = None
    severity: str = ""
    priority: str = ""
    language: str = ""
    tags: tuple[str, ...] = ()
    created_at: datetime | None = None
    resolved_at: datetime | None = None
    answer: str = ""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Words of the file that nothing here answers to; kept in the ticket's metadata."""

    def problem(self) -> str:
        """What forbids the row, as a sentence; empty when nothing does."""
        if not self.subject.strip() and not self.body.strip():
            return "There is neither a subject nor a text."
        if len(self.body) > BODY_LIMIT or len(self.answer) > BODY_LIMIT:
            return f"The text is longer than {BODY_LIMIT:,} characters."
        if self.created_at and self.resolved_at and self.resolved_at < self.created_at:
            return "It was resolved before it was created."
        return address_problem(self.requester_email)


@dataclass(slots=True)
class ImportOutcome:
    """What became of some rows: tickets made (now or by an attempt before), and rows known from earlier."""

    made: int = 0
    known: list[int] = field(default_factory=list)


def address_problem(email: str) -> str:
    """What is wrong with an address, as a sentence; empty when it is good or not given."""
    if email:
        try:
            validate_email(email)
        except ValidationError:
            return "The e-mail address is not valid."
    return ""


def import_allowed(*, client: Client, actor: Actor) -> None:
    """Raises NotAllowed for an actor without the permission, or outside the client."""
    if not actor.may(Deed.IMPORT) or not actor.may_see_client(client.pk):
        raise NotAllowed(gettext("You may not import tickets."))


@transaction.atomic
def batch_open(*, client: Client, label: str, system: str, actor: Actor) -> TicketBatch:
    """Begin an import; nothing is told of it until ``batch_finish``. Raises NotAllowed."""
    import_allowed(client=client, actor=actor)
    batch = TicketBatch(client=client, label=label[:255], system=system[:40], created_by_id=actor.user_id)
    batch.full_clean()
    batch.save(force_insert=True)
    return batch


@transaction.atomic
def tickets_import(*, batch: TicketBatch, rows: Sequence[ImportRow], actor: Actor) -> ImportOutcome:
    """Write some rows of a batch, all in bulk: at most ``CHUNK`` at a time, each without a ``problem``.

    A row that the batch has already is counted and not written again, so an attempt that broke off is simply
    repeated; a row whose external id the client has is left out. Emits nothing: no run, clock, mail or
    webhook follows from a ticket of an import. Raises Conflict when the batch is not open, NotAllowed.
    """
    import_allowed(client=batch.client, actor=actor)
    locked = TicketBatch.objects.select_for_update(of=("self",)).select_related("client").get(pk=batch.pk)
    if locked.state != BatchState.OPEN:
        raise Conflict(gettext("This import has ended."))
    outcome = ImportOutcome()
    written = ImportedTicket.objects.filter(batch=locked, row__in=[row.row for row in rows])
    done = set(written.values_list("row", flat=True))
    fresh = _unknown(locked, [row for row in rows if row.row not in done], outcome)
    if fresh:
        _write(locked, fresh, actor)
    outcome.made = len(done) + len(fresh)
    return outcome


def known_external_ids(*, client: Client, system: str, ids: Iterable[str]) -> set[str]:
    """Which of some external ids the client has tickets for."""
    rows = ExternalReference.objects.filter(client=client, system=system, external_id__in=list(ids))
    return set(rows.values_list("external_id", flat=True))


def _unknown(batch: TicketBatch, rows: Sequence[ImportRow], outcome: ImportOutcome) -> list[ImportRow]:
    ids = {row.external_id for row in rows if row.external_id}
    known = known_external_ids(client=batch.client, system=batch.system, ids=ids) if ids else set()
    fresh = []
    for row in rows:
        if row.external_id and row.external_id in known:
            outcome.known.append(row.row)
            continue
        known.add(row.external_id)
        fresh.append(row)
    return fresh


def _write(batch: TicketBatch, rows: Sequence[ImportRow], actor: Actor) -> None:
    """Everything that a ticket consists of, one statement a table."""
    client = batch.client
    requesters = _requesters(client, rows)
    numbers = TicketNumber.objects.bulk_create([TicketNumber() for _ in rows])
    now = timezone.now()
    tickets = [
        _ticket(client, row, person, number.pk, now)
        for row, person, number in zip(rows, requesters, numbers, strict=True)
    ]
    Ticket.objects.bulk_create(tickets)
    pairs = list(zip(tickets, rows, strict=True))
    ImportedTicket.objects.bulk_create(
        ImportedTicket(ticket=ticket, batch=batch, row=row.row) for ticket, row in pairs
    )
    ExternalReference.objects.bulk_create(
        ExternalReference(ticket=ticket, client=client, system=batch.system, external_id=row.external_id)
        for ticket, row in pairs
        if row.external_id
    )
    Message.objects.bulk_create([item for ticket, row in pairs for item in _messages(ticket, row, actor)])
    FieldDecision.objects.bulk_create([item for ticket, row in pairs for item in _decisions(ticket, row)])
    Assignment.objects.bulk_create(
        Assignment(
            ticket=ticket, team=row.team, actor_kind=actor.kind.value, actor_label=actor.label[:200],
            reason="As in the imported file.",
        )
        for ticket, row in pairs
        if row.team
    )  # fmt: skip
    _tags(client, pairs)
    TicketSearchDocument.objects.bulk_create(_document(ticket, row) for ticket, row in pairs)
    origin = {"channel": Channel.IMPORT.value, "batch": str(batch.uuid)}
    changes = [
        (ticket, Change("ticket.imported", new={**origin, "subject": ticket.subject})) for ticket in tickets
    ]
    histories_begin(tickets=changes, actor=actor)


def _ticket(client: Client, row: ImportRow, requester: Requester, number: int, now: datetime) -> Ticket:
    created = min(row.created_at or now, now)
    ended = max(row.resolved_at or created, created) if row.status in _ENDED else None
    return Ticket(
        number=number,
        reference=f"SW-{number}",
        client=client,
        requester=requester,
        subject=subject_of(row.subject, row.body),
        body=row.body,
        channel=Channel.IMPORT,
        status=row.status,
        taxonomy_id=client.ticketing_settings.taxonomy_id,
        category=row.category,
        team=row.team,
        severity=row.severity,
        priority=row.priority or Priority.NORMAL,
        language=row.language,
        metadata={"imported": dict(row.kept)} if row.kept else {},
        created_at=created,
        resolved_at=ended,
        closed_at=ended if row.status == Status.CLOSED else None,
    )


def _messages(ticket: Ticket, row: ImportRow, actor: Actor) -> list[Message]:
    """The request, and the answer where the file has one."""
    text = row.body or ticket.subject
    plain = Message.Format.PLAIN
    found = [
        Message(
            ticket=ticket, is_first=True, author_kind=Message.AuthorKind.REQUESTER,
            author_requester=ticket.requester, author_label=_named(ticket.requester, row)[:200], body=text,
            format=plain, html=render_body(text, plain), created_at=ticket.created_at,
        )
    ]  # fmt: skip
    if row.answer:
        found.append(
            Message(
                ticket=ticket, author_kind=Message.AuthorKind.AGENT, author_label="Imported answer",
                body=row.answer, format=plain, html=render_body(row.answer, plain),
                created_at=ticket.resolved_at or ticket.created_at,
            )
        )  # fmt: skip
    return found


def _named(requester: Requester, row: ImportRow) -> str:
    return requester.name or row.requester_email or requester.external_id or "Requester"


def _decisions(ticket: Ticket, row: ImportRow) -> list[FieldDecision]:
    """What the file says was decided by people elsewhere: no run overwrites it (C3)."""
    given = {
        "category": row.category.slug if row.category else "",
        "team": row.team.slug if row.team else "",
        "severity": row.severity,
        "priority": row.priority,
        "language": row.language,
    }
    return [
        FieldDecision(
            ticket=ticket, field=name, value=value, state=DecisionState.CONFIRMED, source="import",
            reasoning="As in the imported file.",
        )
        for name, value in given.items()
        if value
    ]  # fmt: skip


def _tags(client: Client, pairs: Sequence[tuple[Ticket, ImportRow]]) -> None:
    names = {name[:60] for _, row in pairs for name in row.tags}
    if not names:
        return
    Tag.objects.bulk_create([Tag(client=client, name=name) for name in sorted(names)], ignore_conflicts=True)
    keys = dict(Tag.objects.filter(client=client, name__in=names).values_list("name", "pk"))
    through = Ticket.tags.through
    through.objects.bulk_create(
        through(ticket_id=ticket.pk, tag_id=pk)
        for ticket, row in pairs
        for pk in {keys[name[:60]] for name in row.tags}
    )


def _document(ticket: Ticket, row: ImportRow) -> TicketSearchDocument:
    requester = ticket.requester
    words = [ticket.reference, requester.name, requester.external_id, requester.phone, row.requester_email]
    text = "\n".join(filter(None, [ticket.subject, ticket.body, row.answer]))[:TEXT_LIMIT]
    return TicketSearchDocument(ticket=ticket, identifiers=" ".join(filter(None, words)), text=text)


def _requesters(client: Client, rows: Sequence[ImportRow]) -> list[Requester]:
    """The requester of each row: by number, else by address, else the client's anonymous one.

    A person without address and number is told apart by name alone, within this import and before.
    """
    keys = [_key_of(row) for row in rows]
    found = _existing(client, set(keys))
    new: dict[tuple[str, str], Requester] = {}
    for key, row in zip(keys, rows, strict=True):
        if key not in found and key not in new:
            new[key] = _new_requester(client, key, row)
    Requester.objects.bulk_create(new.values())
    addresses = {key[1]: person for key, person in new.items() if key[0] == "email"}
    for key, row in zip(keys, rows, strict=True):
        if key[0] == "id" and row.requester_email and key in new:
            addresses.setdefault(row.requester_email, new[key])
    rows_of = [
        RequesterAddress(requester=who, client=client, email=email) for email, who in addresses.items()
    ]
    RequesterAddress.objects.bulk_create(rows_of, ignore_conflicts=True)
    found |= new
    return [found[key] for key in keys]


def _key_of(row: ImportRow) -> tuple[str, str]:
    if row.requester_id:
        return "id", row.requester_id[:120]
    if row.requester_email:
        return "email", row.requester_email
    return ("name", row.requester_name[:200]) if row.requester_name else ("id", "anonymous")


def _existing(client: Client, keys: set[tuple[str, str]]) -> dict[tuple[str, str], Requester]:
    def values(kind: str) -> list[str]:
        return [value for name, value in keys if name == kind]

    own = Requester.objects.filter(client=client)
    found = {("id", person.external_id): person for person in own.filter(external_id__in=values("id"))}
    addresses = RequesterAddress.objects.filter(client=client, email__in=values("email"))
    found |= {("email", row.email): row.requester for row in addresses.select_related("requester")}
    unnamed = own.filter(name__in=values("name"), external_id="", user=None, addresses=None)
    return found | {("name", person.name): person for person in unnamed}


def _new_requester(client: Client, key: tuple[str, str], row: ImportRow) -> Requester:
    anonymous = key == ("id", "anonymous")
    return Requester(
        client=client,
        name="Anonymous" if anonymous else row.requester_name[:200],
        external_id=key[1] if key[0] == "id" else "",
        is_anonymous=anonymous,
    )


@transaction.atomic
def batch_finish(*, batch: TicketBatch, triage: str, actor: Actor) -> None:
    """End an import and tell of it: one event for all of it. Emits ``tickets_imported``.

    Finishing twice tells once.
    """
    ended = TicketBatch.objects.filter(pk=batch.pk, state=BatchState.OPEN)
    if ended.update(state=BatchState.FINISHED, updated_at=timezone.now()):
        batch.refresh_from_db(fields=["state"])
        events.tickets_imported.publish(batch=batch, actor=actor, triage=triage)


def batch_undo(*, batch: TicketBatch, actor: Actor, alive: Callable[[], Any]) -> tuple[int, int]:
    """Take the tickets of an import back: how many went, and how many stay because they were worked on.

    A ticket stays when anything but the import is in its history. Goes in chunks; ``alive`` is called after
    each. Repeating takes what is left. Raises NotAllowed.
    """
    import_allowed(client=batch.client, actor=actor)
    TicketBatch.objects.filter(pk=batch.pk).update(state=BatchState.UNDONE, updated_at=timezone.now())
    removed = 0
    while True:
        with transaction.atomic():
            untouched = (
                Ticket.objects.filter(imported_from__batch=batch)
                .annotate(steps=Count("events"))
                .filter(steps=1)
                .order_by("pk")
            )
            ids = list(untouched.values_list("pk", flat=True)[:CHUNK])
            Ticket.objects.filter(pk__in=ids).delete()
        if not ids:
            return removed, batch.tickets.count()
        removed += len(ids)
        alive()
