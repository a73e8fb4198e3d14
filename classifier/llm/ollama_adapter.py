"""Ollama's native chat route: its OpenAI-like route ignores ``num_ctx`` and cuts the instructions off."""

from __future__ import annotations

from collections.abc import Sequence

from classifier.llm.acceptance import Answer, ollama_answer
from classifier.llm.adapter import Adapter, wire_messages
from classifier.llm.config import ProviderConfig
from classifier.llm.posting import post_json
from classifier.llm.tokens import estimate_messages
from classifier.llm.types import FailureKind, LlmError, Message
from classifier.llm.wire import Wire, httpx_client

# Our estimate is on the high side; a count this far below it means that the prompt was cut.
_TRUNCATED_SHARE = 0.6


class OllamaAdapter(Adapter):
    """One model on an Ollama server."""

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self._client = httpx_client(
            Wire(connect_seconds=config.connect_seconds),
            timeout_seconds=config.timeout_seconds,
            base_url=config.url,
        )

    def preflight(self, messages: Sequence[Message]) -> None:
        """Refuse what does not fit into the context window together with its answer."""
        estimate = estimate_messages(messages)
        if estimate + self.config.max_tokens > self.config.num_ctx:
            raise LlmError(
                FailureKind.CONTEXT_OVERFLOW, f"About {estimate} tokens do not fit into the context window."
            )

    def ask(self, messages: Sequence[Message], schema: dict[str, object], name: str) -> Answer:
        """Send one chat request and compare what the server read with what we sent."""
        body = {
            "model": self.config.model,
            "messages": wire_messages(messages),
            "format": schema,
            "stream": False,
            # Newer servers then refuse a prompt that is too long; older ones ignore the field.
            "truncate": False,
            "options": {
                "num_ctx": self.config.num_ctx,
                "num_predict": self.config.max_tokens,
                "temperature": self.config.temperature or 0.0,
            },
        }
        answer = ollama_answer(post_json(self._client, "/api/chat", body))
        estimate = estimate_messages(messages)
        if answer.usage and answer.usage.input_tokens < _TRUNCATED_SHARE * estimate:
            raise LlmError(
                FailureKind.CONTEXT_OVERFLOW,
                f"The server read {answer.usage.input_tokens} of about {estimate} tokens.",
                usage=answer.usage,
            )
        return answer

    def close(self) -> None:
        """Close the client and with it the wire."""
        self._client.close()
