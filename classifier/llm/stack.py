"""Puts the layers together, in their one order:
redaction ledger → cache → budget → rate limit → breaker → deadline and size cap → adapter."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from classifier.llm.adapter import Adapter
from classifier.llm.breaker import Breaker, BreakerChange, BreakerLayer, BreakerPolicy
from classifier.llm.budget import Budget, BudgetLayer, BudgetLimits, SpentSince
from classifier.llm.cache import CacheLayer
from classifier.llm.client import LlmClient, ProviderStack
from classifier.llm.config import LayerSettings, ProviderConfig, ProviderKind
from classifier.llm.groq_adapter import GroqAdapter
from classifier.llm.guard import DeadlineGuard
from classifier.llm.ollama_adapter import OllamaAdapter
from classifier.llm.openai_adapter import OpenAIAdapter
from classifier.llm.rate_limit import RateLimitLayer, TokenBucket
from classifier.llm.redaction_gate import RedactionGate, Redactor
from classifier.llm.state import DegradingState, SharedState
from classifier.llm.types import Completer, Ledger


def adapter_for(config: ProviderConfig) -> Adapter:
    """Return the adapter that speaks the provider's language."""
    if config.kind is ProviderKind.GROQ:
        return GroqAdapter(config)
    if config.kind is ProviderKind.OLLAMA:
        return OllamaAdapter(config)
    return OpenAIAdapter(config)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the layers need from the application around them.

    ``budget_limits`` overrides the settings per scope (``client:acme``, ``credential:<fingerprint>``);
    ``spent_since`` reads the ledger, so that a lost counter never gives money back.
    """

    state: SharedState
    redact: Redactor
    ledger: Ledger
    allows_external: Callable[[str], bool]
    settings: LayerSettings = field(default_factory=LayerSettings)
    budget_limits: Callable[[str], BudgetLimits] | None = None
    spent_since: SpentSince | None = None
    on_breaker_change: Callable[[BreakerChange], None] | None = None
    clock: Callable[[], float] = time.time


def breaker_for(config: ProviderConfig, around: Surroundings) -> Breaker:
    """Return the breaker of a provider, also for showing and operating it in the admin."""
    settings = around.settings
    policy = BreakerPolicy(
        minimum_calls=settings.breaker_minimum_calls,
        open_seconds=settings.breaker_open_seconds,
        max_open_seconds=max(600.0, settings.breaker_open_seconds),
        # A lease shorter than the call it covers would let a second probe through.
        probe_lease_seconds=max(30.0, config.timeout_seconds + 5.0),
    )
    return Breaker(
        _degrading(around),
        config.key,
        policy=policy,
        clock=around.clock,
        on_change=around.on_breaker_change,
    )


def _degrading(around: Surroundings) -> SharedState:
    if isinstance(around.state, DegradingState):
        return around.state
    return DegradingState(around.state, clock=around.clock)


def limited(inner: Completer, config: ProviderConfig, around: Surroundings) -> Completer:
    """Return the call with what may hold it back around it: budget → rate limit → breaker."""
    settings = around.settings
    state = _degrading(around)
    default_limits = BudgetLimits(settings.daily_budget, settings.monthly_budget)
    limits = around.budget_limits or (lambda scope: default_limits)
    budget = Budget(state, limits=limits, spent_since=around.spent_since, clock=around.clock)
    bucket = (
        TokenBucket(state, config.key, rate_per_minute=settings.rate_per_minute, clock=around.clock)
        if settings.rate_per_minute
        else None
    )
    breaker = BreakerLayer(inner, breaker_for(config, around))
    return BudgetLayer(RateLimitLayer(breaker, state, config.key, bucket, clock=around.clock), budget, config)


def _stack(config: ProviderConfig, around: Surroundings, adapter: Adapter) -> ProviderStack:
    held_back = limited(DeadlineGuard(adapter), config, around)
    cached = CacheLayer(held_back, _degrading(around), config, ttl_seconds=around.settings.cache_seconds)
    gate = RedactionGate(
        cached,
        config,
        redact=around.redact,
        ledger=around.ledger,
        allows_external=around.allows_external,
    )
    return ProviderStack(config, gate)


def build_client(
    providers: Sequence[ProviderConfig],
    around: Surroundings,
    *,
    make_adapter: Callable[[ProviderConfig], Adapter] = adapter_for,
) -> LlmClient:
    """Return the client over all providers, in the order in which they are asked."""
    return LlmClient([_stack(config, around, make_adapter(config)) for config in providers])
