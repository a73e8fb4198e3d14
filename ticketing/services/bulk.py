"""Changing many tickets at once: each on its own, reported, and taken back where that is possible (T9)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.actors import Actor
from common.exceptions import ApplicationError, Conflict, NotFound, ValidationFailed
from common.wording import site_language, within_sentence
from teams.models import Team, User
from ticketing.choices import ALLOWED_TRANSITIONS, Priority, Status
from ticketing.models import BulkAction, Macro, Ticket
from ticketing.services.assignments import ticket_assign
from ticketing.services.conversation import NewMessage
from ticketing.services.desk import reply_send, ticket_hand_over
from ticketing.services.tickets import (
    TicketChanges,
    status_change,
    status_restore,
    ticket_lock,
    ticket_update,
)
from ticketing.services.tools import macro_apply, macro_text

logger = structlog.get_logger(__name__)
BULK_LIMIT: Final = 500
_PLAIN: Final = ("status", "priority", "severity", "team_id", "assignee_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkChange:
    """What many tickets are to become; empty parts stay as they are."""

    status: str = ""
    team: Team | None = None
    person: User | None = None
    priority: str = ""
    tag: str = ""
    macro: Macro | None = None

    @property
    def words(self) -> str:
        """What is to happen, for the confirmation and the report."""
        parts = []
        if self.macro is not None:
            parts.append(_("use the macro “%(name)s”") % {"name": self.macro.name})
        if self.team is not None:
            parts.append(_("move to %(team)s") % {"team": self.team})
        if self.person is not None:
            parts.append(_("assign to %(person)s") % {"person": self.person.display_name})
        if self.priority:
            label = within_sentence(str(Priority(self.priority).label))
            parts.append(_("set the priority to %(priority)s") % {"priority": label})
        if self.tag:
            parts.append(_("add the tag %(tag)s") % {"tag": self.tag})
        if self.status:
            parts.append(_("set the status to “%(status)s”") % {"status": Status(self.status).label})
        return ", ".join(parts)

    @property
    def sends(self) -> bool:
        """Whether requesters get a message, which cannot be taken back."""
        return self.macro is not None and self.macro.is_public and bool(self.macro.body.strip())

    def problem_of(self, ticket: Ticket) -> str:
        """Why a ticket will not change, as far as that can be said beforehand; empty when it will."""
        status = self.status or (self.macro.status if self.macro else "")
        if status and status != ticket.status and status not in ALLOWED_TRANSITIONS[ticket.status]:
            names = {"old": ticket.get_status_display(), "new": Status(status).label}
            return _("It is “%(old)s” and cannot become “%(new)s”.") % names
        if self.macro is not None and self.macro.client_id != ticket.client_id:
            return _("The macro belongs to another client.")
        if self.team is not None and self.team.client_id not in {None, ticket.client_id}:
            return _("The team belongs to another client.")
        return ""


@dataclass(slots=True)
class BulkResult:
    """How many tickets changed, and why others did not, by reference."""

    changed: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    action: BulkAction | None = None

    @property
    def sentence(self) -> str:
        """The result in words."""
        text = _("No ticket was changed.")
        if self.changed:
            words = ngettext("%(count)s ticket changed.", "%(count)s tickets changed.", self.changed)
            text = words % {"count": self.changed}
        if not self.failures:
            return text
        left = _("%(count)s stayed as before; the list below says why.") % {"count": len(self.failures)}
        return f"{text} {left}"


def tickets_change(*, tickets: Iterable[Ticket], change: BulkChange, actor: Actor) -> BulkResult:
    """Change tickets one by one, each in a transaction of its own, and keep what is needed to undo it.

    One that cannot change stops no other. Raises ValidationFailed when nothing is to be changed or for more
    than ``BULK_LIMIT`` tickets.
    """
    rows = list(tickets)
    if not change.words:
        raise ValidationFailed(_("Choose what to change: a status, a team or a person."))
    if len(rows) > BULK_LIMIT:
        raise ValidationFailed(_("At most %(limit)s tickets at once.") % {"limit": BULK_LIMIT})
    changed: list[dict[str, Any]] = []
    result = BulkResult()
    with site_language():  # words and reasons are kept
        _each(rows, result, lambda ticket: changed.append(_change_one(ticket, change, actor)))
        result.action = BulkAction.objects.create(
            owner_id=actor.user_id, words=change.words[:300], changed=changed, failures=result.failures
        )
    return result


def _each(tickets: Iterable[Ticket], result: BulkResult, work: Callable[[Ticket], object]) -> None:
    for ticket in tickets:
        try:
            work(ticket)
        except ApplicationError as error:
            result.failures[ticket.reference] = error.sentence
        except Exception:  # the outer edge of a loop: one ticket never stops the batch
            logger.exception("bulk_change_failed", ticket=ticket.reference)
            result.failures[ticket.reference] = "It could not be changed."
        else:
            result.changed += 1


@transaction.atomic
def _change_one(ticket: Ticket, change: BulkChange, actor: Actor) -> dict[str, Any]:
    ticket = ticket_lock(ticket_id=ticket.pk)
    before, since = _state(ticket), timezone.now()
    if change.macro is not None:
        ticket = _use_macro(ticket, change.macro, actor)
    if change.person is not None:
        team = change.team or ticket.team
        ticket = ticket_assign(ticket=ticket, team=team, assignee=change.person, actor=actor)
    elif change.team is not None:
        ticket = ticket_hand_over(ticket=ticket, team=change.team, actor=actor)
    wanted: dict[str, Any] = {"priority": change.priority} if change.priority else {}
    if change.tag:
        wanted["tags"] = tuple(sorted({*ticket.tags.values_list("name", flat=True), change.tag}))
    if wanted:
        ticket = ticket_update(ticket=ticket, changes=TicketChanges(**wanted), actor=actor)
    if change.status:
        status_change(ticket=ticket, status=change.status, actor=actor)
    after = _state(ticket_lock(ticket_id=ticket.pk))
    return {"ticket": ticket.pk, "before": before, "after": after, "since": since.isoformat()}


def _use_macro(ticket: Ticket, macro: Macro, actor: Actor) -> Ticket:
    text = macro_text(macro=macro, ticket=ticket, actor=actor)
    if not text.strip():
        return macro_apply(ticket=ticket, macro=macro, actor=actor)
    new = NewMessage(body=text, is_public=macro.is_public)
    reply_send(ticket=ticket, new=new, then="", actor=actor, macro=macro)
    return ticket_lock(ticket_id=ticket.pk)


def _state(ticket: Ticket) -> dict[str, Any]:
    """What an undo puts back, fit for JSON."""
    state: dict[str, Any] = {name: getattr(ticket, name) for name in _PLAIN}
    for name in ("resolved_at", "closed_at"):
        value = getattr(ticket, name)
        state[name] = value.isoformat() if value else None
    state["tags"] = sorted(ticket.tags.values_list("name", flat=True))
    return state


def bulk_undo(*, action: BulkAction, tickets: Iterable[Ticket], actor: Actor) -> BulkResult:
    """Put the tickets back to what they were before the action; messages that were sent stay sent.

    ``tickets`` are those of the action that the actor still sees. One that has been changed since stays as it
    is and is named. Raises NotFound for somebody else's action, Conflict for one that was undone.
    """
    if action.owner_id != actor.user_id:
        raise NotFound
    claimed = BulkAction.objects.filter(pk=action.pk, undone_at=None).update(undone_at=timezone.now())
    if not claimed:
        raise Conflict(_("This has been undone already."))
    entries = {entry["ticket"]: entry for entry in action.changed}
    result = BulkResult(action=action)
    _each(tickets, result, lambda ticket: _restore_one(ticket, entries[ticket.pk], actor))
    BulkAction.objects.filter(pk=action.pk).update(failures=result.failures)
    return result


@transaction.atomic
def _restore_one(ticket: Ticket, entry: dict[str, Any], actor: Actor) -> None:
    ticket = ticket_lock(ticket_id=ticket.pk)
    before, after = entry["before"], entry["after"]
    if _state(ticket) != after:
        raise Conflict(_("It has been changed since, so it stays as it is."))
    wanted: dict[str, Any] = {
        name: before[name] for name in ("priority", "severity") if before[name] != after[name]
    }
    if before["tags"] != after["tags"]:
        wanted["tags"] = tuple(before["tags"])
    if wanted:
        ticket = ticket_update(ticket=ticket, changes=TicketChanges(**wanted), actor=actor)
    if (before["team_id"], before["assignee_id"]) != (after["team_id"], after["assignee_id"]):
        team = Team.objects.filter(pk=before["team_id"] or 0).first()
        person = User.objects.filter(pk=before["assignee_id"] or 0).first()
        ticket = ticket_assign(ticket=ticket, team=team, assignee=person, actor=actor)
    if before["status"] != after["status"]:
        times = {name: parse_datetime(before[name]) if before[name] else None for name in _TIMES}
        # A macro and the change itself may each have moved it: both are taken back.
        times["since"] = parse_datetime(entry.get("since", ""))
        status_restore(ticket=ticket, status=before["status"], actor=actor, reason="Undone.", **times)


_TIMES: Final = ("resolved_at", "closed_at")
