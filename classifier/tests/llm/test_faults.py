"""Every fault over real HTTP: named kind, class, one request only, deadline kept."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from classifier.llm.config import ProviderKind
from classifier.llm.deadline import abandoned_calls
from classifier.llm.types import CLASS_OF, FailureClass, FailureKind
from classifier.tests.llm.support import ask, client_at, failure_of
from tests.fakes.llm_server import FakeLlmServer, Fault, refused_url

C, T, X = FailureClass.CONFIGURATION, FailureClass.TICKET, FailureClass.TRANSIENT
K = FailureKind
CHAT_KINDS = [ProviderKind.OPENAI, ProviderKind.GROQ]

AT_ONCE = [
    (Fault.DISCONNECT, K.CONNECT, X),
    (Fault.CUT_BODY, K.CONNECT, X),
    (Fault.HTML, K.HTML_PAGE, X),
    (Fault.LIST_BODY, K.EMPTY_CHOICES, X),
    (Fault.CHOICES_NULL, K.EMPTY_CHOICES, X),
    (Fault.CHOICES_EMPTY, K.EMPTY_CHOICES, X),
    (Fault.CONTENT_EMPTY, K.EMPTY_CHOICES, X),
    (Fault.ERROR_IN_200, K.ERROR_IN_200, X),
    (Fault.OVERSIZED, K.OVERSIZED, X),
    (Fault.HTTP_400, K.BAD_REQUEST, X),
    (Fault.HTTP_408, K.TIMEOUT, X),
    (Fault.HTTP_429, K.RATE_LIMITED, X),
    (Fault.HTTP_500, K.HTTP_5XX, X),
    (Fault.HTTP_503, K.HTTP_5XX, X),
    (Fault.LENGTH, K.LENGTH, T),
    (Fault.CONTENT_FILTER, K.CONTENT_FILTER, T),
    (Fault.TOOL_CALLS, K.BAD_FINISH, T),
    (Fault.REFUSAL, K.REFUSAL, T),
    (Fault.AZURE_FILTER, K.CONTENT_FILTER, T),
    (Fault.HTTP_400_CONTEXT, K.CONTEXT_OVERFLOW, T),
    (Fault.REDIRECT, K.REDIRECT, C),
    (Fault.HTTP_400_SCHEMA, K.SCHEMA_REJECTED, C),
    (Fault.HTTP_401, K.AUTH, C),
    (Fault.HTTP_403, K.AUTH, C),
    (Fault.HTTP_404, K.NOT_FOUND, C),
    (Fault.QUOTA, K.QUOTA_EXHAUSTED, C),
    (Fault.DECOMMISSIONED, K.MODEL_DECOMMISSIONED, C),
]
WORTH_A_REPAIR = [
    (Fault.INVALID_JSON, K.NOT_JSON),
    (Fault.NOT_JSON_BODY, K.NOT_JSON),
    (Fault.GZIP_BROKEN, K.NOT_JSON),
    (Fault.NAN, K.NOT_JSON),
    (Fault.DEEP_JSON, K.NOT_JSON),
    (Fault.HTTP_400_GENERATION, K.NOT_JSON),
    (Fault.MISSING_FIELD, K.SCHEMA_INVALID),
    (Fault.UNKNOWN_CATEGORY, K.UNKNOWN_CATEGORY),
    (Fault.CONFIDENCE_7, K.BAD_CONFIDENCE),
    (Fault.CONFIDENCE_TEXT, K.BAD_CONFIDENCE),
]


@pytest.mark.parametrize("provider_kind", CHAT_KINDS)
@pytest.mark.parametrize(("fault", "kind", "failure_class"), AT_ONCE, ids=str)
def test_a_fault_has_a_name_and_a_class_and_the_sdk_does_not_retry(
    server: FakeLlmServer,
    provider_kind: ProviderKind,
    fault: Fault,
    kind: FailureKind,
    failure_class: FailureClass,
) -> None:
    """C9, C11: one request, one named failure."""
    server.always(fault)
    started = time.monotonic()
    error = failure_of(lambda: ask(client_at(server, provider_kind)))
    assert (error.kind, error.failure_class) == (kind, failure_class)
    assert len(server.requests) == 1
    assert time.monotonic() - started < 3.0
    assert error.provider == provider_kind.value


@pytest.mark.parametrize("provider_kind", [ProviderKind.OPENAI, ProviderKind.GROQ, ProviderKind.OLLAMA])
@pytest.mark.parametrize(("fault", "kind"), WORTH_A_REPAIR, ids=str)
def test_an_answer_of_the_wrong_shape_is_asked_for_once_more_and_then_named(
    server: FakeLlmServer, provider_kind: ProviderKind, fault: Fault, kind: FailureKind
) -> None:
    """C9: one repair attempt, then a per-ticket failure."""
    server.always(fault)
    error = failure_of(lambda: ask(client_at(server, provider_kind)))
    assert (error.kind, error.failure_class) == (kind, FailureClass.TICKET)
    assert len(server.requests) == 2
    assert [earlier.kind for earlier in error.earlier] == [kind]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.LENGTH, K.LENGTH),
        (Fault.HTML, K.HTML_PAGE),
        (Fault.ERROR_IN_200, K.ERROR_IN_200),
        (Fault.LIST_BODY, K.EMPTY_CHOICES),
        (Fault.REFUSAL, K.EMPTY_CHOICES),
        (Fault.HTTP_404, K.NOT_FOUND),
        (Fault.HTTP_500, K.HTTP_5XX),
        (Fault.REDIRECT, K.REDIRECT),
        (Fault.OVERSIZED, K.OVERSIZED),
        (Fault.DISCONNECT, K.CONNECT),
        (Fault.TRUNCATED_PROMPT, K.CONTEXT_OVERFLOW),
    ],
)
def test_ollama_faults_have_names_too(server: FakeLlmServer, fault: Fault, kind: FailureKind) -> None:
    """C9: the native chat route is judged like the others."""
    server.always(fault)
    error = failure_of(lambda: ask(client_at(server, ProviderKind.OLLAMA)))
    assert error.kind is kind
    assert len(server.requests) == 1
    assert server.requests[0].path == "/api/chat"


@pytest.mark.parametrize("provider_kind", [ProviderKind.OPENAI, ProviderKind.GROQ, ProviderKind.OLLAMA])
@pytest.mark.parametrize("fault", [Fault.SLOW_DRIP, Fault.DRIP_HEADERS, Fault.HANG])
def test_the_wall_clock_ends_a_call_however_slowly_bytes_arrive(
    server: FakeLlmServer, provider_kind: ProviderKind, fault: Fault
) -> None:
    """C11: a byte now and then does not restart the deadline, and the thread left behind ends."""
    server.drip_seconds = 0.1
    server.always(fault)
    started = time.monotonic()
    error = failure_of(lambda: ask(client_at(server, provider_kind), seconds=0.7))
    assert time.monotonic() - started < 4
    assert (error.kind, error.failure_class) == (K.TIMEOUT, X)
    assert not error.permanent
    until = time.monotonic() + 2.0
    while abandoned_calls.count and time.monotonic() < until:
        time.sleep(0.02)
    assert abandoned_calls.count == 0


@pytest.mark.parametrize("provider_kind", [ProviderKind.OPENAI, ProviderKind.GROQ, ProviderKind.OLLAMA])
def test_a_closed_port_is_a_failed_connection(provider_kind: ProviderKind) -> None:
    """C11: refused connections are transient."""
    started = time.monotonic()
    error = failure_of(lambda: ask(client_at(refused_url(), provider_kind)))
    assert (error.kind, error.failure_class) == (K.CONNECT, X)
    assert time.monotonic() - started < 3.0


@pytest.mark.parametrize("provider_kind", [ProviderKind.OPENAI, ProviderKind.GROQ, ProviderKind.OLLAMA])
def test_a_compressed_bomb_is_cut_off_before_it_unfolds(
    server: FakeLlmServer, provider_kind: ProviderKind
) -> None:
    """C11: half a gigabyte behind half a megabyte costs us next to nothing."""
    server.always(Fault.GZIP_BOMB)
    llm = client_at(server, provider_kind)
    tracemalloc.start()
    error = failure_of(lambda: ask(llm, seconds=20.0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (error.kind, error.failure_class) == (K.OVERSIZED, X)
    assert peak < 20_000_000


def test_retry_after_is_carried_in_seconds_and_never_slept(server: FakeLlmServer) -> None:
    """C11: the job row waits, not the worker; a quarter of an hour at most."""
    server.faults(Fault.HTTP_429, Fault.HTTP_429_DATE, Fault.HTTP_503)
    started = time.monotonic()
    seconds = [failure_of(lambda: ask(client_at(server))).retry_after_seconds for _ in range(3)]
    assert seconds == [40.0, 900.0, 7.0]
    assert time.monotonic() - started < 3.0


def test_a_redirect_is_not_followed(server: FakeLlmServer) -> None:
    """C11: the key and the ticket go to the configured address only."""
    server.always(Fault.REDIRECT)
    failure_of(lambda: ask(client_at(server)))
    assert [request.path for request in server.requests] == ["/v1/chat/completions"]


def test_proxy_variables_are_ignored(server: FakeLlmServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """C11: an environment made for something else does not see the tickets."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, refused_url())
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    for kind in (ProviderKind.OPENAI, ProviderKind.GROQ, ProviderKind.OLLAMA):
        assert ask(client_at(server, kind)).parsed.category == "network"


def test_every_kind_belongs_to_exactly_one_class() -> None:
    """C9: no failure without a consequence."""
    assert set(CLASS_OF) == set(FailureKind)
