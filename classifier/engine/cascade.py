"""The cascade: the first engine that is sure enough answers; the next is asked only for the rest (C6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from classifier.engine.thresholds import Thresholds
from classifier.engine.types import Engine, Prediction, TriageInput

LEARNED = ("category", "team")
"""Fields that must be sure before the next engine is spared; the others ride along."""

_BELOW = 0.01


@dataclass(frozen=True, slots=True)
class CascadeAnswer:
    """One input's predictions, the engine that decided its category, and who was asked."""

    predictions: Mapping[str, Prediction]
    decided_by: str
    asked: tuple[str, ...]
    disagreement: bool = False


@dataclass(slots=True)
class _Case:
    """One input on its way down the cascade."""

    item: TriageInput
    answers: dict[str, dict[str, Prediction]] = field(default_factory=dict)
    settled: bool = False


class Cascade:
    """Engines in the order in which they are asked."""

    def __init__(self, engines: Sequence[Engine], thresholds: Thresholds) -> None:
        self._engines = tuple(engines)
        self._thresholds = thresholds

    def predict_all(self, batch: Sequence[TriageInput], *, force: str = "") -> list[CascadeAnswer]:
        """Answer every input. ``force`` names an engine that must be asked and then decides if it answers."""
        cases = [_Case(item) for item in batch]
        for engine in self._engines:
            waiting = [case for case in cases if not case.settled or engine.name == force]
            if not waiting:
                continue
            found = engine.predict([case.item for case in waiting])
            for case, predictions in zip(waiting, found, strict=True):
                within = {key: self._within_scope(item) for key, item in predictions.items()}
                case.answers[engine.name] = within
                case.settled = case.settled or self._is_sure(self._trusted(engine.name, within, case))
        return [self._answer(case, force) for case in cases]

    def _within_scope(self, item: Prediction) -> Prediction:
        """What is unlike everything an engine was taught stays below suggest, however sure the engine is."""
        bound = max(0.0, self._thresholds.suggest_for(item.field, item.value) - _BELOW)
        if item.is_in_scope or item.confidence is None or item.confidence <= bound:
            return item
        return replace(item, confidence=bound)

    def _is_sure(self, predictions: Mapping[str, Prediction]) -> bool:
        """Whether nobody else has to be asked; what is not calibrated has been capped before."""
        if "category" not in predictions:
            return False
        return all(
            self._confidence(predictions[name]) >= self._thresholds.accept_for(name, predictions[name].value)
            for name in LEARNED
            if name in predictions
        )

    @staticmethod
    def _confidence(prediction: Prediction) -> float:
        return prediction.confidence if prediction.confidence is not None else 0.0

    def _answer(self, case: _Case, force: str) -> CascadeAnswer:
        """The forced engine's answer, else the first sure one's, else the surest's."""
        candidates = {
            name: self._trusted(name, answer, case)
            for name, answer in case.answers.items()
            if "category" in answer
        }
        asked = tuple(case.answers)
        if not candidates:
            return CascadeAnswer({}, "", asked)
        name = self._winner(candidates, force)
        values = {answer["category"].value for key, answer in candidates.items() if key != "rules"}
        return CascadeAnswer(candidates[name], name, asked, disagreement=len(values) > 1)

    def _winner(self, candidates: Mapping[str, Mapping[str, Prediction]], force: str) -> str:
        if force in candidates:
            return force
        sure = [name for name, answer in candidates.items() if self._accepted(answer["category"])]
        if sure:
            return sure[0]
        models = [name for name in candidates if name != "rules"] or list(candidates)
        return max(models, key=lambda name: self._confidence(candidates[name]["category"]))

    def _accepted(self, prediction: Prediction) -> bool:
        return self._confidence(prediction) >= self._thresholds.accept_for(prediction.field, prediction.value)

    def _trusted(self, name: str, answer: Mapping[str, Prediction], case: _Case) -> dict[str, Prediction]:
        """An engine that is not calibrated stays below accept, unless the local engine agrees (C6)."""
        local = case.answers.get("local", {})
        return {
            key: item if item.calibrated or name == "local" else self._capped(item, local.get(key))
            for key, item in answer.items()
        }

    def _capped(self, item: Prediction, local: Prediction | None) -> Prediction:
        agreed = local is not None and local.is_in_scope and local.value == item.value
        if item.confidence is None or agreed:
            return item
        bound = self._thresholds.accept_for(item.field, item.value) - _BELOW
        return item if item.confidence <= bound else replace(item, confidence=max(0.0, bound))
