"""What drift is measured on: blind answers, the mix of categories, texts nobody has labelled (C26)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from classifier.choices import ReviewState
from classifier.engine.types import TriageInput
from classifier.models import ReviewItem
from classifier.selectors.figures import is_right
from ticketing.models import Taxonomy, Ticket

_SAMPLE = 400


@dataclass(frozen=True, slots=True)
class Weeks:
    """The last seven days, and the four weeks before them."""

    now: datetime

    @property
    def start(self) -> datetime:
        """Where the last week begins."""
        return self.now - timedelta(days=7)

    @property
    def before(self) -> datetime:
        """Where the weeks it is compared with begin."""
        return self.now - timedelta(days=35)


def blind_answers(*, taxonomy: Taxonomy, weeks: Weeks) -> tuple[int, int]:
    """Right ones and all of the last week's blind answers."""
    rows = ReviewItem.objects.filter(
        ticket__taxonomy=taxonomy,
        is_blind=True,
        state__in=[ReviewState.ACCEPTED, ReviewState.CORRECTED],
        reviewed_at__gte=weeks.start,
        reviewed_at__lt=weeks.now,
    ).values_list("frozen", "answer", "state")
    right = [is_right(frozen, answer, state) for frozen, answer, state in rows]
    return sum(right), len(right)


def category_counts(*, taxonomy: Taxonomy, since: datetime, until: datetime) -> dict[str, int]:
    """Tickets of a period by category; undecided ones are left out."""
    rows = Ticket.objects.filter(
        taxonomy=taxonomy, category__isnull=False, created_at__gte=since, created_at__lt=until
    )
    counted = rows.order_by().values_list("category__slug").annotate(count=Count("pk"))
    return {str(slug): int(count) for slug, count in counted}


def unlabelled_texts(*, taxonomy: Taxonomy, since: datetime, until: datetime) -> list[str]:
    """The newest texts of a period that are no example: every word of an example is known to its model."""
    rows = Ticket.objects.filter(
        taxonomy=taxonomy, examples__isnull=True, created_at__gte=since, created_at__lt=until
    ).order_by("-created_at")
    pairs = rows.values_list("subject", "body")[:_SAMPLE]
    return [TriageInput(body=body, subject=subject).text for subject, body in pairs]
