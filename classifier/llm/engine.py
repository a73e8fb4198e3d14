"""The language model as an engine of the cascade: one fused call per ticket, failures recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from classifier.engine.extraction import ExtractedField, Extractor, FieldProblem
from classifier.engine.redaction import restore
from classifier.engine.types import Prediction, TaxonomySpec, TriageInput
from classifier.llm.deadline import Deadline
from classifier.llm.fused import Example, TriageAnswer, answer_schema, build_messages, to_predictions
from classifier.llm.prompts import Prompt, load_prompt
from classifier.llm.types import Asker, Completion, LlmError

ExampleFinder = Callable[[TriageInput], Sequence[Example]]
Earned = Callable[[str, str], Mapping[str, Callable[[float], float]]]
"""From model and prompt version to a map of stated to earned confidence for each field that has one."""


@dataclass(frozen=True, slots=True)
class LlmOutcome:
    """What came of one ticket: predictions and fields, or the error that explains their absence.

    ``predictions`` are the model's own words and confidences and still hold the placeholders of redaction;
    ``Completion.placeholders`` restores them for staff. ``trusted`` are the same with the confidence that
    past outcomes have earned, where enough are known. ``fields`` are checked against the ticket's own text
    and hold its own words.
    """

    predictions: dict[str, Prediction]
    trusted: dict[str, Prediction] = field(default_factory=dict)
    fields: tuple[ExtractedField, ...] = ()
    problems: tuple[FieldProblem, ...] = ()
    completion: Completion[TriageAnswer] | None = None
    error: LlmError | None = None


class LlmEngine:
    """Implements the engine protocol for one client and one taxonomy."""

    name = "llm"

    def __init__(
        self,
        llm: Asker,
        taxonomy: TaxonomySpec,
        *,
        client: str,
        deadline_seconds: float = 10.0,
        reference: str = "",
        prompt: Prompt | None = None,
        extractor: Extractor | None = None,
        find_examples: ExampleFinder | None = None,
        marker_secret: bytes | None = None,
        earned: Earned | None = None,
    ) -> None:
        self._llm = llm
        self._taxonomy = taxonomy
        self._client = client
        self._deadline_seconds = deadline_seconds
        self._reference = reference
        self._prompt = prompt or load_prompt("fused")
        self._extractor = extractor or Extractor()
        self._find_examples = find_examples
        self._marker_secret = marker_secret
        self._earned = earned
        self.outcomes: list[LlmOutcome] = []

    @property
    def failures(self) -> dict[int, LlmError]:
        """The errors of the last ``predict``, by position in its batch."""
        return {position: item.error for position, item in enumerate(self.outcomes) if item.error}

    def predict(self, batch: Sequence[TriageInput]) -> list[dict[str, Prediction]]:
        """Return predictions per ticket, an empty dict where the model gave none. One object per run:
        ``failures`` and ``outcomes`` belong to the last call."""
        self.outcomes = [self.triage(ticket) for ticket in batch]
        return [outcome.trusted for outcome in self.outcomes]

    def triage(self, ticket: TriageInput) -> LlmOutcome:
        """Ask about one ticket; a failure is a result, not an exception. Keeps no state."""
        examples = self._find_examples(ticket) if self._find_examples else ()
        secret = {"secret": self._marker_secret} if self._marker_secret else {}
        messages = build_messages(ticket, self._taxonomy, examples=examples, prompt=self._prompt, **secret)
        try:
            completion = self._llm.complete(
                messages,
                answer_schema(self._taxonomy.slugs),
                client=self._client,
                deadline=Deadline.after(self._deadline_seconds),
                prompt_version=self._prompt.version,
                reference=self._reference,
            )
        except LlmError as error:
            return LlmOutcome(predictions={}, error=error)
        fields, problems = self._check_fields(ticket.text, completion)
        said = to_predictions(completion.parsed)
        return LlmOutcome(said, self._trusted(said, completion), fields, problems, completion)

    def _trusted(
        self, said: Mapping[str, Prediction], completion: Completion[TriageAnswer]
    ) -> dict[str, Prediction]:
        """A model's opinion of itself is worth what it has proved to be worth (C6)."""
        model = f"{completion.provider} {completion.model}"
        maps = self._earned(model, completion.prompt_version) if self._earned else {}
        return {
            name: replace(item, confidence=round(maps[name](item.confidence), 4), calibrated=True)
            if name in maps and item.confidence is not None
            else item
            for name, item in said.items()
        }

    def _check_fields(
        self, text: str, completion: Completion[TriageAnswer]
    ) -> tuple[tuple[ExtractedField, ...], tuple[FieldProblem, ...]]:
        """Keep the values that occur in this ticket: an invented one, or an example's, is refused."""
        fields: list[ExtractedField] = []
        problems: list[FieldProblem] = []
        for answered in completion.parsed.fields:
            value = restore(answered.value, completion.placeholders)
            checked = self._extractor.accept_llm_field(text, answered.name, value)
            if isinstance(checked, ExtractedField):
                fields.append(replace(checked, source="llm"))
            else:
                problems.append(replace(checked, source="llm"))
        return tuple(fields), tuple(problems)
