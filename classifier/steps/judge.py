"""What the engines say of a text: local and rules first, a language model for what stays unsure (C6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from classifier.engine.cascade import Cascade
from classifier.engine.local import LocalEngine
from classifier.engine.redaction import restore
from classifier.engine.rules import RulesAnalysis
from classifier.engine.severity import combine_severity
from classifier.engine.types import Engine, Prediction, TriageInput
from classifier.llm.client import total_cost
from classifier.llm.engine import LlmEngine, LlmOutcome
from classifier.llm.types import FailureKind
from classifier.steps.context import TriageContext
from classifier.steps.job import Judgement, TriageJob
from classifier.steps.record import StepLog, StepRecord

_LATE = frozenset({FailureKind.TIMEOUT, FailureKind.DEADLINE_SPENT})
_FREE_TEXT = ("sentiment", "root_cause", "language", "summary")


@dataclass(frozen=True, slots=True)
class Answers:
    """What the engines that need nobody else have said."""

    rules: RulesAnalysis | None
    local: Mapping[str, Prediction] = field(default_factory=dict)


def answer_by_rules(seen: TriageInput, context: TriageContext, record: StepRecord) -> RulesAnalysis:
    """Keywords and indicator words; always there."""
    analysis = context.rules.analyse(seen)
    record.output = _summary(analysis.predictions)
    return analysis


def answer_locally(seen: TriageInput, local: LocalEngine | None, record: StepRecord) -> dict[str, Prediction]:
    """The trained model, where there is one."""
    if local is None:
        return {}
    record.model = local.version
    predictions = local.predict([seen])[0]
    record.output = _summary(predictions)
    return dict(predictions)


def _summary(predictions: Mapping[str, Prediction]) -> dict[str, object]:
    """Values and confidences, without the texts that may quote the ticket."""
    return {
        name: {"value": item.value, "confidence": item.confidence}
        for name, item in predictions.items()
        if name != "summary"
    }


@dataclass(slots=True)
class _Answered:
    """An engine that has already spoken, in the form the cascade asks for."""

    name: str
    predictions: Mapping[str, Prediction]

    def predict(self, batch: Sequence[TriageInput]) -> list[dict[str, Prediction]]:
        """The one answer there is."""
        return [dict(self.predictions) for _ in batch]


@dataclass(slots=True)
class _AskedModel:
    """A language model as the cascade's next engine: asked at most once, its step recorded."""

    engine: LlmEngine
    log: StepLog
    name: str = "llm"
    outcome: LlmOutcome | None = None

    def predict(self, batch: Sequence[TriageInput]) -> list[dict[str, Prediction]]:
        """Ask, and keep what came of it. A failure is an empty answer."""
        record = self.log.begin(f"classify_{self.name}", engine="llm")
        self.outcome = self.log.run(record, lambda r: self._ask(batch[0], r), fallback=None)
        return [dict(self.outcome.trusted) if self.outcome else {} for _ in batch]

    def _ask(self, seen: TriageInput, record: StepRecord) -> LlmOutcome:
        """Kept are the confidences as the model stated them: what they are worth is learned from that."""
        outcome = self.engine.triage(seen)
        if outcome.error is not None:
            error = outcome.error
            record.model, record.cost = f"{error.provider} {error.model}".strip(), total_cost(error)
            record.degrade(error.kind.value, error.message)
        elif outcome.completion is not None:
            answer = outcome.completion
            record.model, record.prompt_version = f"{answer.provider} {answer.model}", answer.prompt_version
            record.tokens_in, record.tokens_out = answer.usage.input_tokens, answer.usage.output_tokens
            record.cost = answer.cost
            record.output = {**_summary(outcome.predictions), "cached": answer.cached}
        return outcome


def judge(
    *, job: TriageJob, seen: TriageInput, context: TriageContext, answers: Answers, log: StepLog
) -> Judgement:
    """Put the engines' answers together; the language model is asked only for what stays unsure."""
    models = _models(job, seen, context, answers, log)
    rules = dict(answers.rules.predictions) if answers.rules else {}
    engines: list[Engine] = []
    if answers.local and job.engine != "rules":
        engines.append(_Answered("local", answers.local))
    engines += models
    engines.append(_Answered("rules", rules))
    result = Cascade(engines, context.thresholds).predict_all([seen], force=job.engine)[0]
    outcome = _last_answer(models)
    predictions = {**result.predictions, **_others(rules, answers.local, outcome)}
    analysis = answers.rules
    return Judgement(
        predictions=_restored(predictions, outcome),
        decided_by=result.decided_by,
        keywords=analysis.keywords_matched if analysis else (),
        urgency_indicators=analysis.urgency_indicators if analysis else (),
        secondary=analysis.secondary_categories if analysis else (),
        disagreement=result.disagreement,
        llm_timed_out=bool(outcome and outcome.error and outcome.error.kind in _LATE),
        llm_fields=outcome.fields if outcome else (),
        llm_problems=outcome.problems if outcome else (),
    )


def _models(
    job: TriageJob, seen: TriageInput, context: TriageContext, answers: Answers, log: StepLog
) -> list[_AskedModel]:
    """The language models, where they may be asked at all for this text; the advanced one comes second."""
    if context.make_llm is None or job.llm_seconds <= 0 or job.engine in {"rules", "local"}:
        return []
    if not context.ai_classification or {"category", "severity"} <= set(job.given):
        return []
    guess = answers.local.get("category")
    row = context.categories.get(guess.value) if guess else None
    if row is not None and not row.allow_external_llm:
        log.begin("classify_llm", engine="llm").skip("The category keeps its texts in the house.")
        return []
    make = context.make_llm
    record = log.begin("prepare_llm", engine="llm")
    made = log.run(record, lambda _: make(job.llm_seconds, job.reference, seen), fallback=None)
    if made is None:
        return []
    models = [_AskedModel(made.primary, log)]
    if made.advanced is not None:
        models.append(_AskedModel(made.advanced, log, "llm_advanced"))
    return models


def _last_answer(models: Sequence[_AskedModel]) -> LlmOutcome | None:
    """The answer of the last model that gave one, else the last failure."""
    outcomes = [model.outcome for model in models if model.outcome is not None]
    return next((o for o in reversed(outcomes) if o.completion), outcomes[-1] if outcomes else None)


def _others(
    rules: Mapping[str, Prediction], local: Mapping[str, Prediction], outcome: LlmOutcome | None
) -> dict[str, Prediction]:
    """The fields that ride along: severity from all engines (C15), the rest from the model if asked."""
    asked = outcome.trusted if outcome else {}
    others = {name: asked.get(name) or rules.get(name) for name in _FREE_TEXT}
    found = {name: item for name, item in others.items() if item is not None}
    votes = (rules.get("severity"), local.get("severity"), asked.get("severity"))
    if any(votes):
        found["severity"] = combine_severity(*votes)
    return found


def _restored(predictions: Mapping[str, Prediction], outcome: LlmOutcome | None) -> dict[str, Prediction]:
    """Put back what redaction took out of the model's words; only staff read them (FACTS 17)."""
    placeholders = outcome.completion.placeholders if outcome and outcome.completion else {}
    if not placeholders:
        return dict(predictions)
    return {
        name: replace(
            item, value=restore(item.value, placeholders), reasoning=restore(item.reasoning, placeholders)
        )
        if item.source == "llm"
        else item
        for name, item in predictions.items()
    }
