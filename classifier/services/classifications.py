"""The redacted record of every classification, with or without a ticket (``classify/history``)."""

from __future__ import annotations

from django.db import transaction

from classifier.engine.redaction import redact
from classifier.models import Classification
from classifier.steps.job import TriageResult
from common.actors import Actor
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
    row = Category.objects.filter(taxonomy__slug=taxonomy, slug=category.value).only("name").first()
    return Classification.objects.create(
        client=client,
        ticket=ticket,
        user_reference=_user_reference(user_reference, ticket),
        caller=actor.id[:80] if actor else "",
        taxonomy=taxonomy,
        text=result.redacted,
        category=category.value,
        category_name=row.name if row else category.value,
        confidence=category.confidence or 0.0,
        severity=severity.value if severity else "",
        engine=result.judgement.decided_by[:40],
        duration_ms=result.duration_ms,
    )


def _user_reference(given: str, ticket: Ticket | None) -> str:
    """The caller's own id of the requester, without personal data: an address is redacted."""
    text = given or (ticket.requester.external_id if ticket else "")
    return redact(text).text[:_REFERENCE_LIMIT]
