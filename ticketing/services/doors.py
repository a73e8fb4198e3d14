"""What programs name, turned into rows of the right client; unknown and foreign names look the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import DataError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from common.actors import Actor, Role
from common.exceptions import ApplicationError, ValidationFailed
from teams.models import Client, Team, User
from ticketing.choices import Channel, TriageIntent
from ticketing.models import Attachment, Category, Module, Project, Requester, Ticket
from ticketing.services.assignments import ticket_assign
from ticketing.services.handout import person_pick
from ticketing.services.requesters import RequesterIdentity, requester_resolve
from ticketing.services.tickets import NewTicket, TicketChanges, status_change, ticket_open, ticket_update


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTicket:
    """A ticket as a program describes it: everything by slug."""

    subject: str = ""
    body: str = ""
    requester: Mapping[str, str] = field(default_factory=dict)
    project: str = ""
    module: str = ""
    category: str = ""
    severity: str = ""
    priority: str = ""
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@transaction.atomic
def named_ticket_open(
    *, client: Client, named: NamedTicket, actor: Actor, intent: str = TriageIntent.BACKGROUND
) -> Ticket:
    """Open a ticket for the requester that is named; a requester's own log-in names only himself.

    Raises ValidationFailed for names that do not exist at this client.
    """
    project = _project(client, named.project)
    taxonomy = client.ticketing_settings.taxonomy
    new = NewTicket(
        client=client,
        requester=_requester(client, named, actor),
        subject=named.subject,
        body=named.body,
        channel=Channel.API,
        project=project,
        module=_module(project, named.module),
        category=_category(taxonomy.categories.all(), named.category),
        severity=named.severity,
        priority=named.priority,
        tags=tuple(named.tags),
        metadata=dict(named.metadata),
        intent=intent,
    )
    return ticket_open(new=new, actor=actor)


def _requester(client: Client, named: NamedTicket, actor: Actor) -> Requester:
    if actor.role is Role.REQUESTER:
        user = User.objects.get(pk=actor.user_id)
        return requester_resolve(client=client, identity=RequesterIdentity(user=user))
    return requester_resolve(client=client, identity=_identity(named.requester))


def _identity(given: Mapping[str, str]) -> RequesterIdentity:
    return RequesterIdentity(
        email=given.get("email", ""), name=given.get("name", ""), external_id=given.get("external_id", "")
    )


def _project(client: Client, slug: str) -> Project | None:
    if not slug:
        return None
    found = Project.objects.filter(client=client, slug=slug, is_active=True).first()
    if found is None:
        raise ValidationFailed(fields={"project": [_("There is no such project.")]})
    return found


def _module(project: Project | None, slug: str) -> Module | None:
    if not slug:
        return None
    found = Module.objects.filter(project=project, slug=slug, is_active=True).first() if project else None
    if found is None:
        raise ValidationFailed(fields={"module": [_("There is no such module in the project.")]})
    return found


def _category(rows: Any, slug: str) -> Category | None:
    if not slug:
        return None
    found: Category | None = rows.filter(slug=slug).first()
    if found is None:
        raise ValidationFailed(fields={"category": [_("There is no such category in this taxonomy.")]})
    return found


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """One line of a bulk request: the ticket, or why there is none."""

    index: int
    ticket: Ticket | None = None
    error: ApplicationError | None = None


def named_tickets_open(
    *, client: Client, named: Sequence[NamedTicket | ApplicationError], actor: Actor
) -> list[BulkOutcome]:
    """Open each ticket in a transaction of its own: one that fails never costs another."""
    outcomes = []
    for index, item in enumerate(named):
        if isinstance(item, ApplicationError):
            outcomes.append(BulkOutcome(index, error=item))
            continue
        try:
            ticket = named_ticket_open(client=client, named=item, actor=actor, intent=TriageIntent.BULK)
            outcomes.append(BulkOutcome(index, ticket=ticket))
        except ApplicationError as error:
            outcomes.append(BulkOutcome(index, error=error))
        except DataError:
            outcomes.append(BulkOutcome(index, error=ValidationFailed(_("The database refused a value."))))
    return outcomes


@transaction.atomic
def named_changes_apply(
    *, ticket: Ticket, changes: Mapping[str, Any], actor: Actor, expected_version: int | None
) -> Ticket:
    """Change a ticket by names; status and fields together or not at all.

    Raises ValidationFailed, PreconditionFailed, TransitionNotAllowed.
    """
    values = {name: value for name, value in changes.items() if name not in {"status", "project", "module"}}
    if "category" in values:
        values["category"] = _category(ticket.taxonomy.categories.all(), values["category"] or "")
    if "project" in changes:
        values["project"] = _project(ticket.client, changes["project"] or "")
        if values["project"] != ticket.project and "module" not in changes:
            # A module belongs to its project and does not move along.
            values["module"] = None
    if "module" in changes:
        project = values.get("project", ticket.project)
        values["module"] = _module(project, changes["module"] or "")
    if "tags" in values:
        values["tags"] = tuple(values["tags"])
    updated = ticket_update(
        ticket=ticket, changes=TicketChanges(**values), actor=actor, expected_version=expected_version
    )
    if "status" in changes:
        updated = status_change(ticket=updated, status=changes["status"], actor=actor)
    return updated


@transaction.atomic
def named_assign(*, ticket: Ticket, wanted: Mapping[str, Any], actor: Actor) -> Ticket:
    """Assign by slug and username, or let the team pick (``auto``). Names left out stay as they are.

    Raises ValidationFailed for names that do not exist at the ticket's client.
    """
    team = _team(ticket, wanted["team"]) if "team" in wanted else ticket.team
    if wanted.get("auto"):
        person = person_pick(team=team, ticket=ticket) if team else None
    elif "assignee" in wanted:
        person = _person(ticket, wanted["assignee"])
    else:
        person = ticket.assignee if team == ticket.team else None
    return ticket_assign(ticket=ticket, team=team, assignee=person, actor=actor)


def _team(ticket: Ticket, slug: str | None) -> Team | None:
    if not slug:
        return None
    rows = Team.objects.for_client(ticket.client_id).filter(slug=slug, is_active=True)
    team: Team | None = rows.order_by(F("client_id").desc(nulls_last=True)).first()
    if team is None:
        raise ValidationFailed(fields={"team": [_("There is no such team.")]})
    return team


def _person(ticket: Ticket, username: str | None) -> User | None:
    if not username:
        return None
    person: User | None = User.objects.filter(
        username=username, is_active=True, clients=ticket.client_id
    ).first()
    if person is None:
        raise ValidationFailed(fields={"assignee": [_("There is no such person.")]})
    return person


def loose_files(*, ids: Sequence[UUID], actor: Actor) -> tuple[Attachment, ...]:
    """Uploaded files that belong to no ticket yet, by id. Raises ValidationFailed when one is missing."""
    rows = {row.uuid: row for row in Attachment.objects.visible_to(actor).filter(uuid__in=ids, ticket=None)}
    if len(rows) != len(set(ids)):
        raise ValidationFailed(fields={"attachments": [_("There is no such file.")]})
    return tuple(rows[item] for item in dict.fromkeys(ids))
