"""Which language models a client's tickets go to: its own, else shared ones, else the environment's (C9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import structlog
from django.conf import settings

from classifier.choices import ProviderStep, ProviderTier
from classifier.llm.config import (
    ConfigurationError,
    LayerSettings,
    ProviderConfig,
    ProviderKind,
    StructuredOutput,
    check_access,
    default_effort,
    default_temperature,
    providers_from_env,
    settings_from_env,
)
from classifier.models import LlmProvider
from common.exceptions import Conflict
from teams.models import Client
from teams.services.credentials import credential_secret

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProviderChain:
    """The models of one client and step, each in the order in which they are asked."""

    primary: tuple[ProviderConfig, ...] = ()
    advanced: tuple[ProviderConfig, ...] = ()


def layer_settings() -> LayerSettings:
    """Deadlines, cache, rate and general budgets, from the environment."""
    return settings_from_env(settings.LLM_ENVIRONMENT)


def environment_providers() -> list[ProviderConfig]:
    """The models of the environment in their order; none when the set-up is faulty."""
    try:
        return providers_from_env(settings.LLM_ENVIRONMENT)
    except ConfigurationError as error:
        logger.warning("llm_misconfigured", reason=str(error))
        return []


def provider_chain(*, client_id: int, step: str) -> ProviderChain:
    """The models that may be asked for a client. A row that cannot be used is left out and logged."""
    rows = list(
        LlmProvider.objects.for_client(client_id).select_related("credential").order_by("position", "pk")
    )
    # Decided on every row: switching off its own model must not send a client's texts elsewhere.
    rows = [row for row in rows if row.client_id == client_id] or [row for row in rows if row.is_active]
    if not rows:
        return ProviderChain(primary=tuple(environment_providers()))
    asked = [row for row in rows if row.is_active and row.step in {ProviderStep.ANY, step}]
    return ProviderChain(
        primary=tuple(_usable(row for row in asked if row.tier == ProviderTier.PRIMARY)),
        advanced=tuple(_usable(row for row in asked if row.tier == ProviderTier.ADVANCED)),
    )


def _usable(rows: Iterable[LlmProvider]) -> list[ProviderConfig]:
    configs = (provider_config_or_none(row=row) for row in rows)
    return [config for config in configs if config is not None]


def provider_config_or_none(*, row: LlmProvider) -> ProviderConfig | None:
    """The row as the layers take it; one that cannot be used is logged and left out."""
    try:
        return provider_config(row=row)
    except (ConfigurationError, Conflict) as error:
        logger.warning("llm_provider_unusable", provider=row.pk, reason=str(error))
        return None


def provider_config(*, row: LlmProvider) -> ProviderConfig:
    """The row as the layers of a call take it.

    Raises ConfigurationError for what the provider cannot do without, Conflict for a secret nobody can open.
    """
    kind = ProviderKind(row.kind)
    secret = credential_secret(credential=row.credential) if row.credential else ""
    check_access(kind, base_url=row.base_url, api_key=secret)
    return ProviderConfig(
        kind=kind,
        model=row.model,
        base_url=row.base_url,
        api_key=secret,
        api_version=row.api_version,
        deployment=row.model if kind is ProviderKind.AZURE else "",
        num_ctx=row.num_ctx,
        max_tokens=row.max_tokens,
        timeout_seconds=row.timeout_seconds,
        connect_seconds=min(3.0, row.timeout_seconds),
        price_input=Decimal(row.price_input),
        price_output=Decimal(row.price_output),
        internal=row.is_internal,
        structured_output=StructuredOutput(row.structured_output),
        reasoning_effort=default_effort(kind, row.model),
        temperature=default_temperature(kind),
    )


def known_providers() -> list[ProviderConfig]:
    """Every model that may be asked for anybody, each once: for health."""
    rows = LlmProvider.objects.active().select_related("credential").order_by("position", "pk")
    configs = [*environment_providers(), *_usable(rows)]
    return list({config.key: config for config in configs}.values())


def provider_owner(*, key: str) -> Client | None:
    """The client whose own model has this identity; None for a shared one or the environment's."""
    for row in LlmProvider.objects.exclude(client=None).select_related("client", "credential"):
        config = provider_config_or_none(row=row)
        if config is not None and config.key == key:
            return row.client
    return None
