"""Whether requesters are more content where a draft was used (T11)."""

from __future__ import annotations

from django.db.models import Case, Exists, OuterRef, Value, When

from classifier.choices import DraftState
from classifier.models import ResponseDraft
from common.actors import Actor
from ticketing.selectors.satisfaction import Satisfaction, grouped, ratings
from ticketing.selectors.volume import Span

_USED = "With a draft"
_UNUSED = "Without a draft"


def by_draft(*, actor: Actor, span: Span) -> list[Satisfaction]:
    """Ratings of tickets answered from a draft, as it was or edited, beside all others."""
    taken = ResponseDraft.objects.filter(
        ticket=OuterRef("ticket"), state__in=[DraftState.ACCEPTED, DraftState.EDITED]
    )
    rows = ratings(actor).filter(span.now("created_at"))
    marked = rows.annotate(draft=Case(When(Exists(taken), then=Value(_USED)), default=Value(_UNUSED)))
    return grouped(marked, "draft", _UNUSED)
