"""From a triage result to the JSON of API.md."""

from __future__ import annotations

from typing import Any

from classifier.engine.drafts import Draft
from classifier.models import ResponseDraft
from classifier.steps.context import TriageContext
from classifier.steps.job import LocatedField, TriageResult


def classify_json(result: TriageResult, context: TriageContext) -> dict[str, Any]:
    """``POST classify``."""
    category = result.judgement.predictions.get("category")
    row = context.categories.get(category.value) if category else None
    return {
        "category": category.value if category else "",
        "category_name": row.name if row else "",
        "confidence": _confidence(result, "category"),
        "engine": result.judgement.decided_by,
    }


def classification_json(result: TriageResult) -> dict[str, Any]:
    """``POST workflow/classify``."""
    category = result.judgement.predictions.get("category")
    return {
        "category": _value(result, "category"),
        "category_confidence": _confidence(result, "category"),
        "severity": _value(result, "severity"),
        "severity_confidence": _confidence(result, "severity"),
        "secondary_categories": list(result.judgement.secondary),
        "sentiment": _value(result, "sentiment"),
        "root_cause": _value(result, "root_cause"),
        "language": _value(result, "language"),
        "summary": _value(result, "summary"),
        "reasoning": category.reasoning if category else "",
        "keywords_matched": list(result.judgement.keywords),
        "urgency_indicators": list(result.judgement.urgency_indicators),
        "engine": result.judgement.decided_by,
        "needs_review": result.needs_review,
    }


def extraction_json(result: TriageResult) -> dict[str, Any]:
    """``POST workflow/extract``."""
    problems = [
        {"name": item.name, "value": item.value, "message": item.message}
        for item in (*result.extraction.problems, *result.judgement.llm_problems)
    ]
    return {
        "fields": [_field(item) for item in result.extraction.fields],
        "missing_required": list(result.missing_required),
        "validation_errors": problems,
    }


def _field(item: LocatedField) -> dict[str, Any]:
    found = item.found
    return {
        "name": found.name,
        "value": found.value,
        "normalized": found.normalized,
        "confidence": found.confidence,
        "source": found.source,
        "origin": item.origin,
        "source_span": {"start": found.start, "end": found.end, "text": found.value},
    }


def draft_json(draft: Draft) -> dict[str, Any]:
    """``POST workflow/respond``."""
    return {
        "content": draft.content,
        "tone": draft.tone,
        "template_used": draft.template_used,
        "suggested_actions": list(draft.suggested_actions),
        "requires_escalation": draft.requires_escalation,
        "sources": [
            {"title": source.title, "reference": source.reference, "url": source.url}
            for source in draft.sources
        ],
        "greeting": draft.greeting,
        "acknowledgment": draft.acknowledgment,
        "explanation": draft.explanation,
        "action_items": list(draft.action_items),
        "timeline": draft.timeline,
        "closing": draft.closing,
    }


def stored_draft_json(draft: ResponseDraft) -> dict[str, Any]:
    """The draft of a ticket in the form of ``POST workflow/respond``."""
    return {
        "id": str(draft.uuid),
        "content": draft.content,
        "tone": draft.tone,
        "template_used": draft.template_used,
        "suggested_actions": draft.suggested_actions,
        "requires_escalation": draft.requires_escalation,
        "sources": draft.sources,
        **draft.parts,
    }


def routing_json(result: TriageResult) -> dict[str, Any]:
    """``POST workflow/route``."""
    routing = result.routing
    if routing is None:
        return {
            "team": "",
            "priority": "normal",
            "confidence": 0.0,
            "reasoning": "Routing failed; a person decides.",
            "alternative_teams": [],
            "escalation_path": [],
        }
    return {
        "team": routing.team.slug if routing.team else "",
        "priority": routing.priority,
        "confidence": routing.confidence,
        "reasoning": routing.reasoning,
        "alternative_teams": routing.alternatives,
        "escalation_path": routing.escalation_path,
    }


def process_json(result: TriageResult) -> dict[str, Any]:
    """The parts of ``POST workflow/process`` that come from the run itself."""
    return {
        "classification": classification_json(result),
        "extracted_fields": result.extraction.values(),
        "routing": routing_json(result),
        "duplicates": [
            {"ticket_id": item.reference, "kind": item.kind, "score": item.score, "parts": dict(item.parts)}
            for item in result.similar
        ],
        "workflow_steps": [
            {
                "name": record.name,
                "status": str(record.status),
                "engine": record.engine,
                "duration_ms": record.duration_ms,
                "error": record.error,
            }
            for record in result.steps
        ],
        "total_duration_ms": result.duration_ms,
    }


def _value(result: TriageResult, name: str) -> str:
    prediction = result.judgement.predictions.get(name)
    return prediction.value if prediction else ""


def _confidence(result: TriageResult, name: str) -> float:
    prediction = result.judgement.predictions.get(name)
    return round(prediction.confidence, 4) if prediction and prediction.confidence is not None else 0.0
