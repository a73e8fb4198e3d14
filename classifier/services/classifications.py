"""The redacted record of every classification, with or without a ticket (``classify/history``)."""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import F, Q

from classifier.engine.redaction import redact
from classifier.models import Classification
from classifier.steps.job import TriageResult
from common.actors import Actor
from common.memory import ShortMemory
from teams.models import Client
from ticketing.models import Category, Ticket

_REFERENCE_LIMIT = 120


@transaction.atomic(savepoint=False)
def classification_record(
    *,
    result: TriageResult,
    client: Client,
    taxonomy: str,
    ticket: Ticket | None = None,
    actor: Actor | None = None,
    user_reference: str = "",
) -> Classification | None:
    """Keep what was answered; None when no category was found. The text is stored redacted only."""
    category = result.judgement.predictions.get("category")
    if category is None:
        return None
    severity = result.judgement.predictions.get("severity")
    return Classification.objects.create(
        client=client,
        ticket=ticket,
        user_reference=_user_reference(user_reference, ticket),
        caller=actor.id[:80] if actor else "",
        taxonomy=taxonomy,
        text=result.redacted,
        category=category.value,
        category_name=_name_of(client, taxonomy, category.value),
        confidence=category.confidence or 0.0,
        severity=severity.value if severity else "",
        engine=result.judgement.decided_by[:40],
        duration_ms=result.duration_ms,
    )


_names: ShortMemory[str] = ShortMemory()


def _name_of(client: Client, taxonomy: str, slug: str) -> str:
    """A category's name as the client knows it; its slug where it is gone."""
    theirs = Q(taxonomy__client=client) | Q(taxonomy__client=None)
    rows = Category.objects.filter(theirs, taxonomy__slug=taxonomy, slug=slug)
    rows = rows.order_by(F("taxonomy__client").desc(nulls_last=True))
    return _names.get(
        (str(connection.settings_dict["NAME"]), client.pk, taxonomy, slug),
        lambda: rows.values_list("name", flat=True).first() or slug,
    )


def _user_reference(given: str, ticket: Ticket | None) -> str:
    """The caller's own id of the requester, without personal data: an address is redacted."""
    text = given or (ticket.requester.external_id if ticket else "")
    return redact(text).text[:_REFERENCE_LIMIT]
