"""Answers for callers who wait: single steps without a ticket, and tickets that are triaged at once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils import timezone

from classifier.choices import Purpose
from classifier.engine.asking import asks_for_something
from classifier.engine.drafts import Draft, DraftRequest
from classifier.models import WorkflowRun
from classifier.pipeline import triage_compute
from classifier.selectors.sources import article_sources
from classifier.services.classifications import classification_record
from classifier.services.context import triage_context
from classifier.services.draft_words import DraftJob, draft_compose
from classifier.services.execution import run_inline
from classifier.steps.context import TriageContext
from classifier.steps.job import TriageJob, TriageResult
from common.actors import Actor
from teams.models import Client
from ticketing.models import Taxonomy, Ticket

NEXT_STEPS = {
    "applied": "{team} works on it; you will hear from them.",
    "review": "A person checks the category first; then {team} works on it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a caller gives to a single step; what is given is used, not predicted."""

    body: str
    subject: str = ""
    requester: str = ""
    engine: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    given_fields: Mapping[str, str] = field(default_factory=dict)
    want_duplicates: bool = False


def text_triage(
    *, client: Client, question: Question, actor: Actor, taxonomy: Taxonomy | None = None
) -> tuple[TriageResult, TriageContext]:
    """Judge a text without a ticket; a redacted record is kept."""
    context = triage_context(client=client, taxonomy=taxonomy)
    job = TriageJob(
        subject=question.subject,
        body=question.body,
        channel="api",
        requester=question.requester,
        now=timezone.now(),
        given=question.given,
        given_fields=question.given_fields,
        engine=question.engine,
        llm_seconds=settings.INLINE_DEADLINE_SECONDS,
        want_duplicates=question.want_duplicates,
    )
    result = triage_compute(job, context)
    classification_record(
        result=result,
        client=client,
        taxonomy=context.taxonomy.slug,
        actor=actor,
        user_reference=question.requester,
    )
    return result, context


def text_draft(
    *,
    result: TriageResult,
    context: TriageContext,
    tone: str,
    customer_name: str,
    given_fields: Mapping[str, str],
) -> Draft:
    """Write the answer to a text that has just been judged; without a ticket there is no promise to cite."""
    category = result.judgement.predictions.get("category")
    severity = result.judgement.predictions.get("severity")
    sentiment = result.judgement.predictions.get("sentiment")
    row = context.categories.get(category.value) if category else None
    job = DraftJob(
        client=context.client,
        item=result.seen,
        category=row,
        sources=article_sources(client_id=context.client.pk, category=row, text=result.seen.text),
        seconds=settings.INLINE_DEADLINE_SECONDS,
        request=DraftRequest(
            category=category.value if category else "",
            severity=severity.value if severity else "medium",
            sentiment=sentiment.value if sentiment else "neutral",
            tone=tone or context.settings.draft_tone,
            customer_name=customer_name,
            missing_required=[name for name in result.missing_required if name not in given_fields],
            extracted={**result.extraction.values(), **given_fields},
            is_wish=asks_for_something(result.seen.subject, result.seen.body),
        ),
    )
    return draft_compose(job=job).draft


def ticket_triage(*, ticket: Ticket) -> TriageResult | None:
    """Execute the run that ``ticket_open`` leased to this request; None when there is none to execute."""
    run = (
        WorkflowRun.objects.select_related("ticket__client", "ticket__requester", "ticket__taxonomy")
        .filter(ticket=ticket, purpose=Purpose.TRIAGE, is_inline=True, finished_at=None)
        .order_by("-generation")
        .first()
    )
    return run_inline(run=run) if run is not None else None


def triage_answer(*, ticket: Ticket) -> dict[str, Any]:
    """Triage a freshly opened ticket and answer in the form of ``classify/ticket``."""
    started = time.perf_counter()
    result = ticket_triage(ticket=ticket)
    ticket.refresh_from_db()
    category, severity, team = (_value(ticket, result, name) for name in ("category", "severity", "team"))
    row = ticket.taxonomy.categories.filter(slug=category).first()
    decided = ticket.decisions.filter(field="category").first()
    outcome = result.fields.get("category") if result else None
    confidence = outcome.confidence if outcome else (decided.confidence if decided else None)
    assignee = ticket.assignee.username if ticket.assignee else team
    return {
        "ticket_id": ticket.reference,
        "id": str(ticket.uuid),
        "category": category,
        "category_name": row.name if row else category,
        "confidence": confidence if confidence is not None else 0.0,
        "severity": severity,
        "priority": _value(ticket, result, "priority") or ticket.priority,
        "suggested_assignee": assignee or _fallback_team(ticket),
        "team": team or _fallback_team(ticket),
        "needs_review": result.needs_review if result else ticket.needs_review,
        "engine": result.judgement.decided_by if result else (decided.source if decided else ""),
        "next_steps": next_steps(ticket=ticket, result=result, team=team),
        "degraded": list(result.degraded) if result else [],
        "created_at": ticket.created_at,
        "processing_time": round(time.perf_counter() - started, 4),
    }


def _value(ticket: Ticket, result: TriageResult | None, name: str) -> str:
    """The value on the ticket, else what triage suggests."""
    current = getattr(ticket, name)
    if current and name != "priority":
        return str(getattr(current, "slug", current))
    item = result.fields.get(name) if result else None
    if item is not None:
        return item.value
    return str(ticket.decisions.filter(field=name).values_list("value", flat=True).first() or "")


def _fallback_team(ticket: Ticket) -> str:
    own = ticket.client.ticketing_settings.fallback_team
    return own.slug if own else "unassigned"


def next_steps(*, ticket: Ticket, result: TriageResult | None, team: str) -> list[str]:
    """What happens now, in sentences for the requester."""
    review = result.needs_review if result else ticket.needs_review
    name = ticket.team.name if ticket.team else (team.replace("_", " ").capitalize() or "The support team")
    steps = [NEXT_STEPS["review" if review else "applied"].format(team=name)]
    if result is not None and result.missing_required:
        missing = ", ".join(field_name.replace("_", " ") for field_name in result.missing_required)
        steps.append(f"Please add: {missing}.")
    duplicate = next((item for item in result.similar if item.kind == "duplicate"), None) if result else None
    if duplicate is not None:
        steps.append(f"This may be the same as {duplicate.reference}.")
    return steps
