"""OpenAI, Azure OpenAI and every server that speaks OpenAI's chat route, through the openai SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx2
import openai

from classifier.llm.acceptance import Answer, chat_answer
from classifier.llm.adapter import Adapter, optional_parameters, response_format, wire_messages
from classifier.llm.config import ProviderConfig, ProviderKind
from classifier.llm.statuses import error_for_status
from classifier.llm.types import FailureKind, LlmError, Message
from classifier.llm.wire import Wire, httpx2_client

# The SDK insists on a key; servers in the house often want none.
_NO_KEY = "none"


def _client(config: ProviderConfig, http_client: httpx2.Client) -> openai.OpenAI:
    """Build the SDK's client without its retries and without what it would pick up from the environment."""
    # An organisation or project from the environment belongs to another credential than a client's own.
    headers: Any = {"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit}
    if config.kind is ProviderKind.AZURE:
        return openai.AzureOpenAI(
            azure_endpoint=config.url,
            azure_deployment=config.deployment,
            api_version=config.api_version,
            api_key=config.api_key,
            max_retries=0,
            timeout=config.timeout_seconds,
            http_client=http_client,
            default_headers=headers,
        )
    return openai.OpenAI(
        base_url=config.url,
        api_key=config.api_key or _NO_KEY,
        max_retries=0,
        timeout=config.timeout_seconds,
        http_client=http_client,
        default_headers=headers,
    )


class OpenAIAdapter(Adapter):
    """One model behind OpenAI's chat route."""

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        wire = Wire(connect_seconds=config.connect_seconds)
        self._client = _client(config, httpx2_client(wire, timeout_seconds=config.timeout_seconds))
        # Compatible servers know the older name of the parameter, OpenAI's reasoning models the newer.
        older = config.kind is ProviderKind.COMPATIBLE
        self._limit_name = "max_tokens" if older else "max_completion_tokens"

    def ask(self, messages: Sequence[Message], schema: dict[str, object], name: str) -> Answer:
        """Send one chat request; the body is judged by us, not by the SDK's lenient models."""
        parameters: dict[str, Any] = {
            "model": self.config.deployment or self.config.model,
            "messages": wire_messages(messages),
            "response_format": response_format(self.config, schema, name),
            self._limit_name: self.config.max_tokens,
            **optional_parameters(self.config),
        }
        try:
            raw = self._client.chat.completions.with_raw_response.create(**parameters)
        except openai.APIStatusError as error:
            raise error_for_status(error.status_code, error.response.headers, error.body) from error
        except openai.APITimeoutError as error:
            raise LlmError(FailureKind.TIMEOUT, "The provider did not answer in time.") from error
        except openai.APIConnectionError as error:
            raise LlmError(FailureKind.CONNECT, "No connection to the provider.") from error
        except openai.OpenAIError as error:
            raise LlmError(FailureKind.BAD_REQUEST, f"The SDK refused: {type(error).__name__}.") from error
        return chat_answer(raw.http_response.content)

    def close(self) -> None:
        """Close the SDK's client and with it the wire."""
        self._client.close()
