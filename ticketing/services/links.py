"""Links between tickets: proposed by triage, made and decided by people (T8, C19)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext

from common.actors import Actor, ActorKind, automation_actor
from common.exceptions import Conflict, ValidationFailed
from ticketing.choices import LinkKind, LinkState
from ticketing.models import Ticket, TicketLink
from ticketing.services.audit import Change, events_append
from ticketing.services.tickets import ticket_lock

CHILD = "child"


@dataclass(frozen=True, slots=True)
class LinkProposal:
    """A ticket that may belong to another: how, and how alike in parts (each in [0, 1])."""

    target_id: int
    kind: str
    score: float
    parts: dict[str, float] = field(default_factory=dict)


@transaction.atomic(savepoint=False)
def links_propose(*, ticket: Ticket, proposals: Sequence[LinkProposal]) -> list[TicketLink]:
    """Keep what triage proposes; the caller holds the ticket's lock.

    A pair that is already linked, or was dismissed, stays as it is.
    Proposals of another client's tickets are left out.
    """
    if not proposals:
        return []
    targets = set(
        Ticket.objects.filter(
            pk__in=[item.target_id for item in proposals], client_id=ticket.client_id
        ).values_list("pk", flat=True)
    )
    known = _known_pairs(ticket)
    fresh = [
        item
        for item in proposals
        if item.target_id in targets and (item.target_id, item.kind == LinkKind.PARENT) not in known
    ]
    rows = TicketLink.objects.bulk_create(
        TicketLink(
            source=ticket, target_id=item.target_id, kind=item.kind, score=item.score, parts=item.parts
        )
        for item in fresh
    )
    if rows:
        events_append(
            ticket=ticket,
            actor=automation_actor(ActorKind.LOCAL_MODEL, "similarity"),
            changes=[Change("link.proposed", field=item.kind, new=item.target_id) for item in fresh],
        )
    return rows


def _known_pairs(ticket: Ticket) -> set[tuple[int, bool]]:
    """The tickets linked with this one, each with whether one is the other's incident.

    Alike and part of an incident are two statements: a pair may have a link of either sort.
    """
    links = TicketLink.objects.filter(Q(source=ticket) | Q(target=ticket)).order_by()
    return {
        (target if source == ticket.pk else source, kind == LinkKind.PARENT)
        for source, target, kind in links.values_list("source_id", "target_id", "kind")
    }


@transaction.atomic
def link_create(*, source: Ticket, target: Ticket, kind: str, actor: Actor) -> TicketLink:
    """Link two tickets of one client by a person's hand; a proposed link is confirmed.

    Raises ValidationFailed for a ticket linked to itself, another client's ticket or an unknown kind,
    Conflict where the target is the source's parent already.
    """
    if source.pk == target.pk:
        raise ValidationFailed(fields={"to": [gettext("A ticket cannot be linked to itself.")]})
    if source.client_id != target.client_id:
        raise ValidationFailed(fields={"to": [gettext("There is no such ticket.")]})
    if kind not in LinkKind.values:
        raise ValidationFailed(
            fields={"kind": [gettext("Use one of: %(values)s.") % {"values": ", ".join(LinkKind.values)}]}
        )
    turned = TicketLink.objects.filter(source=target, target=source, kind=LinkKind.PARENT)
    if kind == LinkKind.PARENT and turned.exclude(state=LinkState.DISMISSED).exists():
        raise Conflict(
            gettext("%(reference)s is the parent of %(reference_2)s already.")
            % {"reference": target.reference, "reference_2": source.reference}
        )
    ticket_lock(ticket_id=source.pk)
    link, _ = TicketLink.objects.update_or_create(
        source=source,
        target=target,
        kind=kind,
        defaults={"state": LinkState.CONFIRMED, "created_by_id": actor.user_id},
    )
    events_append(ticket=source, actor=actor, changes=[Change("link.made", field=kind, new=target.reference)])
    return link


@transaction.atomic
def link_named(*, ticket: Ticket, other: Ticket, kind: str, actor: Actor) -> TicketLink:
    """Link two tickets as ``ticket`` says it; ``child`` is ``parent`` said from the other side.

    Raises what ``link_create`` raises.
    """
    if kind == CHILD:
        return link_create(source=other, target=ticket, kind=LinkKind.PARENT, actor=actor)
    return link_create(source=ticket, target=other, kind=kind, actor=actor)


@transaction.atomic
def link_decide(*, link: TicketLink, state: str, actor: Actor) -> TicketLink:
    """Confirm or dismiss a proposed link."""
    if state not in {LinkState.CONFIRMED, LinkState.DISMISSED}:
        raise ValidationFailed(fields={"state": [gettext("Confirm or dismiss the link.")]})
    ticket_lock(ticket_id=link.source_id)
    if link.state != state:
        old, link.state = link.state, state
        link.save(update_fields=["state", "updated_at"])
        change = Change("link.decided", field=link.kind, old=old, new=state)
        events_append(ticket=link.source, actor=actor, changes=[change])
    return link
