"""Three models side by side over real HTTP: votes, failures, deadline, and whose thread does what."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from classifier.llm.config import LayerSettings, ProviderKind
from classifier.llm.deadline import Deadline
from classifier.llm.ensemble import LlmEnsemble, build_ensemble
from classifier.llm.errands import CallerGoneError, Errands, by_caller, side_by_side
from classifier.llm.state import InMemoryState
from classifier.llm.types import Departure, FailureKind, LlmError, Message, Settlement
from classifier.tests.llm.support import ListLedger, ask, failure_of, provider, surroundings
from tests.fakes.llm_server import FakeLlmServer, Fault, refused_url, sample_answer

KINDS = (ProviderKind.OPENAI, ProviderKind.GROQ, ProviderKind.OLLAMA)
Servers = tuple[FakeLlmServer, FakeLlmServer, FakeLlmServer]


@pytest.fixture
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield (
            stack.enter_context(FakeLlmServer()),
            stack.enter_context(FakeLlmServer()),
            stack.enter_context(FakeLlmServer()),
        )


def says(server: FakeLlmServer, category: str, confidence: float = 0.9) -> None:
    """Have a server name a category."""
    server.answer = lambda body: {**sample_answer(body), "category": category, "confidence": confidence}


def ensemble_at(servers: Servers, **changes: Any) -> LlmEnsemble:
    """One model a server, of three families."""
    configs = [provider(server.url, kind) for server, kind in zip(servers, KINDS, strict=True)]
    return build_ensemble(configs, surroundings(**changes))


def test_the_majority_wins_in_the_words_of_its_surest_model(servers: Servers) -> None:
    """C9: two agree; the third is surer and outvoted."""
    says(servers[0], "network", 0.6)
    says(servers[1], "hardware", 1.0)
    says(servers[2], "network", 0.7)
    completion = ask(ensemble_at(servers))
    assert (completion.parsed.category, completion.parsed.confidence) == ("network", 0.7)
    assert completion.provider == "ollama"
    assert completion.earlier == ()
    assert [len(server.requests) for server in servers] == [1, 1, 1]


def test_cost_and_usage_are_those_of_all_models(servers: Servers) -> None:
    """C9, C11: the losers and an answer that could not be used are paid for as well."""
    servers[1].always(Fault.REFUSAL)
    ledger = ListLedger()
    completion = ask(ensemble_at(servers, ledger=ledger))
    assert completion.cost == sum(item.cost for item in ledger.settlements)
    assert completion.cost > Decimal("0.004")
    assert completion.usage.output_tokens == 300
    assert completion.usage.input_tokens == sum(item.usage.input_tokens for item in ledger.settlements)


def test_a_tie_goes_to_the_highest_stated_confidence(servers: Servers) -> None:
    """C9: one vote each; among equals the model that comes first."""
    servers[0].always(Fault.HTTP_503)
    says(servers[1], "network", 0.7)
    says(servers[2], "hardware", 0.8)
    assert ask(ensemble_at(servers)).parsed.category == "hardware"
    says(servers[2], "hardware", 0.7)
    assert ask(ensemble_at(servers)).parsed.category == "network"


def test_a_model_that_hangs_has_no_vote_and_costs_no_more_than_the_deadline(servers: Servers) -> None:
    """C9, C11: one deadline over all; the failure is kept."""
    says(servers[0], "hardware")
    servers[1].always(Fault.HANG)
    says(servers[2], "hardware")
    started = time.monotonic()
    completion = ask(ensemble_at(servers), seconds=1.0)
    assert time.monotonic() - started < 8  # the server that hangs would keep the caller for far longer
    assert completion.parsed.category == "hardware"
    assert [(item.provider, item.kind) for item in completion.earlier] == [("groq", FailureKind.TIMEOUT)]


def test_slow_models_are_waited_for_at_the_same_time(servers: Servers) -> None:
    """C9: none of three models answers before all three have been asked."""
    together = threading.Barrier(len(servers), timeout=5)

    def once_all_are_asked(body: dict[str, Any]) -> dict[str, Any]:
        together.wait()
        return sample_answer(body)

    for server in servers:
        server.answer = once_all_are_asked
    assert ask(ensemble_at(servers), seconds=8.0).earlier == ()
    assert not together.broken


def test_one_answer_is_enough(servers: Servers) -> None:
    """C9: with one model left it is as if it had been asked alone."""
    servers[0].always(Fault.HTTP_401)
    servers[1].always(Fault.INVALID_JSON)
    completion = ask(ensemble_at(servers))
    assert (completion.parsed.category, completion.provider) == ("network", "ollama")
    kinds = [item.kind for item in completion.earlier]
    assert kinds == [FailureKind.AUTH, FailureKind.NOT_JSON, FailureKind.NOT_JSON]


def test_when_all_fail_the_failure_that_may_pass_decides(servers: Servers) -> None:
    """C9, C11: the same error as from the chain, with every other failure in it."""
    servers[0].always(Fault.HTTP_401)
    servers[1].always(Fault.HTTP_503)
    servers[2].always(Fault.HTTP_404)
    error = failure_of(lambda: ask(ensemble_at(servers)))
    assert (error.kind, error.provider, error.permanent) == (FailureKind.HTTP_5XX, "groq", False)
    assert error.retry_after_seconds == 7
    assert FailureKind.AUTH in {item.kind for item in error.earlier}
    assert len(error.earlier) == 2


def test_all_hanging_or_refusing_ends_at_the_deadline(servers: Servers) -> None:
    """C11: the wall clock holds for the ensemble."""
    for server in servers:
        server.always(Fault.HANG)
    started = time.monotonic()
    assert failure_of(lambda: ask(ensemble_at(servers), seconds=1.5)).kind is FailureKind.TIMEOUT
    assert time.monotonic() - started < 4  # one after the other would be 4.5
    configs = [provider(refused_url(), kind) for kind in KINDS]
    error = failure_of(lambda: ask(build_ensemble(configs, surroundings())))
    assert error.kind is FailureKind.CONNECT


def test_a_client_that_forbids_external_models_sends_nothing(servers: Servers) -> None:
    """C21: the gate stands before every member."""
    error = failure_of(lambda: ask(ensemble_at(servers, allows_external=lambda client: False)))
    assert error.kind is FailureKind.BLOCKED_BY_CLIENT
    assert [server.requests for server in servers] == [[], [], []]


def test_whatever_touches_the_application_runs_in_the_callers_thread(servers: Servers) -> None:
    """C21: ledger, cache, budgets and breakers keep the caller's connection and transaction."""
    seen: list[str] = []

    def note(_: object) -> bool:
        seen.append(threading.current_thread().name)
        return True

    class WatchedLedger(ListLedger):
        def left(self, departure: Departure) -> None:
            note(departure)
            super().left(departure)

        def settled(self, settlement: Settlement) -> None:
            note(settlement)
            super().settled(settlement)

    class WatchedState(InMemoryState):
        def get(self, key: str, default: object = None) -> object:
            note(key)
            return super().get(key, default)

    ledger = WatchedLedger()
    llm = ensemble_at(
        servers,
        ledger=ledger,
        state=WatchedState(),
        allows_external=note,
        settings=LayerSettings(cache_seconds=60),
    )
    first, second = ask(llm), ask(llm)
    assert set(seen) == {threading.current_thread().name}
    assert len(ledger.departures) == len(ledger.settlements) == 3
    assert (first.cached, second.cached, second.cost) == (False, True, Decimal(0))


def test_a_ledger_that_cannot_write_stops_the_call(servers: Servers) -> None:
    """C21: nothing leaves without a record, from no thread."""

    class FullLedger(ListLedger):
        def left(self, departure: Departure) -> None:
            raise OSError("The disk is full.")

    with pytest.raises(OSError, match="full"):
        ask(ensemble_at(servers, ledger=FullLedger()))
    assert [server.requests for server in servers] == [[], [], []]


def test_only_answers_with_a_category_can_be_voted_on(servers: Servers) -> None:
    """C9: any other question is refused before it leaves."""

    class Other(BaseModel):
        text: str

    with pytest.raises(TypeError, match="category"):
        ensemble_at(servers).complete(
            [Message("user", "x")], Other, client="acme", deadline=Deadline.after(1)
        )
    assert [server.requests for server in servers] == [[], [], []]
    with pytest.raises(ValueError, match="needs a model"):
        build_ensemble([], surroundings())


def test_threads_have_the_callers_context_and_return_in_order() -> None:
    """C11: request ids of the log follow into the threads."""
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")
    name.set("request-1")

    def slow() -> str:
        time.sleep(0.1)
        return f"slow {name.get()}"

    def failing() -> str:
        raise LlmError(FailureKind.REFUSAL, "No.")

    slow_end, failed, quick = side_by_side([slow, failing, lambda: f"quick {name.get()}"])
    assert (slow_end.result(), quick.result()) == ("slow request-1", "quick request-1")
    assert isinstance(failed.exception(), LlmError)


def test_an_errand_raises_where_it_was_asked_for() -> None:
    """C11: the caller goes on serving the others."""

    def fail() -> None:
        raise KeyError("gone")

    def careful() -> str:
        try:
            by_caller(fail)()
        except KeyError:
            return by_caller(threading.current_thread)().name
        return ""

    assert side_by_side([careful])[0].result() == threading.current_thread().name
    with pytest.raises(KeyError):
        by_caller(fail)()


def test_no_thread_waits_for_a_caller_that_has_left() -> None:
    """C11: an interrupted caller refuses what is waiting and what comes later."""
    errands = Errands()
    waiting = errands.start(lambda: errands.run(lambda: "never"))
    time.sleep(0.1)
    errands.close()
    assert isinstance(waiting.exception(timeout=2), CallerGoneError)
    with pytest.raises(CallerGoneError):
        errands.run(lambda: "never")
