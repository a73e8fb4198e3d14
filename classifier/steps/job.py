"""What goes into triage and what comes out, without a ticket row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from classifier.engine.extraction import ExtractedField, FieldProblem
from classifier.engine.guard import GuardReport
from classifier.engine.types import Prediction, TriageInput
from classifier.steps.record import StepRecord
from ticketing.services.routing import RoutingDecision
from ticketing.services.triage import FieldOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedText:
    """The text read from a file; ``segments`` say which offsets belong to which page or row."""

    attachment_id: int
    name: str
    text: str
    kind: str = ""
    segments: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageJob:
    """One request to be understood. ``given`` holds what a person decided: it is used, not predicted.

    ``engine`` asks for one engine alone (rules, local or llm); empty means the cascade.
    ``llm_seconds`` bounds the wait for a language model; 0 means it may not be asked.
    """

    subject: str
    body: str
    attachments: tuple[AttachedText, ...] = ()
    channel: str = ""
    file_type: str = ""
    requester: str = ""
    requester_id: int | None = None
    ticket_id: int | None = None
    reference: str = ""
    now: datetime
    given: Mapping[str, str] = field(default_factory=dict)
    given_fields: Mapping[str, str] = field(default_factory=dict)
    engine: str = ""
    llm_seconds: float = 0.0
    want_duplicates: bool = True

    @property
    def text(self) -> str:
        """Body and attached texts, as the engines read them."""
        return "\n\n".join(part for part in (self.body, *(item.text for item in self.attachments)) if part)


@dataclass(frozen=True, slots=True)
class LocatedField:
    """An extracted value with the text it came from: subject, body or a file's."""

    found: ExtractedField
    origin: str
    attachment_id: int | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Extraction:
    """Everything the extraction step found; ``problems`` are values that were refused."""

    fields: tuple[LocatedField, ...] = ()
    problems: tuple[FieldProblem, ...] = ()

    def values(self) -> dict[str, str]:
        """The surest normalised value of each field."""
        best: dict[str, LocatedField] = {}
        for item in self.fields:
            known = best.get(item.found.name)
            if known is None or item.found.confidence > known.found.confidence:
                best[item.found.name] = item
        return {name: item.found.normalized for name, item in best.items()}


@dataclass(frozen=True, slots=True)
class Similar:
    """Another ticket that tells of the same thing; ``kind`` is duplicate or related."""

    ticket_id: int
    reference: str
    kind: str
    score: float
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the engines say of a text, and who decided its category."""

    predictions: Mapping[str, Prediction]
    decided_by: str
    keywords: tuple[str, ...] = ()
    urgency_indicators: tuple[str, ...] = ()
    secondary: tuple[str, ...] = ()
    disagreement: bool = False
    llm_timed_out: bool = False
    llm_fields: tuple[ExtractedField, ...] = ()
    llm_problems: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageResult:
    """Everything one run found out; nothing has been written."""

    guard: GuardReport
    redacted: str
    seen: TriageInput
    judgement: Judgement
    fields: Mapping[str, FieldOutcome]
    extraction: Extraction
    missing_required: tuple[str, ...]
    similar: tuple[Similar, ...]
    routing: RoutingDecision | None
    steps: tuple[StepRecord, ...]
    degraded: tuple[str, ...]
    review_reasons: tuple[str, ...]
    duration_ms: int

    @property
    def needs_review(self) -> bool:
        """Whether a person has to look before the ticket is sorted."""
        return bool(self.review_reasons)

    @property
    def cost(self) -> Decimal:
        """What the run cost."""
        return sum((record.cost for record in self.steps), Decimal(0))
