"""What triage of one client has at hand; ``services.context`` fills it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from classifier.engine.extraction import Extractor
from classifier.engine.local import LocalEngine
from classifier.engine.rules import RulesEngine
from classifier.engine.thresholds import Thresholds
from classifier.engine.types import TaxonomySpec, TriageInput
from classifier.llm.engine import LlmEngine
from teams.models import Client
from ticketing.models import Category, ClientSettings, Taxonomy


@dataclass(frozen=True, slots=True)
class LlmEngines:
    """The language models of one ticket; ``advanced`` is asked only where the first stays unsure."""

    primary: LlmEngine
    advanced: LlmEngine | None = None


MakeLlm = Callable[[float, str, TriageInput], LlmEngines]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageContext:
    """Everything triage reads before it begins; the pipeline itself reads only tickets and routes.

    ``make_llm`` takes seconds, a reference for the ledger and the text; None where no model may be asked.
    """

    client: Client
    settings: ClientSettings
    taxonomy: Taxonomy
    spec: TaxonomySpec
    categories: Mapping[str, Category]
    rules: RulesEngine
    local: LocalEngine | None
    extractor: Extractor
    custom_names: Mapping[str, frozenset[str]]
    thresholds: Thresholds
    make_llm: MakeLlm | None
    ai_classification: bool
    ai_extraction: bool
    toggled_rule_id: int | None = None
    """A routing rule that is tried switched the other way."""
