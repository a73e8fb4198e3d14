"""What the tests of the LLM layer share: configurations, a client at the fake server, a listing ledger."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from classifier.engine.redaction import redact
from classifier.engine.types import CategorySpec, TaxonomySpec, TriageInput
from classifier.llm.client import LlmClient
from classifier.llm.config import LayerSettings, ProviderConfig, ProviderKind
from classifier.llm.deadline import Deadline
from classifier.llm.fused import TriageAnswer, answer_schema, build_messages
from classifier.llm.stack import Surroundings, build_client
from classifier.llm.state import InMemoryState
from classifier.llm.types import Completion, Departure, LlmError, Settlement
from tests.fakes.llm_server import FakeLlmServer

TAXONOMY = TaxonomySpec(
    "it",
    (
        CategorySpec("network", "Network", "Connections, VPN, wireless."),
        CategorySpec("hardware", "Hardware", "Devices and parts."),
    ),
)
TICKET = TriageInput("The VPN drops every hour, so the network is of no use.", subject="VPN drops")
SCHEMA = answer_schema(TAXONOMY.slugs)
PATHS = {
    ProviderKind.OPENAI: "/v1",
    ProviderKind.COMPATIBLE: "/v1",
    ProviderKind.AZURE: "",
    ProviderKind.GROQ: "",
    ProviderKind.OLLAMA: "",
}


class ListLedger:
    """A ledger that remembers."""

    def __init__(self) -> None:
        self.departures: list[Departure] = []
        self.settlements: list[Settlement] = []

    def left(self, departure: Departure) -> None:
        self.departures.append(departure)

    def settled(self, settlement: Settlement) -> None:
        self.settlements.append(settlement)


class FakeClock:
    """A clock that moves when told."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


def provider(url: str, kind: ProviderKind = ProviderKind.OPENAI, **changes: Any) -> ProviderConfig:
    """Return a provider at the fake server."""
    values: dict[str, Any] = {
        "kind": kind,
        "model": "test-model",
        "base_url": url + PATHS[kind],
        "api_key": "" if kind is ProviderKind.OLLAMA else "key-1",
        "api_version": "2024-10-21",
        "deployment": "triage" if kind is ProviderKind.AZURE else "",
        "price_input": Decimal(1),
        "price_output": Decimal(10),
    }
    return ProviderConfig(**{**values, **changes})


def surroundings(**changes: Any) -> Surroundings:
    """Return surroundings in memory that allow everything and cache nothing."""
    values: dict[str, Any] = {
        "state": InMemoryState(),
        "redact": redact,
        "ledger": ListLedger(),
        "allows_external": lambda client: True,
        "settings": LayerSettings(cache_seconds=0),
    }
    return Surroundings(**{**values, **changes})


def client_at(
    server: FakeLlmServer | str, kind: ProviderKind = ProviderKind.OPENAI, **changes: Any
) -> LlmClient:
    """Return a client with one provider at the server."""
    url = server if isinstance(server, str) else server.url
    around = changes.pop("around", None) or surroundings()
    return build_client([provider(url, kind, **changes)], around)


def ask(llm: LlmClient, *, seconds: float = 5.0, ticket: TriageInput = TICKET) -> Completion[TriageAnswer]:
    """Put the fused question."""
    return llm.complete(
        build_messages(ticket, TAXONOMY, secret=b"tests"),
        SCHEMA,
        client="acme",
        deadline=Deadline.after(seconds),
        prompt_version="fused@test",
        reference="SW-1",
    )


def failure_of(call: Callable[[], object]) -> LlmError:
    """Return the error a call ends with."""
    try:
        call()
    except LlmError as error:
        return error
    raise AssertionError("The call succeeded.")
