"""Vectors of texts from a server that speaks OpenAI's embeddings route (C18)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, SkipValidation

from classifier.llm.acceptance import load_json
from classifier.llm.config import ConfigurationError, ProviderConfig, ProviderKind, is_address
from classifier.llm.deadline import Deadline, DeadlineExceededError, run_with_deadline
from classifier.llm.posting import post_json
from classifier.llm.tokens import estimate_messages
from classifier.llm.types import Completion, FailureKind, LlmError, LlmRequest, ParsedT, Usage
from classifier.llm.wire import Wire, httpx_client

Vectors = NDArray[np.float32]

MOST_TEXTS: Final = 32
"""Texts of one request at most."""
_MOST_DIMENSIONS: Final = 8_192
_BYTES_A_NUMBER: Final = 32
"""A number of an answer is not written longer than this, separator included."""
_BYTES_AROUND: Final = 64 * 1024
_SHORTENED: Final = "text-embedding-3"
"""These models take a wish for their size; others refuse a request that has one."""


@dataclass(frozen=True, slots=True)
class EmbeddingConfig:
    """A server and its model.

    ``dimensions`` is the size every vector must have, ``price`` is for a million tokens; 0 where unknown.
    """

    base_url: str
    model: str
    dimensions: int
    api_key: str = field(default="", repr=False)
    price: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if not self.price >= 0:
            raise ConfigurationError("EMBEDDING_PRICE is less than nothing.")
        if not is_address(self.base_url):
            raise ConfigurationError("EMBEDDING_BASE_URL is not an http or https address.")
        if not self.model:
            raise ConfigurationError("EMBEDDING_MODEL is missing.")
        if not 1 <= self.dimensions <= _MOST_DIMENSIONS:
            raise ConfigurationError(f"EMBEDDING_DIMENSIONS is not from 1 to {_MOST_DIMENSIONS}.")

    @property
    def space(self) -> str:
        """The name of the vectors' space, at most 80 characters: another server or model is another one."""
        identity = f"{self.base_url.rstrip('/')}\n{self.model}\n{self.dimensions}"
        digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
        return f"remote-{self.dimensions}-{digest}-{self.model[:48]}"

    @property
    def credential(self) -> str:
        """A fingerprint of the key and the address, as the ledger stores it."""
        return self.provider(timeout_seconds=1.0).credential

    def provider(self, *, timeout_seconds: float) -> ProviderConfig:
        """The server as the layers around every call know it: the same account has the same budget."""
        return ProviderConfig(
            kind=ProviderKind.COMPATIBLE,
            model=self.model,
            base_url=self.base_url,
            api_key=self.api_key,
            timeout_seconds=timeout_seconds,
            price_input=self.price,
        )


class Embedded(BaseModel):
    """Vectors as a completion carries them: texts × dimensions, each of length 1."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    vectors: SkipValidation[Vectors]


@dataclass(frozen=True, slots=True)
class EmbeddingAnswer:
    """Vectors, and the tokens the server counted; None where it kept quiet."""

    vectors: Vectors
    tokens: int | None


class EmbeddingClient:
    """Asks one model for vectors. It knows nothing of clients and redaction: its caller does."""

    def __init__(self, config: EmbeddingConfig, *, timeout_seconds: float) -> None:
        self._config = config
        self._seconds = timeout_seconds
        largest = MOST_TEXTS * config.dimensions * _BYTES_A_NUMBER + _BYTES_AROUND
        self._client = httpx_client(
            Wire(max_answer_bytes=largest),
            timeout_seconds=timeout_seconds,
            base_url=config.base_url.rstrip("/"),
        )

    def embed(self, texts: Sequence[str]) -> EmbeddingAnswer:
        """Return one vector of length 1 a text (texts × dimensions), within ``timeout_seconds`` by the wall.

        Raises:
            LlmError: the server failed, or its answer is not one finite vector of the right size a text.
            ValueError: there are no texts, or more than ``MOST_TEXTS``.
        """
        if not 1 <= len(texts) <= MOST_TEXTS:
            raise ValueError(f"A request takes 1 to {MOST_TEXTS} texts, not {len(texts)}.")
        try:
            content = run_with_deadline(lambda: self._post(texts), Deadline.after(self._seconds))
        except DeadlineExceededError as error:
            raise LlmError(FailureKind.TIMEOUT, str(error)) from error
        return _answer(content, len(texts), self._config.dimensions)

    def _post(self, texts: Sequence[str]) -> bytes:
        body: dict[str, object] = {
            "model": self._config.model,
            # Lone surrogates cannot be encoded and are replaced.
            "input": [text.encode("utf-8", "replace").decode("utf-8") for text in texts],
            "encoding_format": "float",
        }
        if self._config.model.startswith(_SHORTENED):
            body["dimensions"] = self._config.dimensions
        key = self._config.api_key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return post_json(self._client, "/embeddings", body, headers)

    def close(self) -> None:
        """Close the client and with it the wire."""
        self._client.close()


class EmbeddingCompleter:
    """The innermost layer of a request for vectors: one text a message, answered in their order."""

    def __init__(self, client: EmbeddingClient, config: ProviderConfig) -> None:
        self._client = client
        self._config = config

    def send(self, request: LlmRequest[ParsedT]) -> Completion[ParsedT]:
        """Record the departure, ask, and say what it cost. The schema has to be ``Embedded``."""
        if request.schema is not Embedded:
            raise TypeError("A request for vectors is answered with vectors.")
        if request.on_leave is not None:
            request.on_leave()
        started = request.deadline.clock()
        answer = self._client.embed([message.text for message in request.messages])
        counted = answer.tokens
        tokens = estimate_messages(request.messages) if counted is None else counted
        return Completion(
            parsed=cast("ParsedT", Embedded(vectors=answer.vectors)),
            usage=Usage(tokens, 0, estimated=counted is None),
            model=self._config.model,
            provider=self._config.name,
            latency_ms=round((request.deadline.clock() - started) * 1000),
            cost=self._config.cost(tokens, 0),
        )


def _refusal(reason: str) -> LlmError:
    return LlmError(FailureKind.SCHEMA_INVALID, reason)


def _answer(content: bytes, count: int, dimensions: int) -> EmbeddingAnswer:
    """Return the vectors of an answer in the order of the texts, each of length 1, and its tokens.

    Raises:
        LlmError: not_json, or schema_invalid for what is not one usable vector a text.
    """
    try:
        decoded = load_json(content)
    except ValueError as error:
        raise LlmError(FailureKind.NOT_JSON, "The answer is not JSON, or holds no finite numbers.") from error
    data = decoded.get("data") if isinstance(decoded, Mapping) else None
    if not isinstance(data, list) or len(data) != count:
        raise _refusal(f"The answer does not hold {count} vectors.")
    placed: dict[object, object] = {}
    for position, item in enumerate(data):
        if not isinstance(item, Mapping):
            raise _refusal("The answer holds something else than vectors.")
        index = item.get("index", position)
        # A list or a truth value for an index must not pass for a number.
        placed[index if type(index) is int else None] = item.get("embedding")
    if set(placed) != set(range(count)):
        raise _refusal("The answer does not say which vector belongs to which text.")
    rows = [_row(placed[position], dimensions) for position in range(count)]
    return EmbeddingAnswer(_of_length_one(rows), _tokens(decoded))


def _tokens(decoded: object) -> int | None:
    """The count of an answer's tokens, where there is one."""
    usage = decoded.get("usage") if isinstance(decoded, Mapping) else None
    count = usage.get("prompt_tokens") if isinstance(usage, Mapping) else None
    return count if type(count) is int and count >= 0 else None


def _row(numbers: object, dimensions: int) -> list[float]:
    """Return one vector's numbers, checked."""
    if not isinstance(numbers, list) or len(numbers) != dimensions:
        raise _refusal(f"A vector does not have {dimensions} numbers.")
    if not all(type(number) in {int, float} for number in numbers):
        raise _refusal("A vector holds something else than numbers.")
    try:
        return [float(number) for number in numbers]
    except OverflowError:
        raise _refusal("A vector holds a number without bounds.") from None


def _of_length_one(rows: Sequence[Sequence[float]]) -> Vectors:
    """Return the rows scaled to length 1; one without a direction or with infinite numbers is refused."""
    matrix = np.array(rows, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths)) or not np.all(lengths > 0):
        raise _refusal("A vector has no length or an infinite one.")
    unit: Vectors = (matrix / lengths).astype(np.float32)
    return unit
