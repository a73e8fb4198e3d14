"""The vocabulary every engine speaks: what goes in, what comes out, and the interface between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TriageInput:
    """One ticket as an engine sees it: guarded text, no personal data needed."""

    body: str
    subject: str = ""
    language: str | None = None
    channel: str = ""
    file_type: str = ""

    @property
    def text(self) -> str:
        """Subject and body joined by a blank line, the form every model is trained on."""
        return f"{self.subject}\n\n{self.body}".strip() if self.subject else self.body


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another value the engine considered, with its confidence in [0, 1]."""

    value: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of the text that spoke for (weight > 0) or against (weight < 0) the value."""

    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """One field's predicted value. ``confidence`` is in [0, 1] and None where it has no meaning.

    ``is_in_scope`` is False where the text is unlike everything the engine was taught.
    """

    field: str
    value: str
    confidence: float | None
    source: str
    reasoning: str = ""
    alternatives: tuple[Alternative, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    calibrated: bool = True
    is_in_scope: bool = True


FieldPredictions = Mapping[str, Prediction]


class Engine(Protocol):
    """Anything that answers a batch of inputs with predictions by field name."""

    name: str

    def predict(self, batch: Sequence[TriageInput]) -> list[dict[str, Prediction]]:
        """Return one dict (field name → prediction) per input, in the same order."""
        ...


@dataclass(frozen=True, slots=True)
class CategorySpec:
    """A category as an engine needs it: no database row."""

    slug: str
    name: str
    description: str = ""
    keywords: tuple[str, ...] = ()
    required_fields: tuple[str, ...] = ()
    accept_threshold: float | None = None


@dataclass(frozen=True, slots=True)
class TaxonomySpec:
    """A taxonomy as an engine needs it."""

    slug: str
    categories: tuple[CategorySpec, ...]
    severity_indicators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def slugs(self) -> tuple[str, ...]:
        """Category slugs in their order."""
        return tuple(category.slug for category in self.categories)
