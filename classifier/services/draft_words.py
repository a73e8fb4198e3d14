"""The words of a draft from a language model, where one may be asked for this text (C16)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from classifier.choices import ProviderStep, StepStatus
from classifier.engine.drafts import Draft, DraftRequest, Source, write_draft
from classifier.engine.guard import guard
from classifier.engine.types import TriageInput
from classifier.llm.client import total_cost
from classifier.llm.deadline import Deadline
from classifier.llm.drafting import DraftBrief, Material, WrittenDraft, write_words
from classifier.llm.types import LlmError
from classifier.models import WorkflowStep
from classifier.selectors.sources import DraftSource, SourceData
from classifier.services.llm import llm_client, marker_secret
from classifier.services.providers import provider_chain
from teams.models import Client
from teams.selectors import flags_enabled
from ticketing.models import Category


@dataclass(frozen=True, slots=True)
class DraftResult:
    """A draft, who wrote it, what it rests on, and the step a run keeps of it."""

    draft: Draft
    engine: str
    sources: list[SourceData]
    step: WorkflowStep


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftJob:
    """A text to be answered, with everything known of it. ``seconds`` bound the wait for a model."""

    client: Client
    item: TriageInput
    request: DraftRequest
    category: Category | None
    sources: Sequence[DraftSource] = ()
    reference: str = ""
    seconds: float = 0.0


def draft_compose(*, job: DraftJob) -> DraftResult:
    """Write the draft: a model's words where it may be asked and answers acceptably, else the template's.

    Slow, so it is called outside of any transaction. A failure is a step that fell back, not an error.
    """
    started = time.monotonic()
    step = WorkflowStep(position=1, name="draft", engine="template", status=StepStatus.COMPLETED)
    written = _ask(job, step) if _may_ask(job) else None
    chosen = [job.sources[place] for place in written.used] if written else list(job.sources)
    public = [source for source in chosen if source.is_public]
    request = replace(job.request, sources=[Source(**source.cited()) for source in public])
    draft = write_draft(request, words=written.words if written else None)
    kept = chosen if written else public
    step.engine = "llm" if written else "template"
    step.output = {"template": draft.template_used, "sources": len(kept)}
    step.duration_ms = round((time.monotonic() - started) * 1000)
    return DraftResult(draft, step.engine, [source.cited() for source in kept], step)


def _may_ask(job: DraftJob) -> bool:
    """Switched on, in time, and not kept in the house by the category."""
    if job.seconds <= 0 or not may_leave(client=job.client, category=job.category):
        return False
    on = flags_enabled("ENABLE_ENGINE_LLM", "ENABLE_LLM_DRAFTS", client_id=job.client.pk)
    return all(on.values())


def may_leave(*, client: Client, category: Category | None) -> bool:
    """Whether a text may be sent to a model; an undecided one may be of any category: all must allow it."""
    if category is not None:
        return category.allow_external_llm
    closed = Category.objects.filter(taxonomy=client.ticketing_settings.taxonomy, allow_external_llm=False)
    return not closed.filter(is_active=True).exists()


def _ask(job: DraftJob, step: WorkflowStep) -> WrittenDraft | None:
    chain = provider_chain(client_id=job.client.pk, step=ProviderStep.DRAFT).primary
    if not chain:
        return None
    brief = DraftBrief(
        tone=job.request.tone,
        category=job.request.category,
        severity=job.request.severity,
        missing=tuple(job.request.missing_required),
        materials=[Material(source.title, source.text) for source in job.sources],
    )
    try:
        written = write_words(
            llm_client(chain),
            replace(job.item, body=guard(job.item.body).text, subject=guard(job.item.subject).text),
            brief,
            client=str(job.client.pk),
            deadline=Deadline.after(job.seconds),
            reference=job.reference,
            secret=marker_secret(),
        )
    except LlmError as error:
        step.status, step.error_kind, step.error = StepStatus.DEGRADED, error.kind.value, error.message
        step.model, step.cost = f"{error.provider} {error.model}".strip(), total_cost(error)
        return None
    _record(step, written)
    return written


def _record(step: WorkflowStep, written: WrittenDraft) -> None:
    answer = written.completion
    step.model, step.prompt_version = f"{answer.provider} {answer.model}", answer.prompt_version
    step.tokens_in, step.tokens_out = answer.usage.input_tokens, answer.usage.output_tokens
    step.cost = answer.cost
