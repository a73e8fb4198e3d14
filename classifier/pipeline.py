"""Triage of one request: guard → redact → [extraction ∥ engines ∥ similar tickets] → LLM if needed → route.

Reads tickets and routing rules, writes nothing (C1). ``services.execution`` keeps what comes out.
"""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

from classifier.engine.guard import GuardReport, guard
from classifier.engine.redaction import redact
from classifier.engine.types import Prediction, TriageInput
from classifier.steps.context import TriageContext
from classifier.steps.extract import accept_llm_fields, extract
from classifier.steps.job import Extraction, Judgement, Similar, TriageJob, TriageResult
from classifier.steps.judge import Answers, answer_by_rules, answer_locally, judge
from classifier.steps.outcome import field_outcomes, review_reasons
from classifier.steps.record import StepLog, StepRecord
from classifier.steps.route import route
from classifier.steps.similar import find_similar

T = TypeVar("T")
_STORED_CHARACTERS = 20_000


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    """Threads for the steps that touch no database; one pool a process, made on first use."""
    return ThreadPoolExecutor(max_workers=4, thread_name_prefix="triage")


def triage_compute(job: TriageJob, context: TriageContext) -> TriageResult:
    """Understand one request. Every step that fails falls back and is named in ``degraded``."""
    started = time.perf_counter()
    log = StepLog()
    subject = guard(job.subject)
    report = _guarded(job, subject, log)
    redacted = _redacted(job, report, log)
    seen = TriageInput(body=report.text, subject=subject.text, channel=job.channel, file_type=job.file_type)
    extraction, answers, similar = _side_by_side(job, seen, context, log)
    judgement = judge(job=job, seen=seen, context=context, answers=answers, log=log)
    if judgement.llm_fields:
        extraction = accept_llm_fields(extraction, job, judgement.llm_fields)
    judgement = _with_given(job, judgement)
    extraction = _of_category(extraction, judgement, context)
    record = log.begin("route", engine="routing")
    routing = log.run(
        record,
        lambda r: route(
            job=job, seen=seen, judgement=judgement, extraction=extraction, context=context, record=r
        ),
        fallback=None,
    )
    flagged = report.is_flagged or subject.is_flagged
    fields = field_outcomes(judgement, routing, context.thresholds, flagged=flagged)
    return TriageResult(
        guard=report,
        redacted=redacted,
        seen=seen,
        judgement=judgement,
        fields=fields,
        extraction=extraction,
        missing_required=_missing(judgement, extraction, context),
        similar=similar,
        routing=routing,
        steps=tuple(log.records),
        degraded=tuple(log.degraded),
        review_reasons=review_reasons(fields, job.given),
        duration_ms=round((time.perf_counter() - started) * 1000),
    )


def _guarded(job: TriageJob, subject: GuardReport, log: StepLog) -> GuardReport:
    """Hidden text is taken from what engines see; orders and abuse are only reported.

    The report is of the text, whose places it names; the step's record counts the subject's finds as well.
    """

    def work(record: StepRecord) -> GuardReport:
        report = guard(job.text)
        record.output = {
            "hidden": len(report.hidden) + len(subject.hidden),
            "suspicious": sorted({flag.kind for flag in (*report.suspicious, *subject.suspicious)}),
            "abusive": sorted({flag.kind for flag in (*report.abusive, *subject.abusive)}),
            "truncated": report.truncated,
        }
        return report

    return log.run(log.begin("guard"), work, fallback=GuardReport(text=job.text))


def _redacted(job: TriageJob, report: GuardReport, log: StepLog) -> str:
    """The text as it may be stored and logged; nothing is stored when redaction fails."""

    def work(record: StepRecord) -> str:
        result = redact(f"{job.subject}\n\n{report.text}".strip()[:_STORED_CHARACTERS])
        record.output = {"kinds": result.kinds}
        return result.text

    return log.run(log.begin("redact"), work, fallback="")


def _side_by_side(
    job: TriageJob, seen: TriageInput, context: TriageContext, log: StepLog
) -> tuple[Extraction, Answers, tuple[Similar, ...]]:
    """Extraction and the engines in threads, the database work in this one."""
    records = [
        log.begin("extract", engine="rules"),
        log.begin("classify_rules", engine="rules"),
        log.begin("classify_local", engine="local"),
        log.begin("similar", engine="similarity"),
    ]
    extracting = _submit(
        lambda: log.run(
            records[0],
            lambda r: extract(job, context.extractor, r),
            fallback=Extraction(),
            wanted=context.ai_extraction,
        )
    )
    ruling = _submit(lambda: log.run(records[1], lambda r: answer_by_rules(seen, context, r), fallback=None))
    none: dict[str, Prediction] = {}
    local = context.local if context.ai_classification and job.engine in {"", "local", "llm"} else None
    predicting = _submit(
        lambda: log.run(
            records[2], lambda r: answer_locally(seen, local, r), fallback=none, wanted=local is not None
        )
    )
    nothing: tuple[Similar, ...] = ()
    similar = log.run(
        records[3],
        lambda r: find_similar(job, context.client.pk, r),
        fallback=nothing,
        wanted=job.want_duplicates,
    )
    return extracting.result(), Answers(rules=ruling.result(), local=predicting.result()), similar


def _submit(work: Callable[[], T]) -> Future[T]:
    """Run in the pool with the log context of the caller."""
    return _pool().submit(contextvars.copy_context().run, work)


def _with_given(job: TriageJob, judgement: Judgement) -> Judgement:
    """What a person decided stands: it is certain and is not predicted."""
    if not job.given:
        return judgement
    predictions = dict(judgement.predictions)
    for name, value in job.given.items():
        predictions[name] = Prediction(name, value, 1.0, "given", "Decided by a person.")
    decided_by = "given" if "category" in job.given else judgement.decided_by
    return replace(judgement, predictions=predictions, decided_by=decided_by)


def _of_category(extraction: Extraction, judgement: Judgement, context: TriageContext) -> Extraction:
    """Custom fields belong to their category; those of the others are left out."""
    category = judgement.predictions.get("category")
    own = context.custom_names.get(category.value, frozenset()) if category else frozenset()
    foreign = {name for names in context.custom_names.values() for name in names} - own
    kept = tuple(item for item in extraction.fields if item.found.name not in foreign)
    return Extraction(kept, tuple(p for p in extraction.problems if p.name not in foreign))


def _missing(judgement: Judgement, extraction: Extraction, context: TriageContext) -> tuple[str, ...]:
    category = judgement.predictions.get("category")
    row = context.categories.get(category.value) if category else None
    present = {item.found.name for item in extraction.fields}
    return tuple(name for name in (row.required_fields if row else ()) if name not in present)
