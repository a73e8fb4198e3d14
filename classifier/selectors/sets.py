"""Tickets by what triage made of them: the sets behind the figures on the AI (O5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from classifier.models import Prediction
from common.registries import TicketSet, ticket_sets
from ticketing.choices import DecisionState, TriageField
from ticketing.models import Ticket
from ticketing.selectors.sets import between

Moment = datetime | None


def _predicted(tickets: QuerySet[Ticket], since: Moment, until: Moment, **more: Any) -> Any:
    made = Prediction.objects.filter(
        between("created_at", since, until), ticket=OuterRef("pk"), field=TriageField.CATEGORY, **more
    )
    return tickets.filter(Exists(made))


def _judged(tickets: QuerySet[Ticket], since: Moment, until: Moment) -> Any:
    return _predicted(tickets, since, until)


def _applied(tickets: QuerySet[Ticket], since: Moment, until: Moment) -> Any:
    """Tickets whose category was applied; one that was also judged otherwise in the period counts here."""
    return _predicted(tickets, since, until, state=DecisionState.APPLIED)


def register() -> None:
    """Fill the slot; called once when the app is ready."""
    ticket_sets.register("judged", TicketSet(_("Judged by triage in the period"), _judged))
    ticket_sets.register("applied", TicketSet(_("Category applied automatically in the period"), _applied))
