"""The tickets that figures count, by name: a figure opens the very list it counts (O5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from common.registries import TicketSet, ticket_sets
from ticketing.choices import Severity
from ticketing.models import Assignment, Ticket

Moment = datetime | None


def between(field: str, since: Moment, until: Moment) -> Q:
    """[since, until) of a field; an end that is None does not bound."""
    found = Q()
    if since is not None:
        found &= Q(**{f"{field}__gte": since})
    if until is not None:
        found &= Q(**{f"{field}__lt": until})
    return found


def _open(tickets: QuerySet[Ticket], since: Moment, until: Moment) -> Any:
    return tickets.open()  # type: ignore[attr-defined]


def _critical(tickets: QuerySet[Ticket], since: Moment, until: Moment) -> Any:
    return tickets.open().filter(severity=Severity.CRITICAL)  # type: ignore[attr-defined]


def _unassigned(tickets: QuerySet[Ticket], since: Moment, until: Moment) -> Any:
    return tickets.open().filter(assignee=None)  # type: ignore[attr-defined]


def _overdue(tickets: QuerySet[Ticket], since: Moment, until: Moment) -> Any:
    """Late at ``until``, else late now."""
    return tickets.open().filter(next_due_at__lt=until or timezone.now())  # type: ignore[attr-defined]


def _opened(tickets: QuerySet[Ticket], since: Moment, until: Moment) -> Any:
    return tickets.filter(between("created_at", since, until))


def _resolved(tickets: QuerySet[Ticket], since: Moment, until: Moment) -> Any:
    return tickets.filter(between("resolved_at", since, until))


def _triaged(tickets: QuerySet[Ticket], since: Moment, until: Moment) -> Any:
    return tickets.filter(between("created_at", since, until), triaged_at__isnull=False)


def _routed(tickets: QuerySet[Ticket], since: Moment, until: Moment) -> Any:
    """Tickets that were given to a team at least once."""
    given = Assignment.objects.filter(ticket=OuterRef("pk"), team__isnull=False)
    return tickets.filter(between("created_at", since, until)).filter(Exists(given))


def register() -> None:
    """Fill the slot; called once when the app is ready."""
    for name, label, narrow in (
        ("open", _("Open tickets"), _open),
        ("critical", _("Critical and open"), _critical),
        ("unassigned", _("Open and unassigned"), _unassigned),
        ("overdue", _("Open, past a deadline"), _overdue),
        ("opened", _("Opened in the period"), _opened),
        ("resolved", _("Resolved in the period"), _resolved),
        ("triaged", _("Opened in the period and triaged"), _triaged),
        ("routed", _("Opened in the period and given to a team"), _routed),
    ):
        ticket_sets.register(name, TicketSet(label=label, narrow=narrow))
