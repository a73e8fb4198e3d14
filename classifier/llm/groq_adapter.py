"""Groq through its own SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import groq

from classifier.llm.acceptance import Answer, chat_answer
from classifier.llm.adapter import Adapter, optional_parameters, response_format, wire_messages
from classifier.llm.config import ProviderConfig
from classifier.llm.statuses import error_for_status
from classifier.llm.types import FailureKind, LlmError, Message
from classifier.llm.wire import Wire, httpx_client


class GroqAdapter(Adapter):
    """One model at Groq."""

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self._client = groq.Groq(
            base_url=config.url,
            api_key=config.api_key,
            max_retries=0,
            timeout=config.timeout_seconds,
            http_client=httpx_client(
                Wire(connect_seconds=config.connect_seconds), timeout_seconds=config.timeout_seconds
            ),
        )

    def ask(self, messages: Sequence[Message], schema: dict[str, object], name: str) -> Answer:
        """Send one chat request."""
        parameters: dict[str, Any] = {
            "model": self.config.model,
            "messages": wire_messages(messages),
            "response_format": response_format(self.config, schema, name),
            "max_completion_tokens": self.config.max_tokens,
            **optional_parameters(self.config),
        }
        try:
            raw = self._client.chat.completions.with_raw_response.create(**parameters)
        except groq.APIStatusError as error:
            raise error_for_status(error.status_code, error.response.headers, error.body) from error
        except groq.APITimeoutError as error:
            raise LlmError(FailureKind.TIMEOUT, "The provider did not answer in time.") from error
        except groq.APIConnectionError as error:
            # This SDK wraps whatever the transport raised, our own verdicts included.
            if isinstance(error.__cause__, LlmError):
                raise error.__cause__ from None
            raise LlmError(FailureKind.CONNECT, "No connection to the provider.") from error
        except groq.GroqError as error:
            raise LlmError(FailureKind.BAD_REQUEST, f"The SDK refused: {type(error).__name__}.") from error
        return chat_answer(raw.http_response.content)

    def close(self) -> None:
        """Close the SDK's client and with it the wire."""
        self._client.close()
