"""The LLM layer wired to this application: ledger rows, budgets, breakers with their alerts, cache."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from classifier.choices import CallPurpose
from classifier.engine.redaction import Redacted, redact
from classifier.llm.breaker import Breaker, BreakerChange, BreakerState
from classifier.llm.budget import BudgetLimits
from classifier.llm.bulk import shared_cost, shared_usage
from classifier.llm.client import LlmClient
from classifier.llm.config import ProviderConfig
from classifier.llm.ensemble import LlmEnsemble, build_ensemble
from classifier.llm.stack import Surroundings, breaker_for, build_client
from classifier.llm.types import Asker, Departure, Ledger, Settlement
from classifier.models import LlmCall
from classifier.services.providers import known_providers, layer_settings, provider_owner
from teams.choices import AlertSeverity
from teams.services.alerts import alert_raise, alert_resolve
from ticketing.models import ClientSettings, Ticket

logger = structlog.get_logger(__name__)
_ALERT = "llm.provider_paused"


class LedgerRows:
    """Writes one ``LlmCall`` before anything leaves, and settles it afterwards (C21)."""

    def __init__(self, purpose: str = CallPurpose.WORK) -> None:
        self._purpose = purpose
        self._open: dict[int, list[int]] = {}

    def left(self, departure: Departure) -> None:
        """Record what leaves, a row a ticket; a database that refuses stops the call."""
        held = dict.fromkeys(m.reference for m in departure.messages if m.reference)
        references = list(held) or [departure.reference]
        known = dict(Ticket.objects.filter(reference__in=references).values_list("reference", "pk"))
        rows = [
            LlmCall(
                client_id=int(departure.client),
                ticket_id=known.get(reference),
                provider=departure.provider,
                model=departure.model,
                credential=departure.credential,
                prompt_version=departure.prompt_version,
                purpose=self._purpose,
                # Of a call about several tickets each keeps its own words and what was sent to all.
                request=[
                    {"role": m.role, "content": m.text}
                    for m in departure.messages
                    if m.reference in {"", reference}
                ],
                outcome="sent",
            )
            for reference in references
        ]
        if len(rows) == 1:
            rows[0].save(force_insert=True)  # One statement needs no transaction around it.
        else:
            LlmCall.objects.bulk_create(rows)
        self._open[id(departure)] = [row.pk for row in rows]
        if not connection.in_atomic_block:
            # The answer takes seconds; meanwhile other threads need the connection more.
            connection.close()

    def settled(self, settlement: Settlement) -> None:
        """Record the outcome of a call that left; its tickets share tokens and cost."""
        pks = self._open.pop(id(settlement.departure), [])
        if not pks:
            return
        outcome = settlement.kind.value if settlement.kind else "ok"
        usages = shared_usage(settlement.usage, len(pks))
        costs = shared_cost(settlement.cost, len(pks))
        for pk, usage, cost in zip(pks, usages, costs, strict=True):
            LlmCall.objects.filter(pk=pk).update(
                outcome=outcome,
                tokens_in=usage.input_tokens,
                tokens_out=usage.output_tokens,
                cost=cost,
                latency_ms=settlement.latency_ms,
            )


def surroundings() -> Surroundings:
    """What the layers of the LLM stack need from this application."""
    return Surroundings(
        state=cache,
        redact=_redact,
        ledger=LedgerRows(),
        allows_external=_allows_external,
        settings=layer_settings(),
        budget_limits=budget_limits,
        spent_since=spent_since,
        on_breaker_change=_breaker_changed,
    )


def _redact(text: str) -> Redacted:
    return redact(text)


def _allows_external(client: str) -> bool:
    """Whether texts of this client may leave the house."""
    return ClientSettings.objects.filter(client_id=int(client), allow_external_llm=True).exists()


def budget_limits(scope: str) -> BudgetLimits:
    """What ``client:<id>`` or ``credential:<fingerprint>`` may spend; a client's own limit goes first."""
    kind, _, name = scope.partition(":")
    if kind == "client":
        return client_limits(client_ids=[int(name)])[int(name)]
    general = layer_settings()
    return BudgetLimits(general.daily_budget, general.monthly_budget)


def client_limits(*, client_ids: Sequence[int]) -> dict[int, BudgetLimits]:
    """What each client may spend, in one query."""
    general = layer_settings()
    own = {row.client_id: row for row in ClientSettings.objects.filter(client__in=client_ids)}
    found = {}
    for pk in client_ids:
        daily = own[pk].llm_daily_budget if pk in own else None
        monthly = own[pk].llm_monthly_budget if pk in own else None
        found[pk] = BudgetLimits(
            general.daily_budget if daily is None else daily,
            general.monthly_budget if monthly is None else monthly,
        )
    return found


def spent_since(scope: str, since: datetime) -> Decimal:
    """What the ledger says was spent in a scope, in dollars."""
    kind, _, name = scope.partition(":")
    rows = LlmCall.objects.filter(created_at__gte=since)
    rows = rows.filter(client_id=int(name)) if kind == "client" else rows.filter(credential=name)
    total: Decimal | None = rows.aggregate(total=Sum("cost"))["total"]
    return total or Decimal(0)


def _breaker_changed(change: BreakerChange) -> None:
    """A provider that is paused is an alert until it answers again."""
    _told(change, "A language model is not asked for now: {}. Tickets are triaged without it.")


def vectors_breaker_changed(change: BreakerChange) -> None:
    """The same for the server that gives vectors."""
    _told(change, "The server of vectors is not asked for now: {}. New tickets have no similar ones yet.")


def _told(change: BreakerChange, sentence: str) -> None:
    now = timezone.now()
    if change.after is BreakerState.CLOSED:
        alert_resolve(rule=_ALERT, subject=change.key, now=now)
        return
    alert_raise(
        rule=_ALERT,
        subject=change.key,
        severity=AlertSeverity.WARNING,
        message=sentence.format(change.reason),
        client=provider_owner(key=change.key),
        now=now,
    )


@lru_cache(maxsize=64)
def _client(configs: tuple[ProviderConfig, ...], _environment: str) -> LlmClient:
    """One stack a list of models; a changed row or environment makes a new one."""
    return build_client(configs, surroundings())


@lru_cache(maxsize=64)
def _ensemble(configs: tuple[ProviderConfig, ...], _environment: str) -> LlmEnsemble:
    """One ensemble a list of models, for the same reason."""
    return build_ensemble(configs, surroundings())


def _environment() -> str:
    """A fingerprint of the variables the layers were built from."""
    return hashlib.sha256(repr(sorted(settings.LLM_ENVIRONMENT.items())).encode()).hexdigest()


def llm_client(configs: tuple[ProviderConfig, ...]) -> LlmClient:
    """The client over these models, in their order."""
    return _client(configs, _environment())


def triage_models(configs: tuple[ProviderConfig, ...]) -> Asker:
    """What is asked first about a ticket: the chain, or its first models side by side (C9).

    A model that stands in the chain twice has one vote; with one model there is nothing to vote on.
    """
    chosen = _voters(configs)
    return _ensemble(chosen, _environment()) if len(chosen) > 1 else llm_client(configs)


def _voters(configs: tuple[ProviderConfig, ...]) -> tuple[ProviderConfig, ...]:
    """The models that are asked side by side, each once; none where no ensemble is wanted."""
    distinct = tuple({config.key: config for config in configs}.values())
    return distinct[: layer_settings().ensemble]


def client_with(config: ProviderConfig, ledger: Ledger) -> LlmClient:
    """A client over one model that answers nothing from the cache: for a trial and for the probe."""
    return chain_with((config,), ledger)


def chain_with(configs: tuple[ProviderConfig, ...], ledger: Ledger) -> LlmClient:
    """The same over several models, in their order."""
    return build_client(configs, _uncached(ledger))


def models_with(configs: tuple[ProviderConfig, ...], ledger: Ledger) -> Asker:
    """What is asked first about a ticket, as in ``triage_models``, with nothing from the cache."""
    chosen = _voters(configs)
    return build_ensemble(chosen, _uncached(ledger)) if len(chosen) > 1 else chain_with(configs, ledger)


def _uncached(ledger: Ledger) -> Surroundings:
    around = surroundings()
    return replace(around, ledger=ledger, settings=replace(around.settings, cache_seconds=0))


def marker_secret() -> bytes:
    """What makes the fences around a ticket unpredictable to its writer and the same in every process."""
    return hashlib.sha256(f"llm-marker:{settings.SECRET_KEY}".encode()).digest()


def breaker_of(config: ProviderConfig) -> Breaker:
    """The breaker of one model, as all workers share it."""
    return breaker_for(config, surroundings())


def llm_health() -> tuple[str, str]:
    """Health of the models by their breakers, without asking them anything."""
    configs = known_providers()
    if not configs:
        return "off", "No language model is configured; the local engine does the work."
    states = {f"{c.name} {c.model}": breaker_of(c).snapshot().record.state for c in configs}
    waiting = ", ".join(name for name, state in states.items() if state is not BreakerState.CLOSED)
    return ("degraded", f"Not asked for now: {waiting}.") if waiting else ("ok", ", ".join(states))
