"""Bulk runs: several waiting runs of one client claimed together, asked about in one call, kept apart (C10).

Every run keeps its own lease and is completed on its own. What a shared call does not settle is given back
and judged alone; what a crash leaves behind is found by the sweeper, run by run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone

from classifier.choices import ProviderStep, Purpose, RunState
from classifier.engine.cascade import Cascade
from classifier.engine.guard import guard
from classifier.engine.types import Engine, Prediction, TriageInput
from classifier.llm.config import ProviderConfig
from classifier.models import WorkflowRun
from classifier.pipeline import triage_compute
from classifier.selectors.prompts import ChosenPrompt, prompt_choose
from classifier.services.bulk_answers import Prepared, answers_ask, most_in_call
from classifier.services.context import triage_context
from classifier.services.execution import job_of, run_keep
from classifier.services.language import llm_maker
from classifier.services.providers import layer_settings, provider_chain
from classifier.services.runs import BULK, run_claim, run_failed, run_release
from classifier.steps.context import TriageContext
from classifier.steps.job import TriageJob
from ticketing.choices import AttachmentStatus

logger = structlog.get_logger(__name__)
_MOST_CHARACTERS: Final = 4_000
"""A longer ticket is asked about alone: it would crowd the others out of the model's attention."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run and the token that gives the right to finish it."""

    run: WorkflowRun
    token: UUID


@dataclass(frozen=True, slots=True)
class _Asked:
    """A ticket the local engine is not sure of, and the category it would name."""

    reference: str
    item: TriageInput
    guess: str


@dataclass(slots=True)
class _Shared:
    """What came of the shared calls, by reference; ``alone`` have to be asked about one by one."""

    answers: dict[str, Prepared] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _LocalOnly:
    """Stands where the language model would in the cascade, to learn which tickets would come to it."""

    name: str = "llm"

    def predict(self, batch: Sequence[TriageInput]) -> list[dict[str, Prediction]]:
        """No answer."""
        return [{} for _ in batch]


def bulk_claim(*, run_id: int, now: datetime) -> list[Claimed]:
    """Claim a bulk run together with others of its client and taxonomy that wait; empty where it is none.

    Off unless ``LLM_BULK_SIZE`` is above one, and with an ensemble or an advanced model, which ask about
    each ticket alone. Only runs that nobody has begun are taken together: one that killed a process is tried
    alone.
    """
    own = layer_settings()
    if own.bulk_size < 2 or own.ensemble:
        return []
    waiting = WorkflowRun.objects.filter(
        purpose=Purpose.TRIAGE, state=RunState.PENDING, parameters__bulk=True, next_at__lte=now
    ).exclude(ticket__attachments__status=AttachmentStatus.PENDING)
    first = waiting.filter(pk=run_id).select_related("ticket").first()
    if first is None:
        return []
    chain = provider_chain(client_id=first.client_id, step=ProviderStep.TRIAGE)
    size = min(own.bulk_size, most_in_call(chain.primary))
    if chain.advanced or size < 2:
        return []
    others = waiting.filter(client_id=first.client_id, ticket__taxonomy_id=first.ticket.taxonomy_id)
    ids = others.exclude(pk=run_id).order_by("next_at", "pk").values_list("pk", flat=True)
    # Twice as many as fit: most tickets are settled without a language model, and workers claim side by side.
    tokens = {pk: run_claim(run_id=pk, now=now) for pk in (run_id, *ids[: 2 * size - 1])}
    held = {pk: token for pk, token in tokens.items() if token is not None}
    rows = WorkflowRun.objects.filter(pk__in=held)
    rows = rows.select_related("ticket__client", "ticket__requester", "ticket__taxonomy")
    return [Claimed(run, held[run.pk]) for run in rows.order_by("pk")]


def bulk_process(*, claimed: Sequence[Claimed]) -> list[int]:
    """Judge claimed runs of one client and taxonomy; returns the ids of those given back to be judged alone.

    At-least-once: each run is kept only while its lease is ours, whatever becomes of the others.
    """
    ticket = claimed[0].run.ticket
    try:
        context = triage_context(client=ticket.client, taxonomy=ticket.taxonomy)
        jobs = [job_of(ticket=c.run.ticket, llm_seconds=settings.WORKFLOW_TIMEOUT_SECONDS) for c in claimed]
        shared = _shared(jobs, context)
    except Exception:  # Whatever stops the whole must not stop each: alone every run has its own attempts.
        logger.exception("bulk_failed", runs=len(claimed))
        return [_give_back(item) for item in claimed]
    context = _with_answers(context, shared.answers)
    alone = []
    for item, job in zip(claimed, jobs, strict=True):
        if job.reference in shared.alone:
            alone.append(_give_back(item))
        else:
            _execute(item, job, context)
    return alone


def _execute(item: Claimed, job: TriageJob, context: TriageContext) -> None:
    """One run of the group, as ``run_process`` would end it."""
    try:
        run_keep(run=item.run, token=item.token, result=triage_compute(job, context))
    except Exception as error:  # One that fails never stops the others; it is tried again by itself.
        logger.exception("run_failed", run=str(item.run.uuid), ticket=item.run.ticket.reference)
        run_failed(run_id=item.run.pk, token=item.token, error=type(error).__name__, now=timezone.now())


def _give_back(item: Claimed) -> int:
    """Free a run of the mark and the lease, so that it is judged alone; waiting for others is no attempt."""
    parameters = {name: value for name, value in item.run.parameters.items() if name != BULK}
    WorkflowRun.objects.filter(pk=item.run.pk, lease_token=item.token).update(parameters=parameters)
    run_release(run_id=item.run.pk, token=item.token, next_at=timezone.now(), counts=False)
    return item.run.pk


def _with_answers(context: TriageContext, answers: Mapping[str, Prepared]) -> TriageContext:
    if not answers:
        return context
    maker = llm_maker(
        client=context.client, taxonomy_id=context.taxonomy.pk, spec=context.spec, prepared=answers
    )
    return replace(context, make_llm=maker)


def _shared(jobs: Sequence[TriageJob], context: TriageContext) -> _Shared:
    """Ask in shared calls what the cascade would ask; who cannot share is named in ``alone``."""
    found = _Shared()
    if context.make_llm is None or not context.ai_classification:
        return found
    asked: list[_Asked] = []
    for item, may_share in _unsure(jobs, context):
        if may_share:
            asked.append(item)
        else:
            found.alone.add(item.reference)
    chain = provider_chain(client_id=context.client.pk, step=ProviderStep.TRIAGE).primary
    for chosen, group in _groups(asked, context.client.pk, chain):
        references = {item.reference for item in group}
        if len(group) > 1:
            items = {item.reference: item.item for item in group}
            guesses = {item.reference: item.guess for item in group}
            found.answers |= answers_ask(
                context=context, chain=chain, chosen=chosen, items=items, guesses=guesses
            )
        found.alone |= references - found.answers.keys()
    return found


def _unsure(jobs: Sequence[TriageJob], context: TriageContext) -> list[tuple[_Asked, bool]]:
    """The tickets a language model would be asked about, and whether each may stand beside others.

    A ticket with suspicious or hidden words never does: what it tries must not reach another's answer.
    """
    seen, open_jobs, may_share = [], [], []
    for job in jobs:
        if {"category", "severity"} <= set(job.given):
            continue
        body, subject = guard(job.text), guard(job.subject)
        item = TriageInput(body=body.text, subject=subject.text, channel=job.channel, file_type=job.file_type)
        clean = not any(
            report.suspicious or report.hidden or report.truncated or report.is_flagged
            for report in (body, subject)
        )
        open_jobs.append(job)
        seen.append(item)
        may_share.append(clean and len(item.text) <= _MOST_CHARACTERS)
    engines: list[Engine] = [context.local, _LocalOnly()] if context.local else [_LocalOnly()]
    answers = Cascade(engines, context.thresholds).predict_all(seen)
    found = []
    for job, item, share, answer in zip(open_jobs, seen, may_share, answers, strict=True):
        guess = answer.predictions["category"].value if "category" in answer.predictions else ""
        row = context.categories.get(guess)
        # A category that keeps its texts in the house is not asked about at all.
        if "llm" in answer.asked and (row is None or row.allow_external_llm):
            found.append((_Asked(job.reference, item, guess), share))
    return found


def _groups(
    asked: Sequence[_Asked], client_id: int, chain: Sequence[ProviderConfig]
) -> list[tuple[ChosenPrompt, list[_Asked]]]:
    """Tickets that read the same prompt, as many as go into a call."""
    by_version: dict[tuple[str, int], tuple[ChosenPrompt, list[_Asked]]] = {}
    for item in asked:
        chosen = prompt_choose(client_id=client_id, item=item.item, key=item.reference or item.item.text)
        by_version.setdefault((chosen.prompt.version, chosen.examples), (chosen, []))[1].append(item)
    size = min(layer_settings().bulk_size, most_in_call(chain))
    return [
        (chosen, rows[first : first + size])
        for chosen, rows in by_version.values()
        for first in range(0, len(rows), size)
    ]
