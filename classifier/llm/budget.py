"""Daily and monthly spending limits, per client and per credential, counted where all workers see it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from classifier.llm.config import ProviderConfig
from classifier.llm.state import SharedState, count_up
from classifier.llm.tokens import estimate_messages
from classifier.llm.types import Completer, Completion, FailureKind, LlmError, LlmRequest, ParsedT

_MICROS = Decimal(1_000_000)
# Short enough that a counter lost or bent by a cache without atomic increments is soon put right again.
_COUNTER_SECONDS = 300.0


class Period(StrEnum):
    """The two spans a limit can have. Days and months are those of UTC."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """What may be spent; None means no limit."""

    daily: Decimal | None = None
    monthly: Decimal | None = None

    def of(self, period: Period) -> Decimal | None:
        """Return the limit of a period."""
        return self.daily if period is Period.DAY else self.monthly


def period_start(now: datetime, period: Period) -> datetime:
    """Return when the running day or month began."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if period is Period.DAY else midnight.replace(day=1)


def period_end(now: datetime, period: Period) -> datetime:
    """Return when the next day or month begins."""
    start = period_start(now, period)
    if period is Period.DAY:
        return start + timedelta(days=1)
    return (start + timedelta(days=32)).replace(day=1)


SpentSince = Callable[[str, datetime], Decimal]
"""From a scope (``client:acme`` or ``credential:<fingerprint>``) and a moment to what the ledger says."""


class Budget:
    """Counts money in millionths. The ledger is the truth, the shared counter its fast copy."""

    def __init__(
        self,
        state: SharedState,
        *,
        limits: Callable[[str], BudgetLimits],
        spent_since: SpentSince | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._limits = limits
        self._spent_since = spent_since
        self._clock = clock

    def reserve(self, scopes: tuple[str, ...], amount: Decimal) -> None:
        """Set the amount aside in every scope and period that has a limit.

        Raises:
            LlmError: budget_spent; then nothing stays set aside.
        """
        taken: list[tuple[str, Period]] = []
        for scope in scopes:
            for period in self._limited(scope):
                taken.append((scope, period))
                limit = self._limits(scope).of(period)
                if limit is not None and self._add(scope, period, amount) > limit:
                    for earlier in taken:
                        self._add(*earlier, -amount)
                    raise self._spent_error(period)

    def adjust(self, scopes: tuple[str, ...], difference: Decimal) -> None:
        """Correct what was set aside to what it cost."""
        for scope in scopes:
            for period in self._limited(scope):
                self._add(scope, period, difference)

    def _limited(self, scope: str) -> tuple[Period, ...]:
        limits = self._limits(scope)
        return tuple(period for period in Period if limits.of(period) is not None)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _add(self, scope: str, period: Period, amount: Decimal) -> Decimal:
        """Add to the counter and return the total; a counter that is not there starts at the ledger's sum."""
        start = period_start(self._now(), period)
        key = f"llm:budget:{scope}:{period.value}:{start:%Y%m%d}"
        first = 0
        if self._spent_since is not None and self._state.get(key) is None:
            first = _micros(self._spent_since(scope, start))
        lifetime = _COUNTER_SECONDS if self._spent_since is not None else 32 * 86400.0
        return Decimal(count_up(self._state, key, _micros(amount), lifetime, first)) / _MICROS

    def _spent_error(self, period: Period) -> LlmError:
        now = self._now()
        return LlmError(
            FailureKind.BUDGET_SPENT,
            f"The budget of the {period.value} is spent.",
            retry_after_seconds=(period_end(now, period) - now).total_seconds(),
        )


def _micros(amount: Decimal) -> int:
    """Round away from free: a call that costs anything counts at least one millionth."""
    return int((amount * _MICROS).to_integral_value(rounding=ROUND_CEILING))


class BudgetLayer:
    """Sets aside what a call may cost at most, and corrects it afterwards."""

    def __init__(self, inner: Completer, budget: Budget, config: ProviderConfig) -> None:
        self._inner = inner
        self._budget = budget
        self._config = config

    def send(self, request: LlmRequest[ParsedT]) -> Completion[ParsedT]:
        """Pass the request on while there is money; a provider without a price is never stopped."""
        worst = self._config.cost(estimate_messages(request.messages), self._config.max_tokens)
        if worst <= 0:
            return self._inner.send(request)
        scopes = (f"client:{request.client}", f"credential:{self._config.credential}")
        self._budget.reserve(scopes, worst)
        cost = Decimal(0)
        try:
            completion = self._inner.send(request)
            cost = completion.cost
        except LlmError as error:
            cost = error.cost
            raise
        finally:
            self._budget.adjust(scopes, cost - worst)
        return completion
