"""Routing as a step (C17): the rules live in ticketing, the confidences come from the engines."""

from __future__ import annotations

from classifier.engine.types import TriageInput
from classifier.steps.context import TriageContext
from classifier.steps.job import Extraction, Judgement, TriageJob
from classifier.steps.record import StepRecord
from ticketing.services.routing import RoutingDecision, RoutingInput, route_decide


def route(
    *,
    job: TriageJob,
    seen: TriageInput,
    judgement: Judgement,
    extraction: Extraction,
    context: TriageContext,
    record: StepRecord,
) -> RoutingDecision:
    """Decide team, priority and escalation path from what was predicted or given."""
    category = judgement.predictions.get("category")
    severity = judgement.predictions.get("severity")
    decision = route_decide(
        given=RoutingInput(
            client=context.client,
            taxonomy=context.taxonomy,
            category=category.value if category else "",
            category_confidence=(category.confidence or 0.0) if category else 0.0,
            severity=severity.value if severity else "",
            severity_confidence=(severity.confidence or 0.0) if severity else 0.0,
            text=seen.text,
            channel=job.channel,
            extracted_fields=frozenset({*extraction.values(), *job.given_fields}),
            alternative_categories=[item.value for item in category.alternatives] if category else [],
            now=job.now,
            toggled_rule_id=context.toggled_rule_id,
        )
    )
    record.input = {
        "category": category.value if category else "",
        "severity": severity.value if severity else "",
    }
    record.output = {
        "team": decision.team.slug if decision.team else "",
        "priority": decision.priority,
        "rule": decision.rule_id,
        "reasoning": decision.reasoning,
    }
    return decision
