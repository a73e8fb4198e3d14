"""Loading what the first ticket of a process would otherwise wait seconds for."""

from __future__ import annotations

from classifier.engine.rules import RulesEngine
from classifier.engine.types import TaxonomySpec, TriageInput


def warm_up() -> None:
    """Load the language model and the shared word lists; touches no database."""
    RulesEngine(TaxonomySpec(slug="warm-up", categories=())).analyse(TriageInput(body="Good morning."))
