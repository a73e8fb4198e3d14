"""The LLM layer wired to this application: providers from the environment, ledger rows, cache, alerts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db.models import Sum
from django.utils import timezone

from classifier.engine.redaction import Redacted, redact
from classifier.engine.types import TaxonomySpec
from classifier.llm.breaker import BreakerChange, BreakerState
from classifier.llm.client import LlmClient
from classifier.llm.config import ConfigurationError, ProviderConfig, providers_from_env, settings_from_env
from classifier.llm.engine import LlmEngine
from classifier.llm.stack import Surroundings, breaker_for, build_client
from classifier.llm.types import Departure, Settlement
from classifier.models import LlmCall
from teams.choices import AlertSeverity
from teams.models import Client
from teams.services.alerts import alert_raise, alert_resolve
from ticketing.models import ClientSettings, Ticket

logger = structlog.get_logger(__name__)
_ALERT = "llm.provider_paused"


class LedgerRows:
    """Writes one ``LlmCall`` before anything leaves, and settles it afterwards (C21)."""

    def __init__(self) -> None:
        self._open: dict[int, int] = {}

    def left(self, departure: Departure) -> None:
        """Record what leaves; a database that refuses stops the call."""
        ticket = Ticket.objects.filter(reference=departure.reference).only("pk").first()
        row = LlmCall.objects.create(
            client_id=int(departure.client),
            ticket_id=ticket.pk if ticket else None,
            provider=departure.provider,
            model=departure.model,
            prompt_version=departure.prompt_version,
            request=[{"role": m.role, "content": m.text} for m in departure.messages],
            outcome="sent",
        )
        self._open[id(departure)] = row.pk

    def settled(self, settlement: Settlement) -> None:
        """Record the outcome of a call that left."""
        pk = self._open.pop(id(settlement.departure), 0)
        LlmCall.objects.filter(pk=pk).update(
            outcome=settlement.kind.value if settlement.kind else "ok",
            tokens_in=settlement.usage.input_tokens,
            tokens_out=settlement.usage.output_tokens,
            cost=settlement.cost,
            latency_ms=settlement.latency_ms,
        )


def providers() -> list[ProviderConfig]:
    """The configured providers in the order in which they are asked; none when the set-up is faulty."""
    try:
        return providers_from_env(settings.LLM_ENVIRONMENT)
    except ConfigurationError as error:
        logger.warning("llm_misconfigured", reason=str(error))
        return []


def surroundings() -> Surroundings:
    """What the layers of the LLM stack need from this application."""
    return Surroundings(
        state=cache,
        redact=_redact,
        ledger=LedgerRows(),
        allows_external=_allows_external,
        settings=settings_from_env(settings.LLM_ENVIRONMENT),
        spent_since=_spent_since,
        on_breaker_change=_breaker_changed,
    )


def _redact(text: str) -> Redacted:
    return redact(text)


def _allows_external(client: str) -> bool:
    """Whether texts of this client may leave the house."""
    return ClientSettings.objects.filter(client_id=int(client), allow_external_llm=True).exists()


def _spent_since(scope: str, since: datetime) -> Decimal:
    """What the ledger says was spent. A scope is ``client:<id>`` or ``credential:<fingerprint>``; the ledger

    keeps no fingerprints, so a credential's spending is that of all clients together: the safe side.
    """
    kind, _, name = scope.partition(":")
    rows = LlmCall.objects.filter(created_at__gte=since)
    if kind == "client":
        rows = rows.filter(client_id=int(name))
    total: Decimal | None = rows.aggregate(total=Sum("cost"))["total"]
    return total or Decimal(0)


def _breaker_changed(change: BreakerChange) -> None:
    """A provider that is paused is an alert until it answers again."""
    now = timezone.now()
    if change.after is BreakerState.CLOSED:
        alert_resolve(rule=_ALERT, subject=change.key, now=now)
        return
    alert_raise(
        rule=_ALERT,
        subject=change.key,
        severity=AlertSeverity.WARNING,
        message=f"A language model is not asked for now: {change.reason}. Tickets are triaged without it.",
        now=now,
    )


@lru_cache(maxsize=4)
def _client(fingerprint: str) -> LlmClient:
    """One stack a configuration; the fingerprint makes a changed environment a new stack."""
    return build_client(providers(), surroundings())


def _fingerprint() -> str:
    text = repr(sorted(settings.LLM_ENVIRONMENT.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def llm_client() -> LlmClient:
    """The client over all configured providers."""
    return _client(_fingerprint())


def llm_engine_maker(*, client: Client, spec: TaxonomySpec) -> Callable[[float, str], LlmEngine] | None:
    """A function from seconds and reference to an engine for one ticket; None when nothing may be asked."""
    if not settings.LLM_ENVIRONMENT or not providers():
        return None
    total = settings_from_env(settings.LLM_ENVIRONMENT).total_seconds
    secret = hashlib.sha256(f"llm-marker:{settings.SECRET_KEY}".encode()).digest()

    def make(seconds: float, reference: str) -> LlmEngine:
        return LlmEngine(
            llm_client(),
            spec,
            client=str(client.pk),
            deadline_seconds=min(seconds, total),
            reference=reference,
            marker_secret=secret,
        )

    return make


def llm_health() -> tuple[str, str]:
    """Health of the providers by their breakers, without asking them anything."""
    configs = providers()
    if not configs:
        return "off", "No language model is configured; the local engine does the work."
    around = surroundings()
    states = {config.name: breaker_for(config, around).snapshot().record.state for config in configs}
    if all(state is BreakerState.CLOSED for state in states.values()):
        return "ok", ", ".join(states)
    waiting = ", ".join(name for name, state in states.items() if state is not BreakerState.CLOSED)
    return "degraded", f"Not asked for now: {waiting}."
