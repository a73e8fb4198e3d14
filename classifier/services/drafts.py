"""Drafts of answers: composed, kept one at a time, decided by people (C16)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from classifier.choices import DraftState, RunState, StepStatus, Tone
from classifier.engine.asking import asks_for_something
from classifier.engine.drafts import DraftRequest
from classifier.engine.types import TriageInput
from classifier.models import ExtractedField, ResponseDraft, WorkflowRun, WorkflowStep
from classifier.selectors.sources import draft_sources
from classifier.services.draft_words import DraftJob, DraftResult, draft_compose
from common.actors import Actor
from common.exceptions import Conflict, ValidationFailed
from common.registries import response_targets
from common.wording import site_language
from teams.selectors import flag_enabled
from ticketing.models import Ticket
from ticketing.services.tickets import ticket_lock

_PARTS = ("greeting", "acknowledgment", "explanation", "action_items", "timeline", "closing")


def draft_write(*, run: WorkflowRun, token: UUID) -> bool:
    """Execute a draft run that is held by ``token``; False when the lease was lost meanwhile."""
    ticket = run.ticket
    tone = str(run.parameters.get("tone") or ticket.client.ticketing_settings.draft_tone)
    wanted = flag_enabled("ENABLE_RESPONSE_GENERATION", client_id=ticket.client_id) and ticket.is_open
    seconds = settings.WORKFLOW_TIMEOUT_SECONDS
    began = timezone.now()
    result = draft_compose(job=draft_job(ticket=ticket, tone=tone, seconds=seconds)) if wanted else None
    with transaction.atomic():
        ticket_lock(ticket_id=ticket.pk)
        held = WorkflowRun.objects.select_for_update(no_key=True).filter(pk=run.pk, lease_token=token).first()
        if held is None:
            return False
        # A draft that somebody asked for meanwhile stands.
        if (
            result is not None
            and not ResponseDraft.objects.filter(ticket=ticket, created_at__gt=began).exists()
        ):
            _replace(ticket, result, run=held)
        step = result.step if result else WorkflowStep(position=1, name="draft", status=StepStatus.SKIPPED)
        step.run = held
        step.save()
        _close(held, step)
    return True


def _close(run: WorkflowRun, step: WorkflowStep) -> None:
    run.state, run.decided_by, run.duration_ms = RunState.COMPLETED, step.engine, step.duration_ms
    run.cost = step.cost
    run.degraded_steps = ["draft"] if step.status == StepStatus.DEGRADED else []
    run.lease_token = run.lease_until = None
    run.finished_at = timezone.now()
    run.save(
        update_fields=[
            "state", "decided_by", "duration_ms", "cost", "degraded_steps", "lease_token", "lease_until",
            "finished_at", "updated_at",
        ]
    )  # fmt: skip


def draft_job(*, ticket: Ticket, tone: str, seconds: float) -> DraftJob:
    """What is known of a ticket, for its draft; the target is the real one of its clock."""
    category = ticket.category or _suggested_category(ticket)
    fields = ExtractedField.objects.filter(ticket=ticket, rejected_reason="").order_by("-confidence")
    values: dict[str, str] = {}
    for row in fields:
        values.setdefault(row.name, row.normalized or row.value)
    required = list(category.required_fields) if category else []
    request = DraftRequest(
        category=category.slug if category else "",
        severity=ticket.severity or "medium",
        sentiment=ticket.sentiment or "neutral",
        tone=tone,
        customer_name="" if ticket.requester.is_anonymous else ticket.requester.name,
        reference=ticket.reference,
        sla_target=response_target(ticket_id=ticket.pk),
        missing_required=[name for name in required if name not in values],
        extracted=values,
        is_wish=asks_for_something(ticket.subject, ticket.body),
    )
    return DraftJob(
        client=ticket.client,
        item=TriageInput(body=ticket.body, subject=ticket.subject, channel=ticket.channel),
        request=request,
        category=category,
        sources=draft_sources(ticket=ticket, category=category),
        reference=ticket.reference,
        seconds=seconds,
    )


def response_target(*, ticket_id: int) -> str:
    """The promise of the first clock that runs, in words; empty where no app promises anything."""
    with site_language():  # a draft is kept, and its templates are English
        return next((text for _, provider in response_targets.items() if (text := provider(ticket_id))), "")


def _suggested_category(ticket: Ticket) -> Any:
    slug = ticket.decisions.filter(field="category").values_list("value", flat=True).first()
    return ticket.taxonomy.categories.filter(slug=slug).first() if slug else None


def draft_make(*, ticket: Ticket, tone: str, actor: Actor) -> ResponseDraft:
    """Write a new draft at once, in the tone asked for; the proposed one is replaced.

    A language model gets the time a person waits. Raises ValidationFailed for an unknown tone.
    """
    if tone not in Tone.values:
        raise ValidationFailed(
            fields={"tone": [gettext("Use one of: %(values)s.") % {"values": ", ".join(Tone.values)}]}
        )
    seconds = settings.INLINE_DEADLINE_SECONDS
    result = draft_compose(job=draft_job(ticket=ticket, tone=tone, seconds=seconds))
    with transaction.atomic():
        ticket_lock(ticket_id=ticket.pk)
        return _replace(ticket, result, run=None)


def draft_if_wanted(*, ticket: Ticket, tone: str, actor: Actor) -> ResponseDraft | None:
    """A draft at once for a caller who waits; None where drafts are switched off (C13)."""
    if not flag_enabled("ENABLE_RESPONSE_GENERATION", client_id=ticket.client_id):
        return None
    fresh = Ticket.objects.get(pk=ticket.pk)
    return draft_make(ticket=fresh, tone=tone or fresh.client.ticketing_settings.draft_tone, actor=actor)


def _replace(ticket: Ticket, result: DraftResult, *, run: WorkflowRun | None) -> ResponseDraft:
    draft = result.draft
    ResponseDraft.objects.filter(ticket=ticket, state=DraftState.PROPOSED).update(state=DraftState.REPLACED)
    parts = {name: getattr(draft, name) for name in _PARTS}
    return ResponseDraft.objects.create(
        ticket=ticket,
        run=run,
        tone=draft.tone,
        content=draft.content,
        parts={**parts, "action_items": list(draft.action_items)},
        sources=list(result.sources),
        source=result.engine,
        suggested_actions=list(draft.suggested_actions),
        template_used=draft.template_used,
        requires_escalation=draft.requires_escalation,
    )


@transaction.atomic
def draft_decide(*, draft: ResponseDraft, state: str, actor: Actor) -> ResponseDraft:
    """Record what a person made of a draft. Raises Conflict on a second decision."""
    if state not in {DraftState.ACCEPTED, DraftState.EDITED, DraftState.REJECTED}:
        raise ValidationFailed(fields={"state": [gettext("Accept, edit or reject the draft.")]})
    changed = ResponseDraft.objects.filter(pk=draft.pk, state=DraftState.PROPOSED).update(
        state=state, decided_by_id=actor.user_id, decided_at=timezone.now()
    )
    if not changed:
        raise Conflict(gettext("The draft was already decided on or replaced."))
    draft.refresh_from_db()
    return draft
