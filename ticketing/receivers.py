"""Where news becomes work: tickets that wait are given out, requesters are written to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from common.queueing import enqueue_on_commit
from teams.models import Team, User
from ticketing.choices import STATUS_CATEGORY
from ticketing.models import Assignment, Message, Ticket
from ticketing.selectors.handout import is_anybody_waiting
from ticketing.services.requester_mail import acknowledgement_owe, reply_owe, status_owe
from ticketing.tasks import hand_out


def _owe(team_id: int | None) -> None:
    if team_id is not None and is_anybody_waiting(team_id=team_id):
        enqueue_on_commit(hand_out, team_id)


def hand_out_after_status(*, ticket: Ticket, old: str, new: str, **_: Any) -> None:
    """Solved, closed or put to waiting: somebody may have room again; reopened: it may wait itself."""
    if STATUS_CATEGORY[old] != STATUS_CATEGORY[new]:
        _owe(ticket.team_id)


def hand_out_after_assignment(
    *, ticket: Ticket, assignment: Assignment, freed_team_id: int | None, **_: Any
) -> None:
    """The person who had it has room again; and where nobody has it, it waits."""
    teams = {freed_team_id, assignment.team_id if assignment.assignee_id is None else None}
    for team_id in sorted(team_id for team_id in teams if team_id is not None):
        _owe(team_id)


def hand_out_after_presence(*, user: User, **_: Any) -> None:
    """Who came back takes work in each of the own teams."""
    for team_id in user.memberships.order_by("team_id").values_list("team_id", flat=True):
        _owe(team_id)


def hand_out_after_team_change(*, team: Team, **_: Any) -> None:
    """A member more, more capacity, other skills."""
    _owe(team.pk)


def mail_acknowledgement(*, ticket: Ticket, **_: Any) -> None:
    """A new request is confirmed."""
    acknowledgement_owe(ticket=ticket)


def mail_reply(*, ticket: Ticket, message: Message, **_: Any) -> None:
    """A person's public answer is sent."""
    reply_owe(ticket=ticket, message=message)


def mail_status(*, ticket: Ticket, old: str, new: str, takes_back: datetime | None = None, **_: Any) -> None:
    """A state that concerns the requester is told; of a change that is taken back there is no news."""
    if takes_back is None:
        status_owe(ticket=ticket, old=old, new=new)
