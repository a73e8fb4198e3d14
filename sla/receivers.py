"""Where ticketing's events move clocks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from common.actors import Actor
from common.queueing import enqueue_on_commit
from sla import tasks
from sla.services.clocks import (
    clocks_follow_merge,
    clocks_follow_reply,
    clocks_follow_status,
    clocks_follow_unmerge,
    clocks_retarget,
    clocks_start,
)
from sla.services.recounts import recount_owe
from sla.services.undo import clocks_take_back
from teams.models import BusinessCalendar, CalendarVersion
from ticketing.choices import Channel
from ticketing.models import Message, Ticket

_TARGETED = frozenset({"severity", "category"})


def start_clocks(*, ticket: Ticket, **_: Any) -> None:
    """A new ticket is a new promise; imported history is none (T14)."""
    if ticket.channel != Channel.IMPORT:
        clocks_start(ticket=ticket)


def retarget_after_triage(*, ticket: Ticket, reassigned: bool, **_: Any) -> None:
    """Triage has said how bad it is; where it set the team, the assignment has moved the clocks."""
    if not reassigned:
        clocks_retarget(ticket=ticket)


def retarget_after_change(*, ticket: Ticket, actor: Actor, fields: frozenset[str], **_: Any) -> None:
    """A person changed what the promise depends on."""
    if fields & _TARGETED:
        clocks_retarget(ticket=ticket)


def retarget_after_assignment(*, ticket: Ticket, **_: Any) -> None:
    """Another team may promise something else."""
    clocks_retarget(ticket=ticket)


def follow_status(*, ticket: Ticket, takes_back: datetime | None = None, **_: Any) -> None:
    """Waiting pauses, resolving stops, reopening resumes; a change that is taken back was never made."""
    if takes_back is not None:
        clocks_take_back(ticket=ticket, since=takes_back)
    else:
        clocks_follow_status(ticket=ticket)


def pause_for_merge(*, ticket: Ticket, **_: Any) -> None:
    """A merged ticket owes nothing of its own."""
    clocks_follow_merge(ticket=ticket)


def resume_after_merge(*, ticket: Ticket, **_: Any) -> None:
    """The merge was taken back: what was promised is owed again."""
    clocks_follow_unmerge(ticket=ticket)


def follow_reply(*, ticket: Ticket, message: Message, **_: Any) -> None:
    """Only public messages count, and only a person's answer is an answer."""
    if message.is_public and not message.is_first:
        clocks_follow_reply(
            ticket=ticket,
            by_requester=message.author_kind == Message.AuthorKind.REQUESTER,
            by_person=message.author_kind == Message.AuthorKind.AGENT,
            now=message.created_at,
        )


def owe_recount(*, calendar: BusinessCalendar, version: CalendarVersion, **_: Any) -> None:
    """Other hours move deadlines; a task moves them."""
    why = f"The calendar “{calendar}” has {version}."
    row = recount_owe(why=why, since=version.since, calendar=calendar)
    enqueue_on_commit(tasks.recount, row.pk)
