"""A challenger and the model in use on the same live tickets, against what people decided (C24, C25)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from classifier.choices import ModelState, ReviewState
from classifier.engine.paired import PairedTest, compare_answers
from classifier.models import LabelledExample, LocalModel, ReviewItem, ShadowAnswer
from common.actors import Actor
from ticketing.choices import PERSON_STATES
from ticketing.models import FieldDecision

NEWEST: Final = 20_000
"""Answers that are compared at most; a page must not read years."""


@dataclass(frozen=True, slots=True)
class ShadowFigures:
    """Tickets both models answered, on how many they agree, and who was right where a person has decided.

    In ``judged`` and ``blind`` the challenger is the new model and the one in use the old; ``blind`` holds
    the tickets of the blind sample alone. ``taught`` were left out: one of the two was taught their label.
    """

    challenger: LocalModel
    champion: LocalModel
    answered: int
    agreed: int
    taught: int
    judged: PairedTest
    blind: PairedTest


@dataclass(frozen=True, slots=True)
class _Answers:
    """The newest answers about one ticket."""

    challenger: str
    champion: str
    at: datetime


def shadow_figures(*, model: LocalModel, actor: Actor) -> ShadowFigures | None:
    """The comparison of a model with the one in use now; None where it has never answered beside that one.

    A shared model answers tickets of many clients; counted are those of the actor's clients alone (T10).
    Tickets that were reviewed are harder than most and their reviewers saw an engine's answer, so the blind
    sample is counted apart. Of a ticket that was judged several times the newest answers count. What a person
    decided before them says nothing: the run was not asked, or was told.
    """
    champion = (
        LocalModel.objects.filter(taxonomy_id=model.taxonomy_id, field=model.field, state=ModelState.ACTIVE)
        .select_related("taxonomy", "training_set")
        .first()
    )
    if champion is None or champion.pk == model.pk:
        return None
    rows = ShadowAnswer.objects.filter(challenger=model, champion=champion).order_by("-pk")
    if actor.client_ids is not None:
        rows = rows.filter(ticket__client__in=actor.client_ids)
    newest = rows.values_list("ticket_id", "challenger_value", "champion_value", "created_at")[:NEWEST]
    answers = {ticket: _Answers(new, old, at) for ticket, new, old, at in reversed(list(newest))}
    if not answers:
        return None
    decided = _decided(model.field, answers)
    taught = _taught([model, champion], decided)
    known = {ticket: value for ticket, value in decided.items() if ticket not in taught}
    blind = _blind(known)
    return ShadowFigures(
        challenger=model,
        champion=champion,
        answered=len(answers),
        agreed=sum(item.challenger == item.champion for item in answers.values()),
        taught=len(taught),
        judged=_compared(answers, known),
        blind=_compared(answers, {ticket: known[ticket] for ticket in blind}),
    )


def challenger_of(*, model: LocalModel) -> LocalModel | None:
    """The model that answers beside this one; None where none does, or this one is not in use."""
    if model.state != ModelState.ACTIVE:
        return None
    rows = LocalModel.objects.filter(taxonomy_id=model.taxonomy_id, field=model.field)
    return rows.filter(challenger_since__isnull=False).select_related("taxonomy").first()


def _compared(answers: Mapping[int, _Answers], truth: Mapping[int, str]) -> PairedTest:
    tickets = list(truth)
    return compare_answers(
        [truth[ticket] for ticket in tickets],
        [answers[ticket].challenger for ticket in tickets],
        [answers[ticket].champion for ticket in tickets],
    )


def _decided(field: str, answers: Mapping[int, _Answers]) -> dict[int, str]:
    """What people decided after the answers, by ticket."""
    found: dict[int, str] = {}
    for chunk in _chunks(list(answers)):
        rows = FieldDecision.objects.filter(ticket__in=chunk, field=field, state__in=PERSON_STATES)
        known = rows.values_list("ticket_id", "value", "updated_at")
        found |= {ticket: value for ticket, value, at in known if at >= answers[ticket].at}
    return found


def _taught(models: Sequence[LocalModel], tickets: Mapping[int, str]) -> set[int]:
    """Tickets whose example, or one with the same text, taught one of the models."""
    known: set[int] = set()
    texts: set[str] = set()
    without_set = [row.created_at for row in models if row.training_set is None]
    for row in models:
        if row.training_set is not None:
            known.update(pk for pk, _, _ in row.training_set.rows)
            texts.update(text_hash for _, text_hash, _ in row.training_set.rows)
    found: set[int] = set()
    for chunk in _chunks(list(tickets)):
        rows = LabelledExample.objects.filter(ticket__in=chunk)
        for pk, ticket, text_hash, at in rows.values_list("pk", "ticket_id", "text_hash", "created_at"):
            # A model from before sets were kept may have been taught all there was.
            earlier = any(at <= trained_at for trained_at in without_set)
            if ticket is not None and (pk in known or text_hash in texts or earlier):
                found.add(ticket)
    return found


def _blind(tickets: Mapping[int, str]) -> list[int]:
    """Which of the tickets were answered in the blind sample."""
    found: list[int] = []
    for chunk in _chunks(list(tickets)):
        rows = ReviewItem.objects.filter(
            ticket__in=chunk, is_blind=True, state__in=[ReviewState.ACCEPTED, ReviewState.CORRECTED]
        )
        found += rows.order_by("ticket_id").values_list("ticket_id", flat=True).distinct()
    return found


def _chunks(tickets: Sequence[int], size: int = 500) -> list[Sequence[int]]:
    """SQLite takes a limited number of values in a query."""
    return [tickets[first : first + size] for first in range(0, len(tickets), size)]
