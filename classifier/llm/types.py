"""The vocabulary of the LLM layer: messages, requests, completions and errors that carry the decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel

from classifier.llm.deadline import Deadline

Role = Literal["system", "user", "assistant"]
ParsedT = TypeVar("ParsedT", bound=BaseModel)


class FailureClass(StrEnum):
    """What a failure means for the provider and for the next ticket."""

    CONFIGURATION = "configuration"
    """Somebody has to change a setting: pause the provider at once, raise an alarm, do not retry."""
    TICKET = "ticket"
    """This text and this model do not go together: the next provider answers, the breaker looks away."""
    TRANSIENT = "transient"
    """The provider is in trouble: the breaker counts it, the job row may try again later."""
    LOCAL = "local"
    """We did not send anything: neither the provider nor the ticket is at fault."""


class FailureKind(StrEnum):
    """Every way a call can fail, by name; the name is stored and counted."""

    TIMEOUT = "timeout"
    CONNECT = "connect"
    HTTP_5XX = "http_5xx"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    AUTH = "auth"
    NOT_FOUND = "not_found"
    MODEL_DECOMMISSIONED = "model_decommissioned"
    SCHEMA_REJECTED = "schema_rejected"
    REDIRECT = "redirect"
    BAD_REQUEST = "bad_request"
    EMPTY_CHOICES = "empty_choices"
    HTML_PAGE = "html_page"
    ERROR_IN_200 = "error_in_200"
    OVERSIZED = "oversized"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    LENGTH = "length"
    BAD_FINISH = "bad_finish"
    NOT_JSON = "not_json"
    SCHEMA_INVALID = "schema_invalid"
    UNKNOWN_CATEGORY = "unknown_category"
    BAD_CONFIDENCE = "bad_confidence"
    CONTEXT_OVERFLOW = "context_overflow"
    BREAKER_OPEN = "breaker_open"
    BUDGET_SPENT = "budget_spent"
    THROTTLED = "throttled"
    BLOCKED_BY_CLIENT = "blocked_by_client"
    DEADLINE_SPENT = "deadline_spent"
    NO_PROVIDER = "no_provider"


_CLASSES: Mapping[FailureClass, tuple[FailureKind, ...]] = {
    FailureClass.CONFIGURATION: (
        FailureKind.QUOTA_EXHAUSTED,
        FailureKind.AUTH,
        FailureKind.NOT_FOUND,
        FailureKind.MODEL_DECOMMISSIONED,
        FailureKind.SCHEMA_REJECTED,
        FailureKind.REDIRECT,
    ),
    FailureClass.TRANSIENT: (
        FailureKind.TIMEOUT,
        FailureKind.CONNECT,
        FailureKind.HTTP_5XX,
        FailureKind.RATE_LIMITED,
        FailureKind.BAD_REQUEST,
        FailureKind.EMPTY_CHOICES,
        FailureKind.HTML_PAGE,
        FailureKind.ERROR_IN_200,
        FailureKind.OVERSIZED,
    ),
    FailureClass.TICKET: (
        FailureKind.CONTENT_FILTER,
        FailureKind.REFUSAL,
        FailureKind.LENGTH,
        FailureKind.BAD_FINISH,
        FailureKind.NOT_JSON,
        FailureKind.SCHEMA_INVALID,
        FailureKind.UNKNOWN_CATEGORY,
        FailureKind.BAD_CONFIDENCE,
        FailureKind.CONTEXT_OVERFLOW,
    ),
    FailureClass.LOCAL: (
        FailureKind.BREAKER_OPEN,
        FailureKind.BUDGET_SPENT,
        FailureKind.THROTTLED,
        FailureKind.BLOCKED_BY_CLIENT,
        FailureKind.DEADLINE_SPENT,
        FailureKind.NO_PROVIDER,
    ),
}
CLASS_OF: Mapping[FailureKind, FailureClass] = {
    kind: failure_class for failure_class, kinds in _CLASSES.items() for kind in kinds
}

REPAIRABLE = frozenset(
    {
        FailureKind.NOT_JSON,
        FailureKind.SCHEMA_INVALID,
        FailureKind.UNKNOWN_CATEGORY,
        FailureKind.BAD_CONFIDENCE,
    }
)
"""The model answered, only in the wrong shape: telling it so once is worth a second call."""

# A 400 we cannot name counts against the breaker, because it may be a setting, but the same text sent
# again gets the same answer: it is never retried for this ticket.
_NEVER_RETRIED = frozenset(
    {FailureKind.BAD_REQUEST, FailureKind.BLOCKED_BY_CLIENT, FailureKind.NO_PROVIDER, FailureKind.OVERSIZED}
)

MAX_RETRY_AFTER_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; ``estimated`` when the provider did not say and we counted characters."""

    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False

    def plus(self, other: Usage) -> Usage:
        """Return the sum, estimated as soon as one part is."""
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.estimated or other.estimated,
        )


class LlmError(Exception):
    """A call that gave no acceptable answer; carries its named kind and what follows from it.

    ``usage`` and ``cost`` are set when the provider charged for the unusable answer.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        retry_after_seconds: float | None = None,
        usage: Usage | None = None,
        cost: Decimal = Decimal(0),
        provider: str = "",
        model: str = "",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.usage = usage
        self.cost = cost
        self.provider = provider
        self.model = model
        self.earlier: tuple[LlmError, ...] = ()
        self.retry_after_seconds = retry_after_seconds
        if retry_after_seconds is not None:
            self.retry_after_seconds = min(max(retry_after_seconds, 0.0), MAX_RETRY_AFTER_SECONDS)

    @property
    def failure_class(self) -> FailureClass:
        """The class of the kind: configuration, ticket, transient or local."""
        return CLASS_OF[self.kind]

    @property
    def permanent(self) -> bool:
        """True when asking the same provider again for the same ticket cannot help."""
        if self.kind in _NEVER_RETRIED:
            return True
        return self.failure_class in {FailureClass.CONFIGURATION, FailureClass.TICKET}

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.message}"


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message. ``content`` may hold personal data and is redacted before it leaves.

    ``before`` and ``after`` are our own words around it (instructions, delimiters) and go out unchanged.
    ``reference`` names the ticket whose words these are, where a call holds several.
    """

    role: Role
    content: str = ""
    before: str = ""
    after: str = ""
    reference: str = ""

    @property
    def text(self) -> str:
        """What is sent."""
        return f"{self.before}{self.content}{self.after}"


@dataclass(frozen=True, slots=True)
class Departure:
    """What is about to leave the process: the ledger writes it before the first byte goes out."""

    client: str
    reference: str
    provider: str
    model: str
    prompt_version: str
    messages: tuple[Message, ...]
    placeholders: tuple[str, ...]
    credential: str = ""


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a departure ended; ``kind`` is None when the answer was accepted."""

    departure: Departure
    kind: FailureKind | None
    usage: Usage
    cost: Decimal
    latency_ms: int


class Ledger(Protocol):
    """Where the caller stores what left, and what it cost."""

    def left(self, departure: Departure) -> None:
        """Record what leaves; an exception here stops the call."""
        ...

    def settled(self, settlement: Settlement) -> None:
        """Record how it ended."""
        ...


@dataclass(frozen=True, slots=True)
class LlmRequest(Generic[ParsedT]):
    """One structured call on its way down the stack of decorators."""

    messages: tuple[Message, ...]
    schema: type[ParsedT]
    client: str
    deadline: Deadline
    prompt_version: str = ""
    reference: str = ""
    on_leave: Callable[[], None] | None = None

    def with_messages(
        self, messages: tuple[Message, ...], on_leave: Callable[[], None] | None = None
    ) -> LlmRequest[ParsedT]:
        """Return the request with other messages, and another departure hook if one is given."""
        return replace(self, messages=messages, on_leave=on_leave or self.on_leave)


@dataclass(frozen=True, slots=True)
class Completion(Generic[ParsedT]):
    """An accepted answer: validated against the schema, with what it cost.

    ``raw`` is the JSON text it was parsed from. ``placeholders`` maps what redaction put into this
    request to the values it stood for; restore nothing else, and only for staff.
    """

    parsed: ParsedT
    usage: Usage
    model: str
    provider: str
    latency_ms: int
    cost: Decimal
    raw: str = ""
    cached: bool = False
    repaired: bool = False
    prompt_version: str = ""
    placeholders: Mapping[str, str] = field(default_factory=dict)
    earlier: tuple[LlmError, ...] = ()


class Asker(Protocol):
    """What answers a structured question: one chain of models, or several asked side by side."""

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
        """Return a validated completion or raise ``LlmError``."""
        ...


class Completer(Protocol):
    """One layer of the stack: takes a request, returns an accepted completion or raises ``LlmError``."""

    def send(self, request: LlmRequest[ParsedT]) -> Completion[ParsedT]:
        """Answer the request."""
        ...
