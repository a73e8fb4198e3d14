"""Handing on the open tickets of members who are away (R1)."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from common.actors import Actor, system_actor
from common.exceptions import NotAllowed
from teams.choices import AbsencePolicy
from teams.models import Team, User
from ticketing.models import Ticket
from ticketing.querysets import statuses_in
from ticketing.services.assignments import AssignmentReason, ticket_assign
from ticketing.services.handout import person_pick
from ticketing.services.reference import may_change_owned
from ticketing.services.tickets import ticket_lock

logger = structlog.get_logger(__name__)


def absent_hand_on(*, team: Team, now: datetime, actor: Actor | None = None) -> int:
    """Give the open tickets of absent members to others, else into the queue; returns how many moved.

    Without an ``actor`` the team's policy decides who has been away for long enough; a person decides for all
    who are away. Tickets that wait for somebody else stay. Raises NotAllowed.
    """
    if actor is not None and not may_change_owned(client_id=team.client_id, actor=actor):
        raise NotAllowed(_("Only leads hand on the tickets of a team."))
    people = _absent(team, now, by_hand=actor is not None)
    rows = Ticket.objects.filter(
        team=team, assignee__in=list(people), status__in=statuses_in("open")
    ).order_by("created_at", "pk")
    moved = 0
    for ticket_id, person_id in rows.values_list("pk", "assignee_id"):
        try:
            moved += _hand_on(ticket_id, people[person_id], team, now, actor or system_actor("Routing"))
        except Exception:  # the outer edge of a loop: one ticket never stops the others
            logger.exception("hand_on_failed", ticket=ticket_id, team=team.slug)
    return moved


def _absent(team: Team, now: datetime, *, by_hand: bool) -> dict[int, User]:
    """Members who are away for as long as the policy says; who can no longer log in is away for good."""
    if team.absence_policy == AbsencePolicy.KEEP and not by_hand:
        return {}
    hours = team.absence_hours if team.absence_policy == AbsencePolicy.AFTER and not by_hand else 0
    limit = now - timedelta(hours=hours)
    people = (
        User.objects.filter(assigned_tickets__team=team, assigned_tickets__status__in=statuses_in("open"))
        .exclude(is_active=True, presence="available")
        .distinct()
    )
    return {user.pk: user for user in people if _is_absent(user, now, limit)}


def _is_absent(user: User, now: datetime, limit: datetime) -> bool:
    if not user.is_active:
        return True
    # Rows from before the moment was kept have none: they count as away for long.
    return not user.is_present(now=now) and (user.absent_since is None or user.absent_since <= limit)


@transaction.atomic
def _hand_on(ticket_id: int, person: User, team: Team, now: datetime, actor: Actor) -> bool:
    ticket = ticket_lock(ticket_id=ticket_id)
    still = ticket.assignee_id == person.pk and ticket.team_id == team.pk
    if not still or ticket.status not in statuses_in("open"):
        return False
    reason = AssignmentReason(text=f"{person.display_name} is away; the ticket is handed on.")
    successor = person_pick(team=team, ticket=ticket, now=now)
    ticket_assign(ticket=ticket, team=team, assignee=successor, actor=actor, reason=reason)
    return True


def absences_hand_on(*, now: datetime) -> int:
    """What the policies of all teams owe; a broken team stops no other."""
    moved = 0
    for team in Team.objects.filter(is_active=True).exclude(absence_policy=AbsencePolicy.KEEP):
        try:
            moved += absent_hand_on(team=team, now=now)
        except Exception:  # the outer edge of a loop: one team never stops the sweep
            logger.exception("absence_sweep_failed", team=team.slug)
    return moved
