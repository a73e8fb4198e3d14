"""Is the AI right, and what did it cost: the counts behind the dashboard (O5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, Q, Sum

from classifier.choices import Purpose, ReviewState, RunState
from classifier.engine.metrics import cohens_kappa
from classifier.models import LlmCall, Prediction, ReviewItem, SecondOpinion, WorkflowRun
from common.actors import Actor
from ticketing.choices import DecisionState, TriageField
from ticketing.models import Ticket
from ticketing.selectors.volume import Span

ENOUGH_ANSWERS = 20
"""Fewer blind answers say nothing about accuracy."""


def _mine(actor: Actor) -> Q:
    return Q() if actor.client_ids is None else Q(client__in=actor.client_ids)


def runs(*, actor: Actor, span: Span) -> dict[str, Any]:
    """Runs that wait for a person, and of the period: ended how, mean milliseconds, cost in dollars."""
    triage, done = Q(purpose=Purpose.TRIAGE), Q(state=RunState.COMPLETED)
    now, before = span.now("created_at"), span.earlier("created_at")
    return WorkflowRun.objects.filter(_mine(actor)).aggregate(
        stuck_now=Count("pk", filter=Q(state=RunState.STUCK)),
        waiting=Count("pk", filter=Q(state__in=[RunState.PENDING, RunState.RUNNING])),
        completed=Count("pk", filter=now & triage & done),
        completed_before=Count("pk", filter=before & triage & done),
        stuck=Count("pk", filter=now & triage & Q(state=RunState.STUCK)),
        stuck_before=Count("pk", filter=before & triage & Q(state=RunState.STUCK)),
        degraded=Count("pk", filter=now & triage & done & ~Q(degraded_steps=[])),
        duration=Avg("duration_ms", filter=now & triage & done),
        duration_before=Avg("duration_ms", filter=before & triage & done),
        spent=Sum("cost", filter=now),
        spent_before=Sum("cost", filter=before),
    )


def decided(*, actor: Actor, span: Span) -> dict[str, Any]:
    """Tickets by what became of the predicted category, now and before, and by engine now.

    Predictions are kept for ever, so a later correction by a person does not change these figures.
    """
    rows = (
        Prediction.objects.filter(
            span.either("created_at"),
            field=TriageField.CATEGORY,
            ticket__in=Ticket.objects.visible_to(actor),
        )
        .order_by()
        .values("state", "source")
        .annotate(
            count=Count("ticket", filter=span.now("created_at"), distinct=True),
            before=Count("ticket", filter=span.earlier("created_at"), distinct=True),
        )
    )
    found: dict[str, Any] = {"total": 0, "applied": 0, "total_before": 0, "applied_before": 0, "engines": {}}
    for row in rows:
        applied = row["state"] == DecisionState.APPLIED
        found["total"] += row["count"]
        found["total_before"] += row["before"]
        found["applied"] += row["count"] if applied else 0
        found["applied_before"] += row["before"] if applied else 0
        if row["count"]:
            found["engines"][row["source"]] = found["engines"].get(row["source"], 0) + row["count"]
    return found


def reviews(*, actor: Actor, span: Span) -> dict[str, Any]:
    """Reviews open now; asked for in the period; and the blind sample's answers, right and in all.

    Blind answers are weighted by how likely each ticket was to be drawn (C4); an unknown chance counts once.
    """
    asked = Q(is_blind=False)
    answered = Q(is_blind=True, state__in=[ReviewState.ACCEPTED, ReviewState.CORRECTED])
    items = ReviewItem.objects.filter(_mine(actor))
    counts = items.aggregate(
        open=Count("pk", filter=Q(state=ReviewState.OPEN)),
        asked=Count("pk", filter=asked & span.now("created_at")),
        asked_before=Count("pk", filter=asked & span.earlier("created_at")),
    )
    rows = items.filter(answered, span.either("reviewed_at")).values_list(
        "reviewed_at", "inclusion_probability", "frozen", "answer", "state"
    )
    sides: dict[str, list[tuple[float, bool]]] = {"": [], "_before": []}
    for at, chance, frozen, answer, state in rows:
        side = "" if at is not None and at >= span.start else "_before"
        sides[side].append((1 / chance if chance else 1.0, is_right(frozen, answer, state)))
    for side, answers in sides.items():
        weight = sum(weight for weight, _ in answers)
        right = sum(weight for weight, is_right in answers if is_right)
        counts[f"blind{side}"] = len(answers)
        counts[f"accuracy{side}"] = right / weight if len(answers) >= ENOUGH_ANSWERS else None
    return counts


def is_right(frozen: dict[str, Any], answer: dict[str, Any], state: str) -> bool:
    """Whether the frozen category is the one the reviewer named."""
    row = frozen.get("category", "")
    value = row.get("value", "") if isinstance(row, dict) else row
    given = answer.get("decisions", {})
    if "category" in given:
        return bool(value == given["category"])
    return state == ReviewState.ACCEPTED


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two people on the same tickets: how many, the share they agree on, and Cohen's kappa."""

    tickets: int
    share: float | None
    kappa: float | None


def agreement(*, actor: Actor, span: Span, name: str = TriageField.CATEGORY) -> Agreement:
    """How far first and second reviewers agree on a field, in a period (C4)."""
    rows = SecondOpinion.objects.filter(_mine(actor), span.now("reviewed_at")).values_list(
        "item__answer", "answer"
    )
    pairs = [
        (first["decisions"][name], second[name])
        for first, second in rows
        if name in first.get("decisions", {}) and name in second
    ]
    same = sum(first == second for first, second in pairs)
    return Agreement(len(pairs), same / len(pairs) if pairs else None, cohens_kappa(pairs))


def llm(*, actor: Actor, span: Span) -> dict[str, Any]:
    """Calls to language models, those that failed, and their cost in dollars, now and before."""
    now, before = span.now("created_at"), span.earlier("created_at")
    return LlmCall.objects.filter(_mine(actor)).aggregate(
        calls=Count("pk", filter=now),
        calls_before=Count("pk", filter=before),
        failed=Count("pk", filter=now & ~Q(outcome="ok")),
        spent=Sum("cost", filter=now),
        spent_before=Sum("cost", filter=before),
    )
