"""Redaction gate, cache, budget, rate limit, fallbacks: each layer through the whole stack."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from classifier.engine.types import TriageInput
from classifier.llm.budget import Budget, BudgetLimits, Period, period_end
from classifier.llm.config import LayerSettings, ProviderKind
from classifier.llm.deadline import Deadline
from classifier.llm.rate_limit import TokenBucket
from classifier.llm.redaction_gate import redact_messages
from classifier.llm.stack import build_client
from classifier.llm.state import InMemoryState
from classifier.llm.types import Departure, FailureKind, LlmError, Message
from classifier.tests.llm.support import (
    SCHEMA,
    FakeClock,
    ListLedger,
    ask,
    client_at,
    failure_of,
    provider,
    surroundings,
)
from tests.fakes.llm_server import FakeLlmServer, Fault, refused_url

PRIVATE = TriageInput("The network is down. Mail jane.roe@example.com, password: hunter2!x", subject="Help")


def limits(daily: str | None = None, monthly: str | None = None) -> BudgetLimits:
    return BudgetLimits(Decimal(daily) if daily else None, Decimal(monthly) if monthly else None)


def test_personal_data_does_not_leave_and_the_ledger_has_what_did(server: FakeLlmServer) -> None:
    """C21: what the ledger shows is what the server saw."""
    ledger = ListLedger()
    completion = ask(client_at(server, around=surroundings(ledger=ledger)), ticket=PRIVATE)
    sent = str(server.requests[0].body)
    assert "jane.roe" not in sent
    assert "hunter2" not in sent
    departure = ledger.departures[0]
    assert [message["content"] for message in server.requests[0].body["messages"]] == [
        message.text for message in departure.messages
    ]
    assert (departure.client, departure.reference, departure.provider) == ("acme", "SW-1", "openai")
    assert "jane.roe@example.com" in completion.placeholders.values()
    assert ledger.settlements[0].kind is None
    assert ledger.settlements[0].cost == Decimal("0.002")


def test_a_ledger_that_cannot_write_stops_the_call(server: FakeLlmServer) -> None:
    """C21: nothing leaves without a record."""

    class FullLedger(ListLedger):
        def left(self, departure: Departure) -> None:
            raise OSError("The disk is full.")

    with pytest.raises(OSError, match="full"):
        ask(client_at(server, around=surroundings(ledger=FullLedger())))
    assert server.requests == []


def test_a_failed_call_is_settled_with_its_kind(server: FakeLlmServer) -> None:
    """C21: the ledger also shows what left in vain."""
    ledger = ListLedger()
    server.always(Fault.REFUSAL)
    failure_of(lambda: ask(client_at(server, around=surroundings(ledger=ledger))))
    assert [item.kind for item in ledger.settlements] == [FailureKind.REFUSAL]
    assert ledger.settlements[0].cost == Decimal("0.002")


def test_a_client_that_forbids_external_models_is_obeyed(server: FakeLlmServer) -> None:
    """C21: enforced in the client layer; only a provider marked internal may be asked."""
    ledger = ListLedger()
    around = surroundings(allows_external=lambda client: client != "acme", ledger=ledger)
    for kind in (ProviderKind.OPENAI, ProviderKind.OLLAMA):
        error = failure_of(lambda kind=kind: ask(client_at(server, kind, around=around)))  # type: ignore[misc]
        assert (error.kind, error.permanent) == (FailureKind.BLOCKED_BY_CLIENT, True)
    assert server.requests == []
    assert ledger.departures == []
    assert ask(client_at(server, ProviderKind.OLLAMA, internal=True, around=around)).provider == "ollama"


def test_one_numbering_of_placeholders_spans_all_messages() -> None:
    """C21: the same value is the same placeholder in every message, another value another one."""
    around = surroundings()
    messages = (
        Message("user", "a@example.com\x1eb@example.com", before="x@example.com "),
        Message("user", "b@example.com"),
    )
    cleaned, placeholders = redact_messages(messages, around.redact)
    assert cleaned[0].text == "x@example.com [EMAIL_1] [EMAIL_2]"
    assert cleaned[1].text == "[EMAIL_2]"
    assert len(placeholders) == 2


def test_the_same_question_is_asked_once_an_hour(server: FakeLlmServer) -> None:
    """C11: the cache answers for free, and the ledger shows that nothing left."""
    clock, ledger = FakeClock(), ListLedger()
    around = surroundings(
        settings=LayerSettings(cache_seconds=3600), state=InMemoryState(clock), clock=clock, ledger=ledger
    )
    llm = client_at(server, around=around)
    first, second = ask(llm), ask(llm)
    assert (first.cached, second.cached) == (False, True)
    assert second.parsed == first.parsed
    assert second.cost == 0
    assert len(server.requests) == len(ledger.departures) == len(ledger.settlements) == 1
    clock.forward(3601)
    assert not ask(llm).cached


def test_clients_prompts_and_models_never_share_a_cached_answer(server: FakeLlmServer) -> None:
    """C11: keyed by client, content, prompt version and model."""
    around = surroundings(settings=LayerSettings(cache_seconds=3600))
    llm, other = client_at(server, around=around), client_at(server, model="other", around=around)
    messages = (Message("user", "network"),)

    def complete(which: Any, client: str, version: str) -> bool:
        deadline = Deadline.after(5)
        return bool(
            which.complete(messages, SCHEMA, client=client, deadline=deadline, prompt_version=version).cached
        )

    calls = [(llm, "a", "1"), (llm, "b", "1"), (llm, "a", "2"), (other, "a", "1"), (llm, "a", "1")]
    assert [complete(*call) for call in calls] == [False, False, False, False, True]


def test_unusable_answers_are_not_cached(server: FakeLlmServer) -> None:
    """C11: only accepted answers are kept."""
    llm = client_at(server, around=surroundings(settings=LayerSettings(cache_seconds=3600)))
    server.faults(Fault.REFUSAL)
    failure_of(lambda: ask(llm))
    assert not ask(llm).cached


def test_a_spent_budget_stops_before_anything_leaves(server: FakeLlmServer) -> None:
    """C11: the daily limit leaves room for two calls; the wait is until midnight UTC, capped."""
    settings = LayerSettings(cache_seconds=0, daily_budget=Decimal("0.025"))
    llm = client_at(server, around=surroundings(settings=settings))
    assert ask(llm).cost == ask(llm).cost == Decimal("0.002")
    server.always(Fault.NONE)
    errors = [failure_of(lambda: ask(llm, ticket=TriageInput("network " * 900))) for _ in range(2)]
    assert {error.kind for error in errors} == {FailureKind.BUDGET_SPENT}
    assert errors[0].retry_after_seconds is not None
    assert len(server.requests) == 2


def test_a_provider_without_a_price_needs_no_budget(server: FakeLlmServer) -> None:
    """C11: an internal model goes on answering."""
    settings = LayerSettings(cache_seconds=0, daily_budget=Decimal(0))
    llm = client_at(
        server,
        ProviderKind.OLLAMA,
        price_input=Decimal(0),
        price_output=Decimal(0),
        around=surroundings(settings=settings),
    )
    assert ask(llm).parsed.category == "network"


def test_parallel_calls_cannot_overdraw_the_budget() -> None:
    """C11: what a call may cost is set aside before it starts."""
    budget = Budget(InMemoryState(), limits=lambda scope: limits(daily="1"))
    granted: list[int] = []

    def worker() -> None:
        try:
            budget.reserve(("client:acme",), Decimal("0.3"))
        except LlmError:
            return
        granted.append(1)

    threads = [threading.Thread(target=worker) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) <= 3
    assert granted


def test_a_refused_reservation_leaves_nothing_behind() -> None:
    """C11: a month that is spent does not eat up the day."""
    state = InMemoryState()
    budget = Budget(state, limits=lambda scope: limits(daily="1", monthly="0.5"))
    for _ in range(5):
        failure_of(lambda: budget.reserve(("client:acme",), Decimal("0.6")))
    budget.reserve(("client:acme",), Decimal("0.5"))


def test_a_lost_counter_starts_at_what_the_ledger_says() -> None:
    """C11: flushing the cache gives no money back."""
    clock = FakeClock()
    budget = Budget(
        InMemoryState(clock),
        limits=lambda scope: limits(daily="1"),
        spent_since=lambda scope, since: Decimal("0.9"),
        clock=clock,
    )
    error = failure_of(lambda: budget.reserve(("client:acme",), Decimal("0.2")))
    assert error.kind is FailureKind.BUDGET_SPENT
    budget.reserve(("client:acme",), Decimal("0.1"))


def test_months_end_at_their_end() -> None:
    """C11: also in December and in February."""
    new_year = datetime(2028, 1, 1, tzinfo=UTC)
    assert period_end(datetime(2027, 12, 31, 23, tzinfo=UTC), Period.MONTH) == new_year
    assert period_end(datetime(2028, 2, 29, tzinfo=UTC), Period.MONTH) == datetime(2028, 3, 1, tzinfo=UTC)
    assert period_end(datetime(2028, 2, 28, 5, tzinfo=UTC), Period.DAY) == datetime(2028, 2, 29, tzinfo=UTC)


def test_the_bucket_refills_evenly_and_never_above_its_brim() -> None:
    """C11: five at once, then one a second, and a night's rest saves up no more than five."""
    clock = FakeClock()
    bucket = TokenBucket(InMemoryState(clock), "p", rate_per_minute=60, burst=5, clock=clock)
    assert [bucket.take() for _ in range(5)] == [0.0] * 5
    assert bucket.take() == pytest.approx(1.0)
    clock.forward(1)
    assert bucket.take() == 0.0
    assert bucket.take() > 0.0
    clock.forward(8 * 3600)
    assert sum(bucket.take() == 0.0 for _ in range(20)) == 5
    clock.forward(25 * 3600)
    assert sum(bucket.take() == 0.0 for _ in range(20)) == 5


def test_many_workers_share_one_bucket() -> None:
    """C11: forty threads, ten tokens."""
    state, clock = InMemoryState(), FakeClock()
    waits: list[float] = []

    def worker() -> None:
        waits.append(TokenBucket(state, "p", rate_per_minute=1, burst=10, clock=clock).take())

    threads = [threading.Thread(target=worker) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(wait == 0.0 for wait in waits) <= 10
    assert sum(wait == 0.0 for wait in waits) > 0


def test_without_a_token_nothing_is_sent_and_nobody_waits(server: FakeLlmServer) -> None:
    """C11: LLM_RATE_PER_MINUTE takes effect."""
    clock = FakeClock()
    settings = LayerSettings(cache_seconds=0, rate_per_minute=4)
    llm = client_at(server, around=surroundings(settings=settings, state=InMemoryState(clock), clock=clock))
    ask(llm)
    error = failure_of(lambda: ask(llm))
    assert (error.kind, error.permanent) == (FailureKind.THROTTLED, False)
    assert error.retry_after_seconds == pytest.approx(15.0)
    assert len(server.requests) == 1


def test_after_a_429_all_workers_keep_quiet_as_long_as_asked(server: FakeLlmServer) -> None:
    """C11: Retry-After holds for everybody who shares the credential."""
    clock = FakeClock()
    around = surroundings(state=InMemoryState(clock), clock=clock)
    server.faults(Fault.HTTP_429)
    failure_of(lambda: ask(client_at(server, around=around)))
    error = failure_of(lambda: ask(client_at(server, around=around)))
    assert (error.kind, error.retry_after_seconds) == (FailureKind.THROTTLED, pytest.approx(40.0))
    clock.forward(41)
    assert ask(client_at(server, around=around)).parsed.category == "network"


@pytest.mark.parametrize("fault", [Fault.HTTP_401, Fault.REFUSAL, Fault.HTTP_503, Fault.CHOICES_NULL])
def test_the_next_provider_answers_and_the_failure_is_kept(server: FakeLlmServer, fault: Fault) -> None:
    """C9: ordered fallbacks."""
    with FakeLlmServer() as second:
        server.always(fault)
        configs = [provider(server.url), provider(second.url, ProviderKind.GROQ)]
        completion = ask(build_client(configs, surroundings()))
    assert completion.provider == "groq"
    assert [error.provider for error in completion.earlier] == ["openai"]


def test_a_hanging_first_provider_leaves_time_for_the_second(server: FakeLlmServer) -> None:
    """C9, C11: one total deadline over all."""
    with FakeLlmServer() as hanging:
        hanging.always(Fault.HANG)
        configs = [provider(hanging.url), provider(server.url, ProviderKind.GROQ)]
        started = time.monotonic()
        completion = ask(build_client(configs, surroundings()), seconds=5.0)
    assert completion.provider == "groq"
    assert time.monotonic() - started < 5


def test_the_total_deadline_holds_when_all_providers_hang(server: FakeLlmServer) -> None:
    """C11: three hanging providers cost one deadline, not three."""
    server.always(Fault.HANG)
    configs = [provider(server.url, model=f"model-{number}") for number in range(3)]
    started = time.monotonic()
    error = failure_of(lambda: ask(build_client(configs, surroundings()), seconds=4.0))
    assert time.monotonic() - started < 8  # three deadlines would be twelve
    assert error.kind is FailureKind.TIMEOUT
    assert len(error.earlier) == 2


def test_the_failure_that_may_pass_decides_whether_to_try_again(server: FakeLlmServer) -> None:
    """C11: one provider's wrong key does not make another's outage permanent."""
    server.always(Fault.HTTP_401)
    configs = [provider(refused_url()), provider(server.url, ProviderKind.GROQ)]
    error = failure_of(lambda: ask(build_client(configs, surroundings())))
    assert (error.kind, error.permanent) == (FailureKind.CONNECT, False)
    assert [earlier.kind for earlier in error.earlier] == [FailureKind.AUTH]


def test_without_providers_or_without_a_client_nothing_is_asked() -> None:
    """C9, C21: the tenant is mandatory."""
    empty = build_client([], surroundings())
    assert not empty.configured
    assert failure_of(lambda: ask(empty)).kind is FailureKind.NO_PROVIDER
    with pytest.raises(ValueError, match="client"):
        empty.complete((), SCHEMA, client="", deadline=Deadline.after(1))


def test_forty_threads_share_one_client(server: FakeLlmServer) -> None:
    """C11: the worker pool is one of threads."""
    llm = client_at(server)
    categories: list[str] = []

    def worker() -> None:
        categories.append(ask(llm).parsed.category)

    threads = [threading.Thread(target=worker) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert categories == ["network"] * 40
