"""The breaker: window, doubling, one probe, two good ones, a store that fails or forgets."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import pytest

from classifier.llm.breaker import Breaker, BreakerChange, BreakerPolicy, BreakerState, Permit
from classifier.llm.config import LayerSettings, ProviderKind
from classifier.llm.stack import breaker_for
from classifier.llm.state import DegradingState, InMemoryState
from classifier.llm.types import FailureKind, LlmError
from classifier.tests.llm.support import FakeClock, ask, client_at, failure_of, provider, surroundings
from tests.fakes.llm_server import FakeLlmServer, Fault

DOWN = FailureKind.HTTP_5XX


class BrokenState(InMemoryState):
    """A store that raises like a Redis that is gone, while told to."""

    broken = True

    def _check(self) -> None:
        if self.broken:
            raise ConnectionError("The store is gone.")

    def get(self, key: str, default: object = None) -> object:
        self._check()
        return super().get(key, default)

    def get_many(self, keys: Iterable[str]) -> dict[str, object]:
        self._check()
        return super().get_many(keys)

    def set(self, key: str, value: object, timeout: float | None = None) -> object:
        self._check()
        return super().set(key, value, timeout)

    def add(self, key: str, value: object, timeout: float | None = None) -> bool:
        self._check()
        return super().add(key, value, timeout)

    def incr(self, key: str, delta: int = 1) -> int:
        self._check()
        return super().incr(key, delta)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def state(clock: FakeClock) -> InMemoryState:
    return InMemoryState(clock)


@pytest.fixture
def breaker(state: InMemoryState, clock: FakeClock) -> Breaker:
    return Breaker(state, "p", clock=clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.failure(Permit(), DOWN)


def state_of(breaker: Breaker) -> BreakerState:
    return breaker.snapshot().record.state


def test_it_stays_closed_below_ten_calls(breaker: Breaker) -> None:
    """C11: nine failures in a row are too few to judge."""
    fail(breaker, 9)
    assert state_of(breaker) is BreakerState.CLOSED


def test_it_opens_on_half_of_ten_calls_however_they_are_mixed(breaker: Breaker) -> None:
    """C11: a share, not a streak."""
    for _ in range(5):
        breaker.success(breaker.permit())
        breaker.failure(breaker.permit(), DOWN)
    assert state_of(breaker) is BreakerState.OPEN
    error = failure_of(breaker.permit)
    assert error.kind is FailureKind.BREAKER_OPEN
    assert error.retry_after_seconds == pytest.approx(30.0)


def test_it_stays_closed_below_half(breaker: Breaker) -> None:
    """C11: four failures in ten are weather."""
    for _ in range(6):
        breaker.success(Permit())
    fail(breaker, 4)
    assert state_of(breaker) is BreakerState.CLOSED


def test_failures_older_than_the_window_are_forgotten(breaker: Breaker, clock: FakeClock) -> None:
    """C11: sixty seconds."""
    fail(breaker, 9)
    clock.forward(66)
    fail(breaker, 9)
    assert state_of(breaker) is BreakerState.CLOSED


def test_exactly_one_of_many_threads_gets_the_probe(
    breaker: Breaker, state: InMemoryState, clock: FakeClock
) -> None:
    """C11: a lease, so that a recovering provider is not run over."""
    fail(breaker, 10)
    clock.forward(31)
    got: list[Permit] = []
    refused: list[FailureKind] = []
    gate = threading.Barrier(20)

    def worker() -> None:
        own = Breaker(state, "p", clock=clock)
        gate.wait()
        try:
            got.append(own.permit())
        except LlmError as error:
            refused.append(error.kind)

    threads = [threading.Thread(target=worker) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    assert refused == [FailureKind.BREAKER_OPEN] * 19


def test_two_good_probes_close_it_and_the_old_failures_do_not_reopen_it(
    breaker: Breaker, clock: FakeClock
) -> None:
    """C11: closed means a fresh window."""
    fail(breaker, 10)
    clock.forward(31)
    breaker.success(breaker.permit())
    assert state_of(breaker) is BreakerState.OPEN
    breaker.success(breaker.permit())
    assert state_of(breaker) is BreakerState.CLOSED
    fail(breaker, 9)
    assert state_of(breaker) is BreakerState.CLOSED


def test_each_bad_probe_doubles_the_wait_up_to_ten_minutes(breaker: Breaker, clock: FakeClock) -> None:
    """C11: 60, 120, 240, 480, 600, 600 after the first 30."""
    fail(breaker, 10)
    waits = []
    for _ in range(6):
        clock.forward(breaker.snapshot().record.until - clock.now)
        breaker.failure(breaker.permit(), DOWN)
        waits.append(round(breaker.snapshot().record.until - clock.now))
    assert waits == [60, 120, 240, 480, 600, 600]


def test_a_probe_that_never_comes_back_frees_its_lease(breaker: Breaker, clock: FakeClock) -> None:
    """C11: a killed worker does not keep the breaker open for ever; its late verdict counts no more."""
    fail(breaker, 10)
    clock.forward(31)
    lost = breaker.permit()
    clock.forward(31)
    breaker.success(breaker.permit())
    breaker.failure(lost, DOWN)
    assert breaker.snapshot().record.good_probes == 1


def test_a_configuration_alarm_pauses_at_once_and_is_reported_once(
    state: InMemoryState, clock: FakeClock
) -> None:
    """C11: one 401 is enough."""
    changes: list[BreakerChange] = []
    breaker = Breaker(state, "p", clock=clock, on_change=changes.append)
    breaker.pause(breaker.permit(), FailureKind.AUTH)
    breaker.pause(Permit(), FailureKind.AUTH)
    assert [(change.after, change.reason) for change in changes] == [(BreakerState.PAUSED, "auth")]
    assert failure_of(breaker.permit).kind is FailureKind.BREAKER_OPEN
    clock.forward(901)
    assert breaker.permit().probe_token


def test_other_workers_see_the_state_and_a_lead_can_set_it(
    breaker: Breaker, state: InMemoryState, clock: FakeClock
) -> None:
    """C11: shared, visible, operable."""
    other = Breaker(state, "p", clock=clock)
    other.force_open(120)
    assert failure_of(breaker.permit).retry_after_seconds == pytest.approx(120)
    breaker.reset()
    assert other.permit() == Permit()
    assert Breaker(state, "another model", clock=clock).permit() == Permit()


def test_a_flushed_store_does_not_close_it(breaker: Breaker, state: InMemoryState, clock: FakeClock) -> None:
    """C11: the process that knows tells the store, and through it the others."""
    fail(breaker, 10)
    state._values.clear()
    assert failure_of(breaker.permit).kind is FailureKind.BREAKER_OPEN
    assert failure_of(Breaker(state, "p", clock=clock).permit).kind is FailureKind.BREAKER_OPEN


def test_it_works_on_in_one_process_when_the_store_is_gone(clock: FakeClock) -> None:
    """C11: a dead Redis costs the sharing, not the protection."""
    breaker = Breaker(DegradingState(BrokenState(clock), clock=clock), "p", clock=clock)
    fail(breaker, 10)
    assert failure_of(breaker.permit).kind is FailureKind.BREAKER_OPEN


def test_a_store_that_comes_back_is_used_again(clock: FakeClock) -> None:
    """C11: and is left alone for a few seconds in between, because a frozen one costs its timeout."""
    shared = BrokenState(clock)
    state = DegradingState(shared, clock=clock)
    state.set("a", 1)
    assert state.degraded
    shared.broken = False
    clock.forward(6)
    state.set("b", 2)
    assert shared.get("b") == 2


def test_ten_server_errors_spare_the_eleventh_ticket_the_call(server: FakeLlmServer) -> None:
    """C11: over HTTP, through the whole stack."""
    server.always(Fault.HTTP_503)
    llm = client_at(server)
    kinds = [failure_of(lambda: ask(llm)).kind for _ in range(12)]
    assert kinds == [FailureKind.HTTP_5XX] * 10 + [FailureKind.BREAKER_OPEN] * 2
    assert len(server.requests) == 10


def test_refusals_never_open_it(server: FakeLlmServer) -> None:
    """C11: per-ticket failures are not the provider's."""
    server.always(Fault.REFUSAL)
    llm = client_at(server)
    for _ in range(12):
        failure_of(lambda: ask(llm))
    assert len(server.requests) == 12


def test_one_refused_key_stops_all_further_calls(server: FakeLlmServer) -> None:
    """C11: configuration alarms pause the provider."""
    server.always(Fault.HTTP_401)
    llm = client_at(server)
    assert [failure_of(lambda: ask(llm)).kind for _ in range(2)] == [
        FailureKind.AUTH,
        FailureKind.BREAKER_OPEN,
    ]
    assert len(server.requests) == 1


def test_breakers_are_kept_apart_by_credential_provider_and_model() -> None:
    """C11: one client's bad key does not silence another's good one."""
    configs = [
        provider("http://a"),
        provider("http://a", api_key="key-2"),
        provider("http://a", model="other"),
        provider("http://a", ProviderKind.COMPATIBLE),
    ]
    assert len({config.key for config in configs}) == 4
    assert all("key-" not in config.key and "key-" not in repr(config) for config in configs)


def test_the_environments_figures_reach_the_breaker(clock: FakeClock) -> None:
    """O6: CIRCUIT_BREAKER_THRESHOLD and CIRCUIT_BREAKER_TIMEOUT take effect."""
    settings = LayerSettings(breaker_minimum_calls=3, breaker_open_seconds=5.0)
    around = surroundings(settings=settings, clock=clock, state=InMemoryState(clock))
    breaker = breaker_for(provider("http://a"), around)
    fail(breaker, 3)
    assert breaker.snapshot().record.until - clock.now == pytest.approx(5.0)
    assert BreakerPolicy().minimum_calls == 10
