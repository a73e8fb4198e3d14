"""The outermost layer: who may be asked at all, what leaves, and the record of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from classifier.llm.config import ProviderConfig
from classifier.llm.types import (
    Completer,
    Completion,
    Departure,
    FailureKind,
    Ledger,
    LlmError,
    LlmRequest,
    Message,
    ParsedT,
    Settlement,
    Usage,
)

# Joins the messages so that one redaction numbers the placeholders of all; it cannot occur in them.
_SEPARATOR = "\x1e"


class RedactedText(Protocol):
    """What the redactor returns: the text, and what each placeholder in it stands for."""

    @property
    def text(self) -> str:
        """The text that may leave."""
        ...

    @property
    def placeholders(self) -> Mapping[str, str]:
        """From placeholder to value."""
        ...


Redactor = Callable[[str], RedactedText]


def redact_messages(
    messages: tuple[Message, ...], redact: Redactor
) -> tuple[tuple[Message, ...], Mapping[str, str]]:
    """Redact the content of all messages at once; what is our own around it stays."""
    joined = _SEPARATOR.join(message.content.replace(_SEPARATOR, " ") for message in messages)
    redacted = redact(joined)
    contents = redacted.text.split(_SEPARATOR)
    if len(contents) != len(messages):
        raise ValueError("The redactor changed the separator between messages.")
    cleaned = tuple(
        replace(message, content=content) for message, content in zip(messages, contents, strict=True)
    )
    return cleaned, redacted.placeholders


class _Journal:
    """Tells the ledger about one request: at departure, and how it ended if it departed."""

    def __init__(self, ledger: Ledger, departure: Departure) -> None:
        self._ledger = ledger
        self._departure = departure
        self._left = False

    def leave(self) -> None:
        """Record before the first byte goes; if this raises, nothing goes."""
        self._ledger.left(self._departure)
        self._left = True

    def settle(self, kind: FailureKind | None, usage: Usage, cost: Decimal, latency_ms: int) -> None:
        """Record the outcome; an answer from the cache never left and is not recorded."""
        if self._left:
            self._ledger.settled(Settlement(self._departure, kind, usage, cost, latency_ms))


class RedactionGate:
    """Refuses forbidden providers, redacts, and keeps the record of what left."""

    def __init__(
        self,
        inner: Completer,
        config: ProviderConfig,
        *,
        redact: Redactor,
        ledger: Ledger,
        allows_external: Callable[[str], bool],
    ) -> None:
        self._inner = inner
        self._config = config
        self._redact = redact
        self._ledger = ledger
        self._allows_external = allows_external

    def send(self, request: LlmRequest[ParsedT]) -> Completion[ParsedT]:
        """Redact and pass on.

        Raises:
            LlmError: blocked_by_client, when the client forbids what lies outside the house.
        """
        if not self._config.internal and not self._allows_external(request.client):
            raise LlmError(
                FailureKind.BLOCKED_BY_CLIENT, "The client does not allow external language models."
            )
        messages, placeholders = redact_messages(request.messages, self._redact)
        journal = _Journal(self._ledger, self._departure(request, messages, placeholders))
        started = request.deadline.clock()
        try:
            completion = self._inner.send(request.with_messages(messages, journal.leave))
        except LlmError as error:
            elapsed_ms = round((request.deadline.clock() - started) * 1000)
            journal.settle(error.kind, error.usage or Usage(), error.cost, elapsed_ms)
            raise
        journal.settle(None, completion.usage, completion.cost, completion.latency_ms)
        return replace(completion, placeholders=placeholders)

    def _departure(
        self,
        request: LlmRequest[ParsedT],
        messages: tuple[Message, ...],
        placeholders: Mapping[str, str],
    ) -> Departure:
        return Departure(
            client=request.client,
            reference=request.reference,
            provider=self._config.name,
            model=self._config.model,
            prompt_version=request.prompt_version,
            messages=messages,
            placeholders=tuple(placeholders),
            credential=self._config.credential,
        )
