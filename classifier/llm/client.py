"""The one interface to language models: providers in order, one repair, one deadline over all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from classifier.llm.config import ProviderConfig
from classifier.llm.deadline import Deadline
from classifier.llm.types import (
    REPAIRABLE,
    Completer,
    Completion,
    FailureKind,
    LlmError,
    LlmRequest,
    Message,
    ParsedT,
    Usage,
)

# While others wait behind it, a provider may use up this share of what is left.
_SHARE_BEFORE_FALLBACK = 0.6


@dataclass(frozen=True, slots=True)
class ProviderStack:
    """A provider with all its layers."""

    config: ProviderConfig
    completer: Completer


def _repair_note(error: LlmError) -> Message:
    """Tell the model what was wrong, in our words: its own would carry the ticket's along."""
    return Message(
        role="user",
        before=(
            "Your previous answer to this was not accepted "
            f"({error.message}). Answer again with one JSON object that follows the schema, and nothing else."
        ),
    )


def to_raise(errors: Sequence[LlmError]) -> LlmError:
    """Return the failure that decides: one that may pass soonest, else the last."""
    passing = [error for error in errors if not error.permanent]
    chosen = min(passing, key=lambda error: error.retry_after_seconds or 0.0) if passing else errors[-1]
    chosen.earlier = tuple(error for error in errors if error is not chosen)
    return chosen


class LlmClient:
    """Asks the providers in order until one gives an acceptable answer."""

    def __init__(self, stacks: Sequence[ProviderStack]) -> None:
        self._stacks = tuple(stacks)

    @property
    def configured(self) -> bool:
        """True when there is a provider to ask."""
        return bool(self._stacks)

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
        """Return a validated completion. ``client`` is the tenant, ``reference`` the ticket in the ledger.

        Raises:
            LlmError: no provider answered acceptably; ``earlier`` holds the other providers' failures.
        """
        if not client:
            raise ValueError("A call to a language model needs the client it is made for.")
        if not self._stacks:
            raise LlmError(FailureKind.NO_PROVIDER, "No language model is configured.")
        request = LlmRequest(tuple(messages), schema, client, deadline, prompt_version, reference)
        errors: list[LlmError] = []
        for position, stack in enumerate(self._stacks):
            last = position == len(self._stacks) - 1
            seconds = deadline.remaining() * (1.0 if last else _SHARE_BEFORE_FALLBACK)
            try:
                completion = self._ask(stack, replace(request, deadline=deadline.within(seconds)), errors)
            except LlmError as error:
                errors.append(error)
                continue
            return replace(completion, earlier=tuple(errors))
        raise to_raise(errors)

    def _ask(
        self, stack: ProviderStack, request: LlmRequest[ParsedT], errors: list[LlmError]
    ) -> Completion[ParsedT]:
        """Ask one provider, and once more if its answer only had the wrong shape."""
        try:
            return self._send(stack, request)
        except LlmError as error:
            if error.kind not in REPAIRABLE or request.deadline.expired:
                raise
            first = error
        errors.append(first)
        repaired = self._send(stack, request.with_messages((*request.messages, _repair_note(first))))
        usage = repaired.usage.plus(first.usage or Usage())
        return replace(repaired, repaired=True, usage=usage, cost=repaired.cost + first.cost)

    def _send(self, stack: ProviderStack, request: LlmRequest[ParsedT]) -> Completion[ParsedT]:
        try:
            return stack.completer.send(request)
        except LlmError as error:
            error.provider, error.model = stack.config.name, stack.config.model
            raise


def total_cost(error: LlmError) -> Decimal:
    """Return what a failed call cost over all providers."""
    return sum((failure.cost for failure in (error, *error.earlier)), Decimal(0))
