"""Several models asked side by side, and the category that most of them name (C9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import cast

from pydantic import BaseModel

from classifier.llm.client import LlmClient, to_raise, total_cost
from classifier.llm.config import ProviderConfig
from classifier.llm.deadline import Deadline
from classifier.llm.errands import callers_surroundings, side_by_side
from classifier.llm.fused import TriageAnswer
from classifier.llm.stack import Surroundings, build_client
from classifier.llm.types import Completion, LlmError, Message, ParsedT, Usage

Ballot = tuple[str, float]
"""The category an answer names, and its stated confidence in [0, 1]."""


def _check_votable(schema: type[BaseModel]) -> None:
    """Refuse answers that name no category before anything is paid for."""
    if not issubclass(schema, TriageAnswer):
        raise TypeError("Only answers that name a category can be put to the vote.")


def _ballot(completion: Completion[ParsedT]) -> Ballot:
    """Return what an answer votes for; its schema was checked before it was asked."""
    parsed = cast("TriageAnswer", completion.parsed)
    return parsed.category, parsed.confidence


def elect(completions: Sequence[Completion[ParsedT]]) -> Completion[ParsedT]:
    """Return the surest answer of those that name the category most answers name.

    Where categories have the same number of votes the highest stated confidence decides, and among equals
    the model that comes first.
    """
    ballots = [_ballot(completion) for completion in completions]
    votes = Counter(category for category, _ in ballots)
    order = range(len(completions))
    chosen = max(order, key=lambda position: (votes[ballots[position][0]], ballots[position][1]))
    return completions[chosen]


def _flat(errors: Sequence[LlmError]) -> list[LlmError]:
    """Return the failures with those that came before each of them, in the order of the models."""
    flat: list[LlmError] = []
    for error in errors:
        flat += [*error.earlier, error]
        error.earlier = ()
    return flat


def _sorted_out(
    futures: Sequence[Future[Completion[ParsedT]]],
) -> tuple[list[Completion[ParsedT]], list[LlmError]]:
    """Part answers from failures; any other error, as of a ledger that cannot write, is raised."""
    completions: list[Completion[ParsedT]] = []
    errors: list[LlmError] = []
    for future in futures:
        try:
            completions.append(future.result())
        except LlmError as error:
            errors.append(error)
    return completions, errors


class LlmEnsemble:
    """Asks all its models at once under one deadline; they answer like one ``LlmClient``."""

    def __init__(self, members: Sequence[LlmClient]) -> None:
        self._members = tuple(members)

    @property
    def configured(self) -> bool:
        """True when there is a model to ask."""
        return any(member.configured for member in self._members)

    def complete(
        self,
        messages: Sequence[Message],
        schema: type[ParsedT],
        *,
        client: str,
        deadline: Deadline,
        prompt_version: str = "",
        reference: str = "",
    ) -> Completion[ParsedT]:
        """Return the elected completion, once every model has answered, failed or run out of time.

        Its ``cost`` and ``usage`` are those of all models together, its ``latency_ms`` that of the slowest
        answer; ``earlier`` holds every failure.

        Raises:
            LlmError: no model answered acceptably; ``earlier`` holds the other failures.
            TypeError: the schema names no category.
        """
        _check_votable(schema)

        def ask(member: LlmClient) -> Completion[ParsedT]:
            return member.complete(
                messages,
                schema,
                client=client,
                deadline=deadline,
                prompt_version=prompt_version,
                reference=reference,
            )

        return _result(*_sorted_out(side_by_side([partial(ask, member) for member in self._members])))


def _result(completions: Sequence[Completion[ParsedT]], errors: Sequence[LlmError]) -> Completion[ParsedT]:
    """Return the elected completion with the cost of all.

    Raises:
        LlmError: there is no completion.
    """
    spent = sum((total_cost(error) for error in errors), Decimal(0))
    failures = _flat(errors)
    if not completions:
        raise to_raise(failures)
    usage = Usage()
    for part in (*(item.usage for item in completions), *(error.usage for error in failures)):
        usage = usage.plus(part or Usage())
    return replace(
        elect(completions),
        usage=usage,
        cost=sum((item.cost for item in completions), spent),
        latency_ms=max(item.latency_ms for item in completions),
        earlier=(*(error for item in completions for error in item.earlier), *failures),
    )


def build_ensemble(providers: Sequence[ProviderConfig], around: Surroundings) -> LlmEnsemble:
    """Return the ensemble of these models, each with all its layers.

    Raises:
        ValueError: there is no model.
    """
    if not providers:
        raise ValueError("An ensemble needs a model.")
    shared = callers_surroundings(around)
    return LlmEnsemble([build_client([config], shared) for config in providers])
