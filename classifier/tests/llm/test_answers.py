"""What a good answer becomes, and what each provider is sent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from classifier.engine.types import TriageInput
from classifier.llm.config import ProviderKind, StructuredOutput
from classifier.llm.types import FailureKind
from classifier.tests.llm.support import ask, client_at, failure_of
from tests.fakes.llm_server import FakeLlmServer, Fault, schema_of

PATHS = {
    ProviderKind.OPENAI: "/v1/chat/completions",
    ProviderKind.COMPATIBLE: "/v1/chat/completions",
    ProviderKind.AZURE: "/openai/deployments/triage/chat/completions?api-version=2024-10-21",
    ProviderKind.GROQ: "/openai/v1/chat/completions",
    ProviderKind.OLLAMA: "/api/chat",
}


@pytest.mark.parametrize("kind", list(ProviderKind))
def test_each_provider_answers_in_its_own_dialect(server: FakeLlmServer, kind: ProviderKind) -> None:
    """C9: five families, one completion; the category is an enum in what is sent."""
    completion = ask(client_at(server, kind))
    assert completion.parsed.category == "network"
    assert completion.provider == kind.value
    assert completion.usage.output_tokens == 100
    assert not completion.usage.estimated
    assert server.requests[0].path == PATHS[kind]
    sent = schema_of(server.requests[0].body)
    assert sent["properties"]["category"]["enum"] == ["network", "hardware"]
    assert sent["additionalProperties"] is False


def test_the_cost_follows_from_tokens_and_prices(server: FakeLlmServer) -> None:
    """C6: 1000 tokens in at 1 and 100 out at 10 a million."""
    assert ask(client_at(server)).cost == Decimal("0.002")


@pytest.mark.parametrize("kind", [ProviderKind.OPENAI, ProviderKind.OLLAMA])
def test_missing_usage_is_estimated_and_says_so(server: FakeLlmServer, kind: ProviderKind) -> None:
    """C9: the ledger never shows nothing for a call that was charged."""
    server.always(Fault.MISSING_USAGE)
    usage = ask(client_at(server, kind)).usage
    assert usage.estimated
    assert usage.input_tokens > 100


@pytest.mark.parametrize("fault", [Fault.FENCED, Fault.THINKING])
def test_a_fence_or_a_thinking_block_around_the_json_is_taken_off(
    server: FakeLlmServer, fault: Fault
) -> None:
    """C9: compatible servers leave them there."""
    server.always(fault)
    assert ask(client_at(server, ProviderKind.COMPATIBLE)).parsed.category == "network"


@pytest.mark.parametrize("fault", [Fault.INVALID_JSON, Fault.UNKNOWN_CATEGORY, Fault.CONFIDENCE_7])
def test_one_repair_turns_a_misshapen_answer_into_a_good_one(server: FakeLlmServer, fault: Fault) -> None:
    """C9: the second request names the problem in our words and repeats nothing of the answer."""
    server.faults(fault)
    completion = ask(client_at(server))
    assert completion.repaired
    assert completion.usage.output_tokens == 200
    assert completion.cost == Decimal("0.004")
    note = server.requests[1].body["messages"][-1]["content"]
    assert "not accepted" in note
    assert "spaceships" not in note
    assert server.requests[0].body["messages"] == server.requests[1].body["messages"][:-1]


def test_the_cost_of_an_unusable_answer_is_not_lost(server: FakeLlmServer) -> None:
    """C6: a refusal is charged for like an answer."""
    server.always(Fault.REFUSAL)
    error = failure_of(lambda: ask(client_at(server)))
    assert error.cost == Decimal("0.002")


def test_openai_gets_the_new_name_of_the_limit_and_compatible_servers_the_old(server: FakeLlmServer) -> None:
    """C13: MAX_TOKENS reaches the request under the name the server knows."""
    ask(client_at(server, ProviderKind.OPENAI, max_tokens=321))
    ask(client_at(server, ProviderKind.COMPATIBLE, max_tokens=322))
    ask(client_at(server, ProviderKind.OLLAMA, max_tokens=323))
    bodies = [request.body for request in server.requests]
    assert bodies[0]["max_completion_tokens"] == 321
    assert bodies[1]["max_tokens"] == 322
    assert bodies[2]["options"]["num_predict"] == 323


def test_json_object_mode_sends_no_schema_parameter(server: FakeLlmServer) -> None:
    """C9: for models that know no schemas the prompt alone carries it."""
    server.answer = lambda body: {}
    llm = client_at(server, ProviderKind.GROQ, structured_output=StructuredOutput.JSON_OBJECT)
    failure_of(lambda: ask(llm))
    assert server.requests[0].body["response_format"] == {"type": "json_object"}
    assert '"enum":["network","hardware"]' in server.requests[0].body["messages"][0]["content"]


def test_ollama_is_told_its_context_window(server: FakeLlmServer) -> None:
    """C9: without num_ctx the server cuts the instructions off."""
    ask(client_at(server, ProviderKind.OLLAMA, num_ctx=9000))
    assert server.requests[0].body["options"]["num_ctx"] == 9000
    assert server.requests[0].body["truncate"] is False


def test_a_prompt_too_long_for_ollama_never_leaves(server: FakeLlmServer) -> None:
    """C9: estimated before, not found out after."""
    ticket = TriageInput("network " * 3000)
    error = failure_of(lambda: ask(client_at(server, ProviderKind.OLLAMA, num_ctx=4096), ticket=ticket))
    assert error.kind is FailureKind.CONTEXT_OVERFLOW
    assert server.requests == []


def test_the_environment_adds_no_organisation_to_a_clients_own_key(
    server: FakeLlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C9: per client with its own credentials."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-somebody-else")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-somebody-else")
    ask(client_at(server))
    assert "somebody-else" not in str(server.requests[0].headers)
    assert server.requests[0].headers["authorization"] == "Bearer key-1"


def test_a_lone_surrogate_in_a_ticket_is_sent_as_a_question_mark(server: FakeLlmServer) -> None:
    """C20: a character that cannot be encoded does not cost the ticket its answer."""
    assert ask(client_at(server), ticket=TriageInput("network \ud800 down")).parsed.category == "network"
