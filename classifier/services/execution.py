"""Executing a claimed run: compute outside any transaction, keep the result in one (C1, C2)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from classifier.choices import Purpose, RunState, StepStatus
from classifier.models import ExtractedField, Prediction, WorkflowRun, WorkflowStep
from classifier.pipeline import triage_compute
from classifier.services.bursts import burst_propose
from classifier.services.classifications import classification_record
from classifier.services.context import triage_context
from classifier.services.drafts import draft_write
from classifier.services.runs import WITHOUT_LLM, run_claim, run_failed, run_release
from classifier.services.sampling import review_plan
from classifier.services.shadows import shadow_answers_keep
from classifier.services.vectors import ticket_vector_write
from classifier.steps.job import AttachedText, LocatedField, TriageJob, TriageResult
from classifier.steps.outcome import review_reasons, review_urgency
from common.metrics import classification_duration_seconds, classification_requests_total
from ticketing.choices import PERSON_STATES, AttachmentStatus, Channel, StatusCategory
from ticketing.models import Attachment, Ticket
from ticketing.services.links import LinkProposal, links_propose
from ticketing.services.routing import rule_hit
from ticketing.services.tickets import ticket_lock
from ticketing.services.triage import TriageOutcome, triage_apply

logger = structlog.get_logger(__name__)
_PARALLEL_MARGIN = timedelta(seconds=1)


def run_process(*, run_id: int) -> bool:
    """Claim and execute a run; False when somebody else has it, it is done, or it has to wait.

    At-least-once: a second call finds the claim taken or the run finished and does nothing.
    """
    now = timezone.now()
    token = run_claim(run_id=run_id, now=now)
    if token is None:
        return False
    rows = WorkflowRun.objects.select_related("ticket__client", "ticket__requester", "ticket__taxonomy")
    run = rows.get(pk=run_id)
    files = _files_of(run.ticket) if run.purpose == Purpose.TRIAGE else []
    if _files_unread(run, files, now):
        run_release(run_id=run_id, token=token, next_at=now + _PARALLEL_MARGIN, counts=False)
        return False
    try:
        if run.purpose == Purpose.DRAFT:
            return _draft(run, token)
        result = compute(run=run, llm_seconds=settings.WORKFLOW_TIMEOUT_SECONDS, files=files)
        written = _finish(run, token, result)
    except Exception as error:
        logger.exception("run_failed", run=str(run.uuid), ticket=run.ticket.reference)
        run_failed(run_id=run_id, token=token, error=type(error).__name__, now=timezone.now())
        return False
    return _afterwards(run, result, written)


def run_keep(*, run: WorkflowRun, token: UUID, result: TriageResult) -> bool:
    """Keep what was computed for a claimed run; False when its lease is ours no more."""
    return _afterwards(run, result, _finish(run, token, result))


def _afterwards(run: WorkflowRun, result: TriageResult, written: Ticket | None) -> bool:
    """What follows a kept run in transactions of its own; its failure costs no triage; whether kept."""
    if written is None:
        return False
    shadow_answers_keep(run=run, result=result)
    _embed(written)
    # Tickets of an import come at once without being an incident.
    if result.similar and written.channel != Channel.IMPORT:
        try:
            burst_propose(ticket=written, now=timezone.now())
        except Exception:  # The run is kept and the caller has its answer, whatever comes after.
            logger.exception("burst_failed", ticket=written.reference)
    return True


def run_inline(*, run: WorkflowRun) -> TriageResult:
    """Execute a run that was born leased to this request, within ``INLINE_DEADLINE_SECONDS``.

    When a language model does not answer in time, the result of the local engine is returned for the answer
    and the run goes on in the background, where it may wait longer. Raises nothing that the run could keep.
    """
    token = run.lease_token
    result = compute(run=run, llm_seconds=settings.INLINE_DEADLINE_SECONDS)
    if token is None:
        return result
    if result.judgement.llm_timed_out:
        run_release(run_id=run.pk, token=token, next_at=timezone.now(), counts=False)
    else:
        _afterwards(run, result, _finish(run, token, result))
    return result


def _embed(ticket: Ticket) -> None:
    """The ticket's vector, once the run is kept."""
    try:
        ticket_vector_write(ticket=ticket)
    except Exception:  # Whatever it is, the sweeper makes up for it and the run stays kept.
        logger.exception("vector_not_written", ticket=ticket.reference)


def _files_of(ticket: Ticket) -> list[Attachment]:
    """Files that were read or are about to be."""
    read = ticket.attachments.filter(status__in=[AttachmentStatus.PENDING, AttachmentStatus.PARSED])
    return list(read.order_by("pk"))


def _files_unread(run: WorkflowRun, files: Sequence[Attachment], now: datetime) -> bool:
    """Whether files of the ticket are still being read, and the wait is not over yet."""
    if now > run.created_at + timedelta(seconds=settings.ATTACHMENT_WAIT_SECONDS):
        return False
    return any(file.status == AttachmentStatus.PENDING for file in files)


def compute(
    *, run: WorkflowRun, llm_seconds: float, files: Sequence[Attachment] | None = None
) -> TriageResult:
    """Judge what the ticket now says. ``llm_seconds`` is the time left for a language model."""
    started = time.monotonic()
    ticket = run.ticket
    context = triage_context(client=ticket.client, taxonomy=ticket.taxonomy)
    left = 0.0 if run.parameters.get(WITHOUT_LLM) else max(0.0, llm_seconds - (time.monotonic() - started))
    job = job_of(ticket=ticket, llm_seconds=left, files=files)
    return triage_compute(job, context)


def job_of(*, ticket: Ticket, llm_seconds: float, files: Sequence[Attachment] | None = None) -> TriageJob:
    """The ticket as the pipeline reads it; what a person decided is given. ``files`` are its, once read."""
    known = _files_of(ticket) if files is None else files
    parsed = [file for file in known if file.status == AttachmentStatus.PARSED]
    given = ticket.decisions.filter(state__in=PERSON_STATES).order_by().values_list("field", "value")
    requester = ticket.requester
    return TriageJob(
        subject=ticket.subject,
        body=ticket.body,
        attachments=tuple(
            AttachedText(attachment_id=f.pk, name=f.name, text=f.text, kind=f.kind, segments=f.segments)
            for f in parsed
            if f.text not in ticket.body
        ),
        channel=ticket.channel,
        file_type=next((f.kind for f in parsed), ""),
        requester=str(requester.pk),
        requester_id=requester.pk,
        ticket_id=ticket.pk,
        reference=ticket.reference,
        now=timezone.now(),
        given=dict(given),
        llm_seconds=llm_seconds,
    )


@transaction.atomic
def _finish(run: WorkflowRun, token: UUID, result: TriageResult) -> Ticket | None:
    """Keep the result if the lease is still ours; otherwise it is thrown away. Emits ``ticket_triaged``.

    A newer run of the ticket that was quicker stands: this one keeps what it found and changes nothing.
    Returns the ticket as it is then, None where nothing of it was written.
    """
    ticket = ticket_lock(ticket_id=run.ticket_id)
    held, overtaken = _held(run, token)
    if held is None:
        logger.info("run_lost_its_lease", run=str(run.uuid))
        return None
    if overtaken:
        _keep(held, result, RunState.SUPERSEDED)
        return None
    _keep(held, result, RunState.COMPLETED)
    review = False
    if ticket.status_category != StatusCategory.CLOSED:
        ticket, review = _apply(held, ticket, result)
    # The ticket as it was read with the run: taxonomy and requester are at hand there.
    known = run.ticket
    classification_record(result=result, client=known.client, taxonomy=known.taxonomy.slug, ticket=known)
    outcome = "review" if review else "applied"
    classification_requests_total.labels(engine=held.decided_by or "none", outcome=outcome).inc()
    classification_duration_seconds.observe(result.duration_ms / 1000)
    return ticket


def _held(run: WorkflowRun, token: UUID) -> tuple[WorkflowRun | None, bool]:
    """The run under its lock while its lease is ours, and whether one asked for later is done already."""
    later = WorkflowRun.objects.filter(
        ticket_id=OuterRef("ticket_id"), purpose=OuterRef("purpose"), pk__gt=OuterRef("pk")
    )
    rows = WorkflowRun.objects.select_for_update(of=("self",), no_key=True)
    rows = rows.filter(pk=run.pk, lease_token=token).order_by()
    held = rows.annotate(overtaken=Exists(later.filter(state=RunState.COMPLETED))).first()
    return held, held is not None and held.overtaken


def _apply(run: WorkflowRun, ticket: Ticket, result: TriageResult) -> tuple[Ticket, bool]:
    """Write the result to the ticket; the ticket as it is then, and whether a person has to look.

    What a person decided while the run was at work asks for no review.
    """
    known = list(ticket.decisions.order_by())
    decided = frozenset(row.field for row in known if row.state in PERSON_STATES)
    reasons = review_reasons(result.fields, decided)
    _store_fields(run, ticket, result)
    outcome = TriageOutcome(
        run_uuid=run.uuid,
        fields=list(result.fields.values()),
        secondary_categories=result.judgement.secondary,
        needs_review=bool(reasons),
    )
    ticket = triage_apply(ticket=ticket, outcome=outcome, known=known)
    links_propose(
        ticket=ticket,
        proposals=[LinkProposal(s.ticket_id, s.kind, s.score, dict(s.parts)) for s in result.similar],
    )
    if result.routing is not None and result.routing.rule_id is not None:
        rule_hit(rule_id=result.routing.rule_id)
    review_plan(ticket=ticket, run=run, reasons=reasons, urgency=review_urgency(result.fields))
    return ticket, bool(reasons)


def _keep(run: WorkflowRun, result: TriageResult, state: RunState) -> None:
    """Close the run with everything it found."""
    _store(run, result)
    _close(run, result, state)


def _store(run: WorkflowRun, result: TriageResult) -> None:
    """Steps and predictions of the run."""
    WorkflowStep.objects.bulk_create(
        WorkflowStep(
            run=run,
            position=record.position,
            name=record.name,
            status=record.status,
            engine=record.engine,
            model=record.model,
            prompt_version=record.prompt_version,
            input=record.input,
            output=record.output,
            tokens_in=record.tokens_in,
            tokens_out=record.tokens_out,
            cost=record.cost,
            duration_ms=record.duration_ms,
            error_kind=record.error_kind,
            error=record.error,
        )
        for record in result.steps
    )
    origins = _origins(result)
    Prediction.objects.bulk_create(
        Prediction(
            run=run,
            ticket_id=run.ticket_id,
            field=item.field,
            value=item.value[:200],
            confidence=item.confidence,
            source=item.source,
            state=item.state,
            reasoning=item.reasoning,
            alternatives=item.alternatives,
            evidence=item.evidence,
            model_version=origins.get(item.source, ("", ""))[0],
            prompt_version=origins.get(item.source, ("", ""))[1],
        )
        for item in result.fields.values()
        if item.source != "given"
    )


def _origins(result: TriageResult) -> dict[str, tuple[str, str]]:
    """Model and prompt version of each engine that answered; of several language models the last."""
    return {
        record.engine: (record.model[:120], record.prompt_version)
        for record in result.steps
        if record.name.startswith("classify_") and record.status == StepStatus.COMPLETED
    }


def _store_fields(run: WorkflowRun, ticket: Ticket, result: TriageResult) -> None:
    """Replace what earlier runs found; what a person edited stays."""
    earlier = ExtractedField.objects.filter(ticket=ticket).order_by()
    # Only triage finds fields, so a ticket it has not seen has none.
    editors = list(earlier.values_list("name", "edited_by")) if ticket.triaged_at else []
    kept = {name for name, editor in editors if editor is not None}
    if any(editor is None for _, editor in editors):
        earlier.filter(edited_by=None).delete()
    rows = [_field_row(run, item) for item in result.extraction.fields if item.found.name not in kept]
    rows += [
        ExtractedField(
            run=run,
            ticket_id=run.ticket_id,
            name=problem.name,
            value=problem.value[:500],
            confidence=0.0,
            source=problem.source,
            rejected_reason=problem.message[:200],
        )
        for problem in (*result.extraction.problems, *result.judgement.llm_problems)
    ]
    ExtractedField.objects.bulk_create(rows)


def _field_row(run: WorkflowRun, item: LocatedField) -> ExtractedField:
    found = item.found
    return ExtractedField(
        run=run,
        ticket_id=run.ticket_id,
        name=found.name,
        value=found.value[:500],
        normalized=found.normalized[:500],
        confidence=found.confidence,
        source=found.source,
        origin=item.origin,
        attachment_id=item.attachment_id,
        start=found.start,
        end=found.end,
        place=item.place,
    )


def _close(run: WorkflowRun, result: TriageResult, state: RunState) -> None:
    run.state = state
    run.lease_token = run.lease_until = None
    run.decided_by = result.judgement.decided_by
    run.degraded_steps = list(result.degraded)
    run.cost = result.cost
    run.duration_ms = result.duration_ms
    run.finished_at = timezone.now()
    run.error = ""
    run.save(
        update_fields=[
            "state", "lease_token", "lease_until", "decided_by", "degraded_steps", "cost", "duration_ms",
            "finished_at", "error", "updated_at",
        ]
    )  # fmt: skip


def _draft(run: WorkflowRun, token: UUID) -> bool:
    """The second run of a ticket: it cites the real SLA target, which triage has just set."""
    return draft_write(run=run, token=token)
