"""Extraction over subject, body and files, each with offsets into its own text (C14)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from classifier.engine.extraction import ExtractedField, Extractor, FieldProblem
from classifier.steps.job import AttachedText, Extraction, LocatedField, TriageJob
from classifier.steps.record import StepRecord


def extract(job: TriageJob, extractor: Extractor, record: StepRecord) -> Extraction:
    """Find every field of the request. A value named twice is kept where it stands first:

    body, files, subject.
    """
    fields: list[LocatedField] = []
    problems: list[FieldProblem] = []
    seen: set[tuple[str, str]] = set()
    for origin, text, attached in _texts(job):
        result = extractor.extract(text)
        problems += result.validation_errors
        for found in result.fields:
            key = (found.name, found.normalized)
            if key not in seen:
                seen.add(key)
                fields.append(_located(found, origin, attached))
    names = sorted({item.found.name for item in fields})
    record.output = {"found": names, "refused": sorted({problem.name for problem in problems})}
    return Extraction(tuple(fields), tuple(problems))


def _texts(job: TriageJob) -> Iterator[tuple[str, str, AttachedText | None]]:
    yield "body", job.body, None
    for attached in job.attachments:
        yield "attachment", attached.text, attached
    yield "subject", job.subject, None


def _located(found: ExtractedField, origin: str, attached: AttachedText | None) -> LocatedField:
    if attached is None:
        return LocatedField(found, origin)
    return LocatedField(found, origin, attached.attachment_id, place_of(attached.segments, found.start))


def place_of(segments: Sequence[Mapping[str, Any]], offset: int) -> str:
    """The page, row or line that holds an offset, as people name it; empty where the file has none."""
    for segment in segments:
        if int(segment.get("start", 0)) <= offset < int(segment.get("end", 0)):
            unit = f"{segment.get('unit', '')} {segment.get('index', '')}".strip()
            return str(segment.get("label") or unit)[:60]
    return ""


def accept_llm_fields(extraction: Extraction, job: TriageJob, found: Sequence[ExtractedField]) -> Extraction:
    """Add what a language model found and the rules did not; its offsets lie in ``subject + body``.

    The model read subject and body as one text, so each value is looked up again in the part it came from.
    """
    known = {(item.found.name, item.found.normalized) for item in extraction.fields}
    names = {item.found.name for item in extraction.fields}
    added: list[LocatedField] = []
    for item in found:
        if item.name in names or (item.name, item.normalized) in known:
            continue
        place = _find(job, item)
        if place is not None:
            added.append(place)
    return Extraction((*extraction.fields, *added), extraction.problems)


def _find(job: TriageJob, item: ExtractedField) -> LocatedField | None:
    for origin, text, attached in _texts(job):
        start = text.find(item.value)
        if start >= 0:
            moved = ExtractedField(
                item.name,
                item.value,
                item.normalized,
                item.confidence,
                start,
                start + len(item.value),
                item.kind,
                item.source,
            )
            return _located(moved, origin, attached)
    return None
