"""Is the AI right, and what did it cost: the counts behind the dashboard (O5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, Q, Sum

from classifier.choices import CallPurpose, DraftState, Purpose, ReviewState, RunState
from classifier.engine.metrics import cohens_kappa
from classifier.models import LlmCall, Prediction, ResponseDraft, ReviewItem, SecondOpinion, WorkflowRun
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
    """Tickets whose category was predicted, and of these applied, now and before; and by engine now.

    Predictions are kept for ever, so a later correction by a person does not change these figures. A ticket
    that was judged several times counts once, as applied where one of the runs applied its category.
    """
    rows = Prediction.objects.filter(
        span.either("created_at"), field=TriageField.CATEGORY, ticket__in=Ticket.objects.visible_to(actor)
    ).order_by()
    now, before = span.now("created_at"), span.earlier("created_at")
    applied = Q(state=DecisionState.APPLIED)
    found: dict[str, Any] = rows.aggregate(
        total=Count("ticket", filter=now, distinct=True),
        applied=Count("ticket", filter=now & applied, distinct=True),
        total_before=Count("ticket", filter=before, distinct=True),
        applied_before=Count("ticket", filter=before & applied, distinct=True),
    )
    engines = rows.filter(now).values("source").annotate(count=Count("ticket", distinct=True))
    found["engines"] = {row["source"]: row["count"] for row in engines}
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
    rows = items.filter(answered, span.either("reviewed_at"))
    sides: dict[str, list[BlindAnswer]] = {"": [], "_before": []}
    seen: set[int] = set()
    for pk, at, chance, frozen, answer, state, kind in rows.values_list(
        "pk", "reviewed_at", "inclusion_probability", "frozen", "answer", "state", "ticket__attachments__kind"
    ).order_by("pk", "ticket__attachments__pk"):
        if pk in seen:
            continue
        seen.add(pk)
        side = "" if at is not None and at >= span.start else "_before"
        sides[side].append(
            BlindAnswer(
                weight=1 / chance if chance else 1.0,
                right=is_right(frozen, answer, state),
                category=_frozen(frozen, "category"),
                file_type=kind or "text",
                urgent=(_frozen(frozen, "severity"), answer.get("decisions", {}).get("severity", "")),
            )
        )
    for side, answers in sides.items():
        counts[f"blind{side}"] = len(answers)
        counts[f"accuracy{side}"] = accuracy_of(answers) if len(answers) >= ENOUGH_ANSWERS else None
    counts["answers"] = sides[""]
    return counts


_URGENT = frozenset({"critical", "high"})


@dataclass(frozen=True, slots=True)
class BlindAnswer:
    """One answer of the blind sample. ``weight`` makes up for how likely the ticket was to be drawn (C4)."""

    weight: float
    right: bool
    category: str
    file_type: str
    urgent: tuple[str, str]
    """Severity as predicted, and as the reviewer named it (empty where neither was asked)."""


def accuracy_of(answers: Sequence[BlindAnswer]) -> float | None:
    """The weighted share of right answers; None of nothing."""
    weight = sum(item.weight for item in answers)
    return sum(item.weight for item in answers if item.right) / weight if weight else None


def accuracy_by(answers: Sequence[BlindAnswer], name: str) -> list[tuple[str, int, float]]:
    """Value of ``category`` or ``file_type``, number of answers, accuracy; most answers first."""
    groups: dict[str, list[BlindAnswer]] = {}
    for item in answers:
        groups.setdefault(getattr(item, name), []).append(item)
    rows = [(value, len(items), accuracy_of(items) or 0.0) for value, items in groups.items()]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def alarms(answers: Sequence[BlindAnswer]) -> tuple[float | None, float | None]:
    """False positives and negatives of urgency: called critical or high and was not; was, and was not called.

    Shares of the tickets that were not urgent, and of those that were; None where there are too few answers.
    """
    known = [item for item in answers if all(item.urgent)]
    if len(known) < ENOUGH_ANSWERS:
        return None, None
    calm = [item for item in known if item.urgent[1] not in _URGENT]
    urgent = [item for item in known if item.urgent[1] in _URGENT]
    false = sum(item.urgent[0] in _URGENT for item in calm)
    missed = sum(item.urgent[0] not in _URGENT for item in urgent)
    return false / len(calm) if calm else None, missed / len(urgent) if urgent else None


def _frozen(frozen: dict[str, Any], name: str) -> str:
    row = frozen.get(name, "")
    return str(row.get("value", "") if isinstance(row, dict) else row)


def adoption(*, actor: Actor, span: Span) -> dict[str, int]:
    """Drafts that people decided on in the period, and of these sent, as they were or edited; and before."""
    used = Q(state__in=[DraftState.ACCEPTED, DraftState.EDITED])
    decided = used | Q(state=DraftState.REJECTED)
    now, before = span.now("created_at"), span.earlier("created_at")
    return ResponseDraft.objects.visible_to(actor).aggregate(
        decided=Count("pk", filter=decided & now),
        used=Count("pk", filter=used & now),
        decided_before=Count("pk", filter=decided & before),
        used_before=Count("pk", filter=used & before),
    )


def is_right(frozen: dict[str, Any], answer: dict[str, Any], state: str) -> bool:
    """Whether the frozen category is the one the reviewer named."""
    value = _frozen(frozen, "category")
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
    """Calls of daily work and those that failed, and what all calls cost in dollars, now and before."""
    now, before = span.now("created_at"), span.earlier("created_at")
    work = Q(purpose=CallPurpose.WORK)
    return LlmCall.objects.filter(_mine(actor)).aggregate(
        calls=Count("pk", filter=now & work),
        calls_before=Count("pk", filter=before & work),
        failed=Count("pk", filter=now & work & ~Q(outcome="ok")),
        spent=Sum("cost", filter=now),
        spent_before=Sum("cost", filter=before),
    )
