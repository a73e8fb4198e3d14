"""A token bucket shared by all workers, made of atomic increments alone. Nobody waits: no token, no call."""

from __future__ import annotations

import time
from collections.abc import Callable

from classifier.llm.state import SharedState, count_up
from classifier.llm.types import Completer, Completion, FailureKind, LlmError, LlmRequest, ParsedT

_MILLI = 1000
_BUCKET_SECONDS = 24 * 3600.0
_TRIM_LEASE_SECONDS = 2.0


class TokenBucket:
    """Refills evenly, holds at most ``burst`` tokens.

    Tokens ever granted are ``burst + rate * age``; a shared counter holds the tokens ever taken. What
    an idle bucket would hold above its brim is taken out under a short lease.
    """

    def __init__(
        self,
        state: SharedState,
        key: str,
        *,
        rate_per_minute: int,
        burst: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._base = f"llm:bucket:{key}"
        self._rate = rate_per_minute / 60.0
        self._burst = burst if burst is not None else max(1, rate_per_minute // 4)
        self._clock = clock

    def take(self) -> float:
        """Take one token and return 0, or return the seconds until there is one."""
        origin = self._origin()
        self._trim(origin)
        taken = count_up(self._state, f"{self._base}:taken:{origin}", _MILLI, _BUCKET_SECONDS * 2)
        left = self._granted(origin) - taken
        if left >= 0:
            return 0.0
        count_up(self._state, f"{self._base}:taken:{origin}", -_MILLI, _BUCKET_SECONDS * 2)
        return -left / _MILLI / self._rate

    def _origin(self) -> int:
        """Return when this bucket was set up, in milliseconds; it is replaced once a day."""
        key = f"{self._base}:origin"
        now = round(self._clock() * _MILLI)
        self._state.add(key, now, _BUCKET_SECONDS)
        origin = self._state.get(key)
        return origin if isinstance(origin, int) else now

    def _granted(self, origin: int) -> int:
        age_seconds = max(0.0, self._clock() - origin / _MILLI)
        return round((self._burst + self._rate * age_seconds) * _MILLI)

    def _trim(self, origin: int) -> None:
        taken = self._state.get(f"{self._base}:taken:{origin}", 0)
        brim = self._burst * _MILLI
        if not isinstance(taken, int) or self._granted(origin) - taken <= brim:
            return
        lease = f"{self._base}:trim"
        if not self._state.add(lease, 1, _TRIM_LEASE_SECONDS):
            return
        taken = self._state.get(f"{self._base}:taken:{origin}", 0)
        excess = self._granted(origin) - (taken if isinstance(taken, int) else 0) - brim
        if excess > 0:
            count_up(self._state, f"{self._base}:taken:{origin}", excess, _BUCKET_SECONDS * 2)
        self._state.delete(lease)


class RateLimitLayer:
    """Takes a token per call, and keeps quiet for as long as the provider asked with Retry-After."""

    def __init__(
        self,
        inner: Completer,
        state: SharedState,
        key: str,
        bucket: TokenBucket | None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inner = inner
        self._state = state
        self._quiet_key = f"llm:quiet:{key}"
        self._bucket = bucket
        self._clock = clock

    def send(self, request: LlmRequest[ParsedT]) -> Completion[ParsedT]:
        """Pass the request on if there is a token.

        Raises:
            LlmError: throttled, with the seconds to wait.
        """
        quiet_until = self._state.get(self._quiet_key)
        wait = float(quiet_until) - self._clock() if isinstance(quiet_until, int | float) else 0.0
        if wait <= 0.0 and self._bucket is not None:
            wait = self._bucket.take()
        if wait > 0.0:
            raise LlmError(FailureKind.THROTTLED, "The rate limit is used up.", retry_after_seconds=wait)
        try:
            return self._inner.send(request)
        except LlmError as error:
            if error.kind is FailureKind.RATE_LIMITED and error.retry_after_seconds:
                seconds = error.retry_after_seconds
                self._state.set(self._quiet_key, self._clock() + seconds, seconds)
            raise
