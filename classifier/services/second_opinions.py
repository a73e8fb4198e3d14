"""Do people agree: a share of the answered reviews is put to a second person (C4)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from classifier.models import ReviewItem, SecondOpinion
from common.actors import Actor
from common.exceptions import Conflict, NotAllowed, ValidationFailed
from ticketing.selectors.desk_ticket import field_options


def second_opinion_draw(*, item: ReviewItem) -> SecondOpinion | None:
    """Ask for a second opinion on an answer, with the set probability; the draw depends on the item alone."""
    digest = hashlib.sha256(f"second:{item.pk}:{item.ticket.uuid}".encode()).digest()
    if int.from_bytes(digest[:8], "big") / 2**64 >= settings.SECOND_REVIEW_RATE:
        return None
    opinion, _ = SecondOpinion.objects.get_or_create(item=item, defaults={"client_id": item.client_id})
    return opinion


@transaction.atomic
def second_opinion_answer(
    *, opinion: SecondOpinion, decisions: Mapping[str, str], actor: Actor
) -> SecondOpinion:
    """Keep a second person's labels. The ticket does not change.

    Raises NotAllowed for the first reviewer, Conflict when it was given already, ValidationFailed for a value
    the ticket cannot have, or none.
    """
    item = opinion.item
    if actor.user_id is None or actor.user_id == item.reviewed_by_id:
        raise NotAllowed(gettext("A second opinion is another person's."))
    options = field_options(item.ticket)
    wanted = {name: value for name, value in decisions.items() if value}
    unknown = [name for name, value in wanted.items() if value not in {known for known, _ in options[name]}]
    if unknown or not wanted:
        raise ValidationFailed(gettext("Choose one of the values that are offered."))
    given = SecondOpinion.objects.filter(pk=opinion.pk, reviewed_at=None).update(
        answer=wanted, reviewed_by_id=actor.user_id, reviewed_at=timezone.now(), updated_at=timezone.now()
    )
    if not given:
        raise Conflict(gettext("Somebody has given this second opinion already."))
    opinion.refresh_from_db()
    return opinion


def opinion_verdict(opinion: SecondOpinion) -> str:
    """Whether both agreed, in words, once the second has answered."""
    first = opinion.item.answer.get("decisions", {})
    differing = [name for name, value in opinion.answer.items() if name in first and first[name] != value]
    if not differing:
        return "You and your colleague agree."
    said = ", ".join(f"{name} “{first[name].replace('_', ' ')}”" for name in differing)
    return f"Your colleague said otherwise: {said}."
