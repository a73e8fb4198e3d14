"""What the three adapters share: from a provider's bytes to an accepted completion with its cost."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from classifier.llm.acceptance import Answer, ParsedT, accept
from classifier.llm.config import ProviderConfig, ProviderKind, StructuredOutput
from classifier.llm.schemas import strict_schema
from classifier.llm.tokens import estimate_messages, estimate_tokens
from classifier.llm.types import Completion, LlmError, LlmRequest, Message, Usage

# The providers whose strict mode covers every model we would send a schema to.
_STRICT_KINDS = frozenset({ProviderKind.OPENAI, ProviderKind.AZURE})


def wire_messages(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Return the messages as JSON. Lone surrogates cannot be encoded and are replaced."""
    return [
        {"role": message.role, "content": message.text.encode("utf-8", "replace").decode("utf-8")}
        for message in messages
    ]


def response_format(config: ProviderConfig, schema: dict[str, object], name: str) -> Mapping[str, Any]:
    """Return the parameter that tells an OpenAI-like server the shape of the answer."""
    if config.structured_output is StructuredOutput.JSON_OBJECT:
        return {"type": "json_object"}
    described: dict[str, object] = {"name": name, "schema": schema}
    if config.kind in _STRICT_KINDS:
        described["strict"] = True
    return {"type": "json_schema", "json_schema": described}


def optional_parameters(config: ProviderConfig) -> dict[str, Any]:
    """Return the parameters that some models refuse, only where they are set."""
    named = {"temperature": config.temperature, "reasoning_effort": config.reasoning_effort}
    return {name: value for name, value in named.items() if value is not None}


class Adapter(ABC):
    """Asks one model once. Adapters know nothing of budgets, breakers, clients or retries."""

    def __init__(self, config: ProviderConfig) -> None:
        self.config = config

    def preflight(self, messages: Sequence[Message]) -> None:  # noqa: B027 - most need no check
        """Refuse a prompt that cannot work, before anything leaves.

        Raises:
            LlmError: context_overflow.
        """

    @abstractmethod
    def ask(self, messages: Sequence[Message], schema: dict[str, object], name: str) -> Answer:
        """Send the messages and unwrap the envelope.

        Raises:
            LlmError: anything but an answer in order.
        """

    @abstractmethod
    def close(self) -> None:
        """Release connections."""

    def send(self, request: LlmRequest[ParsedT]) -> Completion[ParsedT]:
        """Ask, validate and price.

        Raises:
            LlmError: with the provider's name, and with the cost of an answer that was charged for.
        """
        started = time.monotonic()
        try:
            answer = self.ask(request.messages, strict_schema(request.schema), request.schema.__name__)
            parsed = accept(answer, request.schema)
        except LlmError as error:
            error.provider, error.model = self.config.name, self.config.model
            error.cost = self._cost(error.usage) if error.usage else Decimal(0)
            raise
        usage = answer.usage or Usage(
            estimate_messages(request.messages), estimate_tokens(answer.text), estimated=True
        )
        return Completion(
            parsed=parsed,
            usage=usage,
            model=answer.model or self.config.model,
            provider=self.config.name,
            latency_ms=round((time.monotonic() - started) * 1000),
            cost=self._cost(usage),
            raw=answer.text,
            prompt_version=request.prompt_version,
        )

    def _cost(self, usage: Usage) -> Decimal:
        return self.config.cost(usage.input_tokens, usage.output_tokens)
