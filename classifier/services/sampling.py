"""Which tickets a person looks at: the unsure ones, and a blind share of the sure ones (C4)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from classifier.choices import ReviewState
from classifier.models import ReviewItem, WorkflowRun
from classifier.services.reviews import review_item_open
from ticketing.models import Ticket

_FROZEN_FIELDS = ("category", "severity", "team")


@transaction.atomic(savepoint=False)
def review_plan(
    *, ticket: Ticket, run: WorkflowRun, reasons: Sequence[str], urgency: float
) -> ReviewItem | None:
    """Open the review a run calls for; an open one is renewed, or obsolete when nothing is left to ask.

    A ticket that was sorted automatically is sampled with the stored probability; the draw depends on the run
    alone, so that repeating it changes nothing.
    """
    if reasons:
        return review_item_open(ticket=ticket, run=run, reasons=list(reasons), urgency=urgency)
    waiting = ReviewItem.objects.filter(ticket=ticket, state=ReviewState.OPEN)
    waiting.filter(is_blind=False).update(state=ReviewState.OBSOLETE)
    rate = settings.BLIND_SAMPLE_RATE
    if not drawn(run=run, rate=rate) or waiting.exists():
        return None
    frozen = {
        row.field: {"value": row.value, "confidence": row.confidence, "source": row.source}
        for row in ticket.decisions.filter(field__in=_FROZEN_FIELDS)
    }
    return review_item_open(
        ticket=ticket,
        run=run,
        reasons=["Blind sample of automatic decisions."],
        urgency=urgency,
        is_blind=True,
        inclusion_probability=rate,
        frozen=frozen,
    )


def drawn(*, run: WorkflowRun, rate: float) -> bool:
    """Whether a run falls into the blind sample of the given rate in [0, 1]."""
    digest = hashlib.sha256(f"blind:{run.uuid}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < rate
