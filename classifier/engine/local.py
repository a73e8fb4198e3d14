"""The local engine: one calibrated linear model a field, trained on labelled examples (C5, C7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from classifier.engine.linear import FieldModel, FieldPrediction
from classifier.engine.types import Evidence, Prediction, TriageInput

EXPLAINED = ("category",)
"""Fields whose answers are explained; explaining every field would double the time of a ticket."""

UNKNOWN = "Nothing like this was among the examples."


class LocalEngine:
    """Answers category, severity and team where a model was trained; safe to share between threads."""

    name = "local"

    def __init__(self, models: Mapping[str, FieldModel], version: str) -> None:
        self.models = dict(models)
        self.version = version

    def predict(self, batch: Sequence[TriageInput]) -> list[dict[str, Prediction]]:
        """One dict a ticket, with the words that spoke for its category."""
        texts = [item.text for item in batch]
        answers: list[dict[str, Prediction]] = [{} for _ in batch]
        for field, model in self.models.items():
            if field in EXPLAINED:
                explained = model.predict_explained(texts)
            else:
                explained = [(found, []) for found in model.predict(texts)]
            for index, (found, evidence) in enumerate(explained):
                answers[index][field] = self._prediction(field, found, evidence)
        return answers

    def _prediction(self, field: str, found: FieldPrediction, evidence: Sequence[Evidence]) -> Prediction:
        return Prediction(
            field=field,
            value=found.value,
            confidence=round(found.confidence, 4),
            source=self.name,
            reasoning=_reason(found, evidence),
            alternatives=found.alternatives,
            evidence=tuple(evidence),
            is_in_scope=found.is_in_scope,
        )


def _reason(found: FieldPrediction, evidence: Sequence[Evidence]) -> str:
    """The strongest words for the answer, after a warning where the text is unlike all examples."""
    words = [f"“{item.text}”" for item in evidence if item.weight > 0][:4]
    sentences = [] if found.is_in_scope else [UNKNOWN]
    if words:
        sentences.append(f"The words {', '.join(words)} speak for it.")
    return " ".join(sentences)
