"""A circuit breaker shared by all workers: sliding window, one probe at a time, survives its store."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from classifier.llm.state import SharedState, count_up
from classifier.llm.types import (
    Completer,
    Completion,
    FailureClass,
    FailureKind,
    LlmError,
    LlmRequest,
    ParsedT,
)

logger = logging.getLogger(__name__)

_WINDOW_SLOT_SECONDS = 5
_RECORD_SECONDS = 24 * 3600.0


class BreakerState(StrEnum):
    """Closed lets calls through; open does not, until a probe; paused waits for a setting to change."""

    CLOSED = "closed"
    OPEN = "open"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When it opens, for how long, and what closes it."""

    window_seconds: int = 60
    minimum_calls: int = 10
    failure_share: float = 0.5
    open_seconds: float = 30.0
    max_open_seconds: float = 600.0
    pause_seconds: float = 900.0
    probe_lease_seconds: float = 30.0
    good_probes_to_close: int = 2


@dataclass(frozen=True, slots=True)
class BreakerRecord:
    """What the workers share. ``generation`` separates the window after a close from the one before."""

    state: BreakerState = BreakerState.CLOSED
    until: float = 0.0
    strikes: int = 0
    good_probes: int = 0
    generation: int = 0
    reason: str = ""
    changed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class BreakerChange:
    """A change of state, for alerts: a pause is a configuration alarm."""

    key: str
    before: BreakerState
    after: BreakerState
    reason: str


@dataclass(frozen=True, slots=True)
class BreakerSnapshot:
    """What the admin shows."""

    key: str
    record: BreakerRecord
    failures: int
    calls: int


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call. A probe carries the token of its lease."""

    probe_token: str = ""


class Breaker:
    """The state machine; knows nothing of calls, only of permits and outcomes."""

    def __init__(
        self,
        state: SharedState,
        key: str,
        *,
        policy: BreakerPolicy | None = None,
        clock: Callable[[], float] = time.time,
        on_change: Callable[[BreakerChange], None] | None = None,
    ) -> None:
        self.key = key
        self._state = state
        self._policy = policy or BreakerPolicy()
        self._clock = clock
        self._on_change = on_change
        self._base = f"llm:breaker:{key}"
        self._seen = BreakerRecord()

    def permit(self) -> Permit:
        """Return leave to call.

        Raises:
            LlmError: breaker_open, while open or while another worker holds the probe.
        """
        record = self._read()
        if record.state is BreakerState.CLOSED:
            return Permit()
        wait = record.until - self._clock()
        token = secrets.token_hex(8)
        if wait <= 0.0:
            if self._state.add(f"{self._base}:probe", token, self._policy.probe_lease_seconds):
                return Permit(token)
            wait = 1.0
        raise LlmError(
            FailureKind.BREAKER_OPEN,
            f"The provider is {record.state.value} after {record.reason}.",
            retry_after_seconds=wait,
        )

    def success(self, permit: Permit) -> None:
        """Count a call to which the provider answered, be it with a refusal."""
        if not permit.probe_token:
            self._count("ok")
            return
        if not self._end_probe(permit):
            return
        record = self._read()
        good = record.good_probes + 1
        if good >= self._policy.good_probes_to_close:
            self._write(self._closed(record, "good probes"), record)
        else:
            self._write(replace(record, good_probes=good, until=self._clock()), record)

    def failure(self, permit: Permit, kind: FailureKind) -> None:
        """Count a call at which the provider failed; open when the window says so, or the probe did."""
        if not permit.probe_token:
            self._count("bad")
            self._open_if_window_says_so(kind)
        elif self._end_probe(permit):
            record = self._read()
            self._write(self._opened(record, kind.value, record.strikes + 1), record)

    def abandon(self, permit: Permit) -> None:
        """Give a permit back unused, so that a probe that was never sent does not block the next one."""
        if permit.probe_token:
            self._end_probe(permit)

    def pause(self, permit: Permit, kind: FailureKind) -> None:
        """Stop at once because a setting is wrong; one probe is let through after the pause."""
        self.abandon(permit)
        record = self._read()
        until = self._clock() + self._policy.pause_seconds
        paused = self._changed(record, BreakerState.PAUSED, kind.value, until=until, good_probes=0)
        self._write(paused, record)

    def reset(self) -> None:
        """Close by hand."""
        record = self._read()
        self._state.delete(f"{self._base}:probe")
        self._write(self._closed(record, "closed by hand"), record)

    def force_open(self, seconds: float) -> None:
        """Open by hand for some time."""
        record = self._read()
        until = self._clock() + seconds
        opened = self._changed(record, BreakerState.OPEN, "opened by hand", until=until, good_probes=0)
        self._write(opened, record)

    def snapshot(self) -> BreakerSnapshot:
        """Return the state and the window for display."""
        record = self._read()
        failures, calls = self._window(record)
        return BreakerSnapshot(self.key, record, failures, calls)

    def _read(self) -> BreakerRecord:
        """Return the shared record. A store that was flushed is told what this process remembers."""
        stored = self._state.get(f"{self._base}:record")
        if isinstance(stored, Mapping):
            self._seen = BreakerRecord(**{**stored, "state": BreakerState(stored["state"])})
        elif self._seen.state is not BreakerState.CLOSED:
            self._state.add(f"{self._base}:record", asdict(self._seen), _RECORD_SECONDS)
        return self._seen

    def _write(self, record: BreakerRecord, before: BreakerRecord) -> None:
        # A close is written, not deleted: a missing record means a flushed store, never a closed breaker.
        self._state.set(f"{self._base}:record", asdict(record), _RECORD_SECONDS)
        self._seen = record
        if record.state is before.state:
            return
        logger.warning("Breaker %s: %s after %s.", self.key, record.state.value, record.reason)
        if self._on_change is not None:
            self._on_change(BreakerChange(self.key, before.state, record.state, record.reason))

    def _changed(
        self, record: BreakerRecord, state: BreakerState, reason: str, *, until: float, good_probes: int
    ) -> BreakerRecord:
        return replace(
            record,
            state=state,
            until=until,
            good_probes=good_probes,
            reason=reason,
            changed_at=self._clock(),
        )

    def _closed(self, record: BreakerRecord, reason: str) -> BreakerRecord:
        closed = self._changed(record, BreakerState.CLOSED, reason, until=0.0, good_probes=0)
        return replace(closed, strikes=0, generation=record.generation + 1)

    def _opened(self, record: BreakerRecord, reason: str, strikes: int) -> BreakerRecord:
        policy = self._policy
        seconds = min(policy.open_seconds * 2 ** min(strikes, 16), policy.max_open_seconds)
        opened = self._changed(
            record, BreakerState.OPEN, reason, until=self._clock() + seconds, good_probes=0
        )
        return replace(opened, strikes=strikes)

    def _end_probe(self, permit: Permit) -> bool:
        """Return the lease; False when it had lapsed and may belong to somebody else by now."""
        key = f"{self._base}:probe"
        if self._state.get(key) != permit.probe_token:
            return False
        self._state.delete(key)
        return True

    def _slots(self) -> range:
        now = int(self._clock()) // _WINDOW_SLOT_SECONDS
        return range(now - self._policy.window_seconds // _WINDOW_SLOT_SECONDS + 1, now + 1)

    def _count(self, outcome: str) -> None:
        slot = self._slots()[-1]
        key = f"{self._base}:{self._seen.generation}:{slot}:{outcome}"
        count_up(self._state, key, 1, self._policy.window_seconds + _WINDOW_SLOT_SECONDS)

    def _window(self, record: BreakerRecord) -> tuple[int, int]:
        """Return failures and calls of the last minute."""
        prefix = f"{self._base}:{record.generation}"
        counts = self._state.get_many(
            f"{prefix}:{slot}:{outcome}" for slot in self._slots() for outcome in ("ok", "bad")
        )
        numbers = {key: value for key, value in counts.items() if isinstance(value, int)}
        failures = sum(value for key, value in numbers.items() if key.endswith(":bad"))
        return failures, sum(numbers.values())

    def _open_if_window_says_so(self, kind: FailureKind) -> None:
        record = self._read()
        if record.state is not BreakerState.CLOSED:
            return
        failures, calls = self._window(record)
        if calls >= self._policy.minimum_calls and failures >= self._policy.failure_share * calls:
            self._write(self._opened(record, kind.value, 0), record)


class BreakerLayer:
    """Asks the breaker before each call and tells it afterwards."""

    def __init__(self, inner: Completer, breaker: Breaker) -> None:
        self._inner = inner
        self._breaker = breaker

    def send(self, request: LlmRequest[ParsedT]) -> Completion[ParsedT]:
        """Pass the request on unless the breaker is open."""
        permit = self._breaker.permit()
        try:
            completion = self._inner.send(request)
        except LlmError as error:
            self._tell(permit, error)
            raise
        except BaseException:
            self._breaker.abandon(permit)
            raise
        self._breaker.success(permit)
        return completion

    def _tell(self, permit: Permit, error: LlmError) -> None:
        if error.failure_class is FailureClass.CONFIGURATION:
            self._breaker.pause(permit, error.kind)
        elif error.failure_class is FailureClass.TRANSIENT:
            self._breaker.failure(permit, error.kind)
        elif error.failure_class is FailureClass.TICKET and error.kind is not FailureKind.CONTEXT_OVERFLOW:
            # The provider is alive and says no: good news for a probe, no news for the window.
            if permit.probe_token:
                self._breaker.success(permit)
        else:
            self._breaker.abandon(permit)
