"""Whether requesters are more content where a draft was used (T11)."""

from __future__ import annotations

from django.db.models import Case, Exists, OuterRef, Value, When
from django.utils.translation import gettext_lazy as _

from classifier.choices import DraftState
from classifier.models import ResponseDraft
from common.actors import Actor
from ticketing.selectors.satisfaction import Satisfaction, grouped, ratings
from ticketing.selectors.volume import Span

_USED = _("With a draft")
_UNUSED = _("Without a draft")


def by_draft(*, actor: Actor, span: Span) -> list[Satisfaction]:
    """Ratings of tickets answered from a draft, as it was or edited, beside all others."""
    taken = ResponseDraft.objects.filter(
        ticket=OuterRef("ticket"), state__in=[DraftState.ACCEPTED, DraftState.EDITED]
    )
    rows = ratings(actor).filter(span.now("created_at"))
    marked = rows.annotate(
        draft=Case(When(Exists(taken), then=Value(str(_USED))), default=Value(str(_UNUSED)))
    )
    return grouped(marked, "draft", str(_UNUSED))
