"""The response cache: the same redacted question to the same model for the same client is asked once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal

from classifier.llm.acceptance import Answer, accept
from classifier.llm.config import ProviderConfig
from classifier.llm.schemas import strict_schema
from classifier.llm.state import SharedState
from classifier.llm.types import Completer, Completion, LlmError, LlmRequest, ParsedT, Usage


def cache_key(request: LlmRequest[ParsedT], config: ProviderConfig) -> str:
    """Return the key: redacted messages, prompt version, schema, provider, model and client.

    Two clients never share an answer, even to the same words.
    """
    identity = {
        "client": request.client,
        "provider": config.key,
        "prompt_version": request.prompt_version,
        "schema": strict_schema(request.schema),
        "messages": [[message.role, message.text] for message in request.messages],
    }
    text = json.dumps(identity, sort_keys=True)
    return f"llm:answer:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


class CacheLayer:
    """Answers from the cache where it can; stores accepted answers only."""

    def __init__(
        self, inner: Completer, state: SharedState, config: ProviderConfig, *, ttl_seconds: int
    ) -> None:
        self._inner = inner
        self._state = state
        self._config = config
        self._ttl_seconds = ttl_seconds

    def send(self, request: LlmRequest[ParsedT]) -> Completion[ParsedT]:
        """Look up, else ask and store."""
        if self._ttl_seconds <= 0:
            return self._inner.send(request)
        key = cache_key(request, self._config)
        stored = self._state.get(key)
        if isinstance(stored, Mapping):
            hit = self._restore(request, stored)
            if hit is not None:
                return hit
        completion = self._inner.send(request)
        self._state.set(key, {"raw": completion.raw, "model": completion.model}, self._ttl_seconds)
        return completion

    def _restore(
        self, request: LlmRequest[ParsedT], stored: Mapping[str, object]
    ) -> Completion[ParsedT] | None:
        """Validate again: the schema in the code may have changed since."""
        model = str(stored.get("model", ""))
        try:
            parsed = accept(Answer(str(stored.get("raw", "")), model, None), request.schema)
        except LlmError:
            return None
        return Completion(
            parsed=parsed,
            usage=Usage(),
            model=model,
            provider=self._config.name,
            latency_ms=0,
            cost=Decimal(0),
            raw=str(stored.get("raw", "")),
            cached=True,
            prompt_version=request.prompt_version,
        )
