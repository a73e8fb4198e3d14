"""The review queue: what a person should look at, the answer, and taking it back (C4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from classifier.choices import ExampleSource, ReviewState
from classifier.models import ReviewItem, SecondOpinion, WorkflowRun
from classifier.services.examples import example_record, example_restore, example_state
from classifier.services.second_opinions import second_opinion_draw
from common.actors import Actor
from common.exceptions import Conflict, ValidationFailed
from ticketing.choices import PERSON_STATES, TriageField
from ticketing.models import Ticket
from ticketing.services.corrections import decisions_capture, decisions_restore
from ticketing.services.triage import ticket_confirm

REVIEW_FIELDS: Final = (TriageField.CATEGORY, TriageField.SEVERITY, TriageField.TEAM)
"""What a reviewer is asked about, in this order."""


class AlreadyReviewed(Conflict):
    """Another person was faster."""

    code = "already_reviewed"
    default_message = gettext_lazy(
        "Somebody has already answered this one. Nothing was changed; here is the next."
    )


@transaction.atomic(savepoint=False)
def review_item_open(
    *,
    ticket: Ticket,
    run: WorkflowRun | None,
    reasons: Sequence[str],
    urgency: float,
    is_blind: bool = False,
    inclusion_probability: float | None = None,
    frozen: Mapping[str, Any] | None = None,
) -> ReviewItem:
    """Ask a person to look at a ticket. A ticket has at most one open item; a later run renews it.

    A blind item that waits is never turned into an open one: its reviewer must not see the prediction.
    """
    waiting: ReviewItem | None = (
        ReviewItem.objects.select_for_update(no_key=True)
        .filter(ticket=ticket, state=ReviewState.OPEN)
        .first()
    )
    if waiting is not None and waiting.is_blind:
        return waiting
    values: dict[str, Any] = {
        "run": run,
        "reasons": list(reasons),
        "urgency": urgency,
        "is_blind": is_blind,
        "inclusion_probability": inclusion_probability,
        "frozen": dict(frozen or {}),
    }
    if waiting is not None:
        ReviewItem.objects.filter(pk=waiting.pk).update(**values, updated_at=timezone.now())
        waiting.refresh_from_db()
        return waiting
    return ReviewItem.objects.create(ticket=ticket, client_id=ticket.client_id, **values)


@transaction.atomic
def review_answer(*, item: ReviewItem, decisions: Mapping[str, str], actor: Actor) -> ReviewItem:
    """Keep a person's labels: the ticket follows them and becomes a labelled example.

    Raises AlreadyReviewed when somebody else was faster, ValidationFailed for a missing or unknown value.
    """
    ticket = item.ticket
    wanted = {name: value for name, value in decisions.items() if name in REVIEW_FIELDS and value}
    if not wanted:
        raise ValidationFailed(_("Choose at least one answer."))
    predicted = predicted_values(item=item)
    wanted = _team_of_corrected_category(ticket, wanted, predicted)
    state = ReviewState.ACCEPTED if _agrees(wanted, predicted) else ReviewState.CORRECTED
    answer = {
        "decisions": wanted,
        "before": decisions_capture(ticket=ticket, fields=list(wanted)),
        "needs_review": ticket.needs_review,
        "example": example_state(ticket=ticket),
    }
    claimed = ReviewItem.objects.filter(pk=item.pk, state=ReviewState.OPEN).update(
        state=state,
        answer=answer,
        reviewed_by_id=actor.user_id,
        reviewed_at=timezone.now(),
        updated_at=timezone.now(),
    )
    if claimed != 1:
        raise AlreadyReviewed
    ticket = ticket_confirm(ticket=ticket, decisions=wanted, actor=actor)
    source = ExampleSource.BLIND if item.is_blind else ExampleSource.REVIEW
    example_record(ticket=Ticket.objects.get(pk=ticket.pk), source=source, actor=actor)
    item.refresh_from_db()
    second_opinion_draw(item=item)
    return item


def predicted_values(*, item: ReviewItem) -> dict[str, str]:
    """What triage said of the fields: frozen at the time of sampling, else the decisions as they stand.

    ``frozen`` maps a field to its value, or to a mapping with a ``value``.
    """
    if item.frozen:
        plain = {
            name: row.get("value", "") if isinstance(row, dict) else row for name, row in item.frozen.items()
        }
        return {name: str(value) for name, value in plain.items() if name in REVIEW_FIELDS}
    return dict(item.ticket.decisions.filter(field__in=REVIEW_FIELDS).values_list("field", "value"))


def _agrees(wanted: Mapping[str, str], predicted: Mapping[str, str]) -> bool:
    return all(predicted.get(name, "") == value for name, value in wanted.items())


def _team_of_corrected_category(
    ticket: Ticket, wanted: dict[str, str], predicted: Mapping[str, str]
) -> dict[str, str]:
    """A corrected category takes its team along where the reviewer left the predicted team as it was.

    The predicted team followed from the wrong category, so leaving it is no confirmation.
    """
    category = wanted.get(TriageField.CATEGORY, "")
    moved = category and category != predicted.get(TriageField.CATEGORY, "")
    if not moved or wanted.get(TriageField.TEAM, "") != predicted.get(TriageField.TEAM, ""):
        return wanted
    row = ticket.taxonomy.categories.filter(slug=category).select_related("default_team").first()
    team = row.default_team if row else None
    rest = {name: value for name, value in wanted.items() if name != TriageField.TEAM}
    return {**rest, TriageField.TEAM.value: team.slug} if team else rest


@transaction.atomic
def review_skip(*, item: ReviewItem, actor: Actor) -> ReviewItem:
    """Put the item behind the others for this person; it stays open for everybody."""
    locked: ReviewItem = ReviewItem.objects.select_for_update(of=("self",), no_key=True).get(pk=item.pk)
    if locked.state != ReviewState.OPEN:
        raise AlreadyReviewed
    skipped = {**locked.answer.get("skipped", {}), skip_key(actor): True}
    locked.answer = {**locked.answer, "skipped": skipped}
    locked.save(update_fields=["answer", "updated_at"])
    return locked


def skip_key(actor: Actor) -> str:
    """Under which key an item keeps that this person skipped it; a bare number would mean a list's index."""
    return f"user_{actor.user_id}"


@transaction.atomic
def review_undo(*, item: ReviewItem, actor: Actor) -> ReviewItem:
    """Take the own answer back: decisions, review flag and example are what they were, the item is open.

    Raises Conflict when the item is not this person's answer, or the ticket has changed since.
    """
    answer = dict(item.answer)
    claimed = ReviewItem.objects.filter(
        pk=item.pk,
        state__in=[ReviewState.ACCEPTED, ReviewState.CORRECTED],
        reviewed_by_id=actor.user_id,
        reviewed_by__isnull=False,
    ).update(answer={}, reviewed_by=None, reviewed_at=None, updated_at=timezone.now())
    if claimed != 1:
        raise Conflict(_("This answer has already been taken back."))
    decisions_restore(
        ticket=item.ticket,
        before=answer["before"],
        answered=answer["decisions"],
        needs_review=bool(answer["needs_review"]),
        actor=actor,
    )
    example_restore(ticket=item.ticket, state=answer["example"])
    SecondOpinion.objects.filter(item=item).delete()
    _reopen(item)
    return item


def _reopen(item: ReviewItem) -> None:
    """Last of all: what putting the ticket back sets off must not settle the item again."""
    try:
        with transaction.atomic():
            ReviewItem.objects.filter(pk=item.pk).update(state=ReviewState.OPEN)
    except IntegrityError as error:
        raise Conflict(_("The ticket waits for review again, so the answer cannot be taken back.")) from error
    item.refresh_from_db()


@transaction.atomic
def review_settle(*, ticket: Ticket) -> int:
    """Close the ticket's open item once nothing is left to ask; returns how many were closed.

    Called when a person decided fields elsewhere. Blind items stay: dropping tickets that people corrected
    would make the measured accuracy look better than it is.
    """
    decided = ticket.decisions.filter(field=TriageField.CATEGORY, state__in=PERSON_STATES).exists()
    waiting = ticket.decisions.filter(field__in=REVIEW_FIELDS, state__in=["suggested", "held"]).exists()
    if not decided and waiting:
        return 0
    return ReviewItem.objects.filter(ticket=ticket, state=ReviewState.OPEN, is_blind=False).update(
        state=ReviewState.OBSOLETE, updated_at=timezone.now()
    )
