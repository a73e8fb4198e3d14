"""Entities of a ticket with their exact place in the text, and the check of what an LLM claims (C14)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from classifier.engine import checks, finders
from classifier.engine.custom_fields import CustomField, UnsafePattern, compile_safe, find_custom
from classifier.engine.finders import Finder, Found
from classifier.engine.phrases import MAX_TEXT_CHARS
from classifier.engine.severity import assess_severity

FIELD_NAMES: Final = (
    "order_id",
    "product_name",
    "error_code",
    "account_email",
    "phone_number",
    "priority_keywords",
    "gtin",
    "serial",
    "lot",
    "hostname",
    "ip_address",
)
_MAX_FIELDS_PER_NAME: Final = 50
_LLM_CONFIDENCE: Final = 0.70
_LLM_VALIDATED_CONFIDENCE: Final = 0.85
_MIN_PRIORITY_WEIGHT: Final = 0.5
# Where two readings claim the same characters and are equally sure, the more specific one wins.
_PRECEDENCE: Final = {
    name: rank
    for rank, name in enumerate(
        (
            "account_email",
            "ip_address",
            "gtin",
            "serial",
            "lot",
            "order_id",
            "error_code",
            "hostname",
            "phone_number",
            "product_name",
        )
    )
}
_STANDARD_VALIDATORS: Final[Mapping[str, str]] = {
    "account_email": "email",
    "phone_number": "phone",
    "gtin": "gtin",
    "ip_address": "ip",
    "hostname": "hostname",
    "order_id": "code",
    "serial": "code",
    "lot": "code",
}


@dataclass(frozen=True, slots=True)
class ExtractedField:
    """One value: ``value`` is always exactly ``text[start:end]`` of the text it came from."""

    name: str
    value: str
    normalized: str
    confidence: float
    start: int
    end: int
    kind: str
    source: str = "rules"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A value that was refused, with the reason in a whole sentence; the span is -1 where it has none."""

    name: str
    value: str
    message: str
    start: int = -1
    end: int = -1
    source: str = "rules"


@dataclass(frozen=True, slots=True)
class ExtractionResult:
    """What was found, what the category still needs, and what was refused."""

    fields: tuple[ExtractedField, ...] = ()
    missing_required: tuple[str, ...] = ()
    validation_errors: tuple[FieldProblem, ...] = ()
    truncated: bool = False

    def values(self) -> dict[str, str]:
        """Return the surest normalised value of each field."""
        best: dict[str, ExtractedField] = {}
        for item in self.fields:
            if item.name not in best or item.confidence > best[item.name].confidence:
                best[item.name] = item
        return {name: item.normalized for name, item in best.items()}


@dataclass(frozen=True, slots=True)
class Extractor:
    """Finds the standard fields, a client's products and a category's custom fields."""

    custom_fields: Sequence[CustomField] = ()
    products: tuple[str, ...] = ()
    regions: tuple[str, ...] = checks.DEFAULT_REGIONS
    severity_indicators: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def extract(self, text: str, required: Iterable[str] = ()) -> ExtractionResult:
        """Return every field found in ``text`` and which of ``required`` are missing."""
        cut = text[:MAX_TEXT_CHARS]
        candidates: list[Found] = []
        for finder in self._finders():
            candidates.extend(finder(cut))
        kept = _without_overlaps([found for found in candidates if not found.problem])
        fields = [_as_field(cut, found) for found in kept]
        fields += [_as_field(cut, found) for found in self._priority_keywords(cut)]
        customs, problems = self._custom(cut)
        fields += customs
        problems += _problems(cut, candidates, fields)
        fields = _unique(fields)
        present = {item.name for item in fields}
        missing = tuple(name for name in dict.fromkeys(required) if name not in present)
        fields.sort(key=lambda item: (item.start, item.end, item.name))
        return ExtractionResult(tuple(fields), missing, tuple(problems), len(text) > MAX_TEXT_CHARS)

    def accept_llm_field(self, text: str, name: str, value: str) -> ExtractedField | FieldProblem:
        """Accept a language model's value only where the text holds it and its validator agrees (C14)."""
        wanted = value.strip()
        span = _locate(text[:MAX_TEXT_CHARS], wanted)
        if span is None:
            return FieldProblem(name, value, "The value does not occur in the text.", source="llm")
        found = text[span[0] : span[1]]
        custom = next((item for item in self.custom_fields if item.name == name), None)
        if custom is None and name not in FIELD_NAMES:
            return FieldProblem(name, found, "The field is not known.", *span, source="llm")
        normalized = self._validate(name, found, custom)
        if normalized is None:
            return FieldProblem(
                name, found, "The value fails the validator of its field.", *span, source="llm"
            )
        validated = custom is not None or name in _STANDARD_VALIDATORS
        confidence = _LLM_VALIDATED_CONFIDENCE if validated else _LLM_CONFIDENCE
        return ExtractedField(name, found, normalized, confidence, *span, kind="llm", source="llm")

    def _finders(self) -> tuple[Finder, ...]:
        return (
            finders.find_orders,
            finders.find_errors,
            finders.find_emails,
            finders.phone_finder(self.regions),
            finders.find_ips,
            finders.find_gtins,
            finders.find_elements,
            finders.find_serials,
            finders.find_hosts,
            finders.product_finder(self.products),
        )

    def _priority_keywords(self, text: str) -> Iterator[Found]:
        for signal in assess_severity(text, self.severity_indicators).signals:
            alarming = signal.level in ("critical", "high") and not signal.negated
            calm = signal.level == "low" and signal.weight > 0.6 and not signal.negated
            if (alarming or calm) and signal.weight >= _MIN_PRIORITY_WEIGHT:
                normalized = signal.phrase.casefold()
                yield Found(
                    "priority_keywords",
                    signal.start,
                    signal.end,
                    normalized,
                    round(signal.weight, 2),
                    signal.level,
                )

    def _custom(self, text: str) -> tuple[list[ExtractedField], list[FieldProblem]]:
        fields: list[ExtractedField] = []
        problems: list[FieldProblem] = []
        for custom in self.custom_fields:
            try:
                spans = list(find_custom(custom, text))
            except UnsafePattern as error:
                problems.append(FieldProblem(custom.name, "", str(error)))
                continue
            for start, end in spans:
                value = text[start:end]
                normalized = checks.run_validator(custom.validator, value)
                if normalized is None:
                    message = "The value fails the validator of its field."
                    problems.append(FieldProblem(custom.name, value, message, start, end))
                else:
                    # A pattern with a check behind it says more than a pattern alone.
                    confidence = 0.95 if custom.validator in checks.VALIDATORS else 0.85
                    fields.append(
                        ExtractedField(custom.name, value, normalized, confidence, start, end, "custom")
                    )
        return fields, problems

    def _validate(self, name: str, value: str, custom: CustomField | None) -> str | None:
        if custom is not None:
            try:
                matches = compile_safe(custom.pattern).search(value[:300]) is not None
            except UnsafePattern:
                return None
            return checks.run_validator(custom.validator, value) if matches else None
        return checks.run_validator(_STANDARD_VALIDATORS.get(name, ""), value)


def extract_fields(text: str, required: Iterable[str] = ()) -> ExtractionResult:
    """Extract the standard fields with the default settings."""
    return Extractor().extract(text, required)


def accept_llm_field(text: str, name: str, value: str) -> ExtractedField | FieldProblem:
    """Check a language model's value of a standard field against the text."""
    return Extractor().accept_llm_field(text, name, value)


def _as_field(text: str, found: Found) -> ExtractedField:
    value = text[found.start : found.end]
    confidence = round(found.confidence, 2)
    return ExtractedField(found.name, value, found.normalized, confidence, found.start, found.end, found.kind)


def _without_overlaps(candidates: list[Found]) -> list[Found]:
    """Keep the surest reading of each stretch of text; of equals the longer, then the more specific."""
    order = sorted(
        candidates,
        key=lambda f: (-f.confidence, f.start - f.end, _PRECEDENCE.get(f.name, 99), f.start),
    )
    taken: set[int] = set()
    kept: list[Found] = []
    for found in order:
        places = range(found.start, found.end)
        if taken.isdisjoint(places):
            taken.update(places)
            kept.append(found)
    return kept


def _unique(fields: list[ExtractedField]) -> list[ExtractedField]:
    """Keep the first mention of each value, and at most fifty values of a field."""
    seen: dict[str, set[str]] = {}
    kept: list[ExtractedField] = []
    for item in sorted(fields, key=lambda f: f.start):
        known = seen.setdefault(item.name, set())
        if item.normalized not in known and len(known) < _MAX_FIELDS_PER_NAME:
            known.add(item.normalized)
            kept.append(item)
    return kept


def _problems(text: str, candidates: list[Found], fields: list[ExtractedField]) -> list[FieldProblem]:
    """Report refused candidates, but not those whose characters turned out to be something else."""
    claimed = {
        place for item in fields if item.name != "priority_keywords" for place in range(item.start, item.end)
    }
    return [
        FieldProblem(found.name, text[found.start : found.end], found.problem, found.start, found.end)
        for found in candidates
        if found.problem and claimed.isdisjoint(range(found.start, found.end))
    ][:_MAX_FIELDS_PER_NAME]


def _locate(text: str, value: str) -> tuple[int, int] | None:
    """Find ``value`` in ``text`` as a whole word, exactly or else ignoring case."""
    if not value or len(value) > 500:
        return None
    before = r"(?<!\w)" if value[0].isalnum() else ""
    after = r"(?!\w)" if value[-1].isalnum() else ""
    pattern = before + re.escape(value) + after
    match = re.search(pattern, text) or re.search(pattern, text, re.IGNORECASE)
    return match.span() if match else None
