"""From predictions to what becomes of each field: applied, suggested or held, and why a person must look."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from classifier.engine.thresholds import Thresholds
from classifier.engine.types import Prediction
from classifier.steps.job import Judgement
from ticketing.choices import DecisionState, Severity, TriageField
from ticketing.services.routing import RoutingDecision
from ticketing.services.triage import FieldOutcome

REVIEWED = (TriageField.CATEGORY, TriageField.SEVERITY, TriageField.TEAM)
"""Fields whose doubt brings a ticket before a person; the others can be seen and changed at any time."""

_GRAVE = frozenset({Severity.CRITICAL, Severity.HIGH})
_GRAVE_SHARE = 0.25
"""From this confidence on, a grave alternative is likely enough to be worth a look."""
_UNSTATED = 0.5
"""What a decision without a stated confidence counts for in the order of the queue."""
_SEVERITY_WEIGHT = {Severity.CRITICAL: 4.0, Severity.HIGH: 2.0, Severity.MEDIUM: 1.0, Severity.LOW: 0.5}


def field_outcomes(
    judgement: Judgement, routing: RoutingDecision | None, thresholds: Thresholds, *, flagged: bool
) -> dict[str, FieldOutcome]:
    """Every predicted field with its state.

    Where the text tries to give orders and the engines disagree, nothing is applied: a person decides
    (FACTS 16).
    """
    outcomes = {name: _outcome(prediction, thresholds) for name, prediction in judgement.predictions.items()}
    if routing is not None and routing.team is not None:
        outcomes[TriageField.TEAM] = _routed(TriageField.TEAM, routing.team.slug, routing, thresholds)
    if routing is not None:
        outcomes[TriageField.PRIORITY] = _priority(routing, outcomes.get(TriageField.SEVERITY))
    if flagged and judgement.disagreement:
        return {name: _lowered(item) for name, item in outcomes.items()}
    return outcomes


def _outcome(prediction: Prediction, thresholds: Thresholds) -> FieldOutcome:
    confidence = prediction.confidence
    if confidence is None:
        state = str(DecisionState.APPLIED)
    else:
        state = str(thresholds.decide(prediction.field, prediction.value, confidence))
    return FieldOutcome(
        field=prediction.field,
        value=prediction.value,
        state=state,
        source=prediction.source,
        confidence=confidence,
        reasoning=prediction.reasoning,
        alternatives=[
            {"value": a.value, "confidence": round(a.confidence, 4)} for a in prediction.alternatives
        ],
        evidence=[{"text": e.text, "weight": round(e.weight, 4)} for e in prediction.evidence],
    )


def _routed(field: str, value: str, routing: RoutingDecision, thresholds: Thresholds) -> FieldOutcome:
    alternatives: list[dict[str, Any]] = [
        {"value": item["team"], "reason": item["reason"]} for item in routing.alternatives
    ]
    return FieldOutcome(
        field=field,
        value=value,
        state=str(thresholds.decide(field, value, routing.confidence)),
        source="routing",
        confidence=routing.confidence,
        reasoning=routing.reasoning,
        alternatives=alternatives,
    )


def _priority(routing: RoutingDecision, severity: FieldOutcome | None) -> FieldOutcome:
    """Priority follows severity and shares its fate."""
    return FieldOutcome(
        field=TriageField.PRIORITY,
        value=routing.priority,
        state=severity.state if severity else str(DecisionState.HELD),
        source="routing",
        confidence=severity.confidence if severity else None,
        reasoning=routing.reasoning,
    )


def _lowered(item: FieldOutcome) -> FieldOutcome:
    if item.confidence is None or item.state != DecisionState.APPLIED:
        return item
    return FieldOutcome(
        field=item.field,
        value=item.value,
        state=str(DecisionState.SUGGESTED),
        source=item.source,
        confidence=item.confidence,
        reasoning=f"{item.reasoning} The text holds instructions and the engines disagree.".strip(),
        alternatives=item.alternatives,
        evidence=item.evidence,
    )


def review_reasons(outcomes: Mapping[str, FieldOutcome], decided: Collection[str]) -> tuple[str, ...]:
    """Why a person has to look; empty when nobody has to. ``decided`` are the fields a person settled.

    An unsure severity counts only where it may be grave, as the answer or as a likely alternative: a mistake
    between low and medium is not worth the time of a reviewer.
    """
    reasons = []
    for name in REVIEWED:
        item = outcomes.get(name)
        if name in decided or (item is not None and item.state == DecisionState.APPLIED):
            continue
        if name == TriageField.SEVERITY and item is not None and not _may_be_grave(item):
            continue
        if item is None:
            reasons.append(f"No {name} was found.")
        else:
            reasons.append(f"The {name} “{item.value.replace('_', ' ')}” is not sure enough to be applied.")
    return tuple(reasons)


def _may_be_grave(item: FieldOutcome) -> bool:
    likely = {str(a["value"]) for a in item.alternatives if float(a.get("confidence", 0)) >= _GRAVE_SHARE}
    return bool(_GRAVE & {item.value, *likely})


def review_urgency(outcomes: Mapping[str, FieldOutcome]) -> float:
    """Uncertainty times severity, the order of the review queue (C4)."""
    category = outcomes.get(TriageField.CATEGORY)
    sure = category.confidence if category else 0.0
    doubt = 1.0 - (_UNSTATED if sure is None else sure)
    severity = outcomes.get(TriageField.SEVERITY)
    weight = _SEVERITY_WEIGHT.get(Severity(severity.value), 1.0) if severity and severity.value else 1.0
    return round(doubt * weight, 4)
