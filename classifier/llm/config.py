"""Which providers there are, as read from the environment or built from the admin's records."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit


class ConfigurationError(ValueError):
    """A setting of the LLM layer is missing or makes no sense; the message names it."""


class ProviderKind(StrEnum):
    """The families of servers we can talk to."""

    OPENAI = "openai"
    AZURE = "azure"
    GROQ = "groq"
    OLLAMA = "ollama"
    COMPATIBLE = "compatible"


class StructuredOutput(StrEnum):
    """How the provider is told the shape of the answer."""

    JSON_SCHEMA = "json_schema"
    JSON_OBJECT = "json_object"


DEFAULT_BASE_URLS: Mapping[ProviderKind, str] = {
    ProviderKind.OPENAI: "https://api.openai.com/v1",
    ProviderKind.GROQ: "https://api.groq.com",
}
# Models retire; only OpenAI's current small model is assumed, all others must be named.
DEFAULT_MODELS: Mapping[ProviderKind, str] = {ProviderKind.OPENAI: "gpt-5-mini"}
_LEAST_ENSEMBLE, _MOST_ENSEMBLE = 3, 9
_MOST_IN_BULK = 10
NEED_KEY = frozenset({ProviderKind.OPENAI, ProviderKind.AZURE, ProviderKind.GROQ})
NEED_ADDRESS = frozenset({ProviderKind.AZURE, ProviderKind.OLLAMA, ProviderKind.COMPATIBLE})
DEFAULT_AZURE_API_VERSION = "2024-10-21"


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """One provider with one model. ``internal`` means that what is sent stays in the house.

    Prices are per million tokens in the currency of the budget; zero when unknown.
    ``reasoning_effort`` and ``temperature`` are left out of the request when None.
    """

    kind: ProviderKind
    model: str
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    api_version: str = ""
    deployment: str = ""
    num_ctx: int = 8192
    max_tokens: int = 2048
    timeout_seconds: float = 10.0
    connect_seconds: float = 3.0
    price_input: Decimal = Decimal(0)
    price_output: Decimal = Decimal(0)
    internal: bool = False
    structured_output: StructuredOutput = StructuredOutput.JSON_SCHEMA
    reasoning_effort: str | None = None
    temperature: float | None = None

    def __post_init__(self) -> None:
        if not self.model:
            raise ConfigurationError(f"LLM_MODEL is missing: {self.kind.value} has no default model.")
        if not is_address(self.url):
            raise ConfigurationError(f"The base URL of {self.kind.value} is not an http or https address.")

    @property
    def name(self) -> str:
        """The provider's name as the ledger stores it."""
        return self.kind.value

    @property
    def url(self) -> str:
        """The base URL, or the family's default."""
        return (self.base_url or DEFAULT_BASE_URLS.get(self.kind, "")).rstrip("/")

    @property
    def credential(self) -> str:
        """A fingerprint of the key and the address: identifies the account, reveals nothing."""
        return hashlib.sha256(f"{self.url}\n{self.api_key}".encode()).hexdigest()[:16]

    @property
    def key(self) -> str:
        """Identity for breaker, rate limit and budget: credential, provider and model."""
        identity = f"{self.credential}\n{self.kind.value}\n{self.model}\n{self.deployment}"
        return hashlib.sha256(identity.encode()).hexdigest()[:24]

    def cost(self, input_tokens: int, output_tokens: int) -> Decimal:
        """Return what the tokens cost."""
        return (self.price_input * input_tokens + self.price_output * output_tokens) / Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class LayerSettings:
    """What surrounds the providers. A limit of None means unlimited, a rate of 0 unthrottled.

    ``ensemble`` is how many models of a chain are asked side by side; 0 asks them one after the other.
    ``bulk_size`` is how many tickets of one client a call of a bulk run may hold; 1 asks about each alone.
    """

    total_seconds: float = 10.0
    cache_seconds: int = 3600
    rate_per_minute: int = 0
    daily_budget: Decimal | None = None
    monthly_budget: Decimal | None = None
    breaker_minimum_calls: int = 10
    breaker_open_seconds: float = 30.0
    ensemble: int = 0
    bulk_size: int = 1


class _Environment:
    """Typed reading of a mapping of strings, with the variable's name in every complaint."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        return self._values.get(name, "").strip() or default

    def number(self, name: str, default: float) -> float:
        text = self.text(name)
        try:
            value = float(text) if text else default
        except ValueError:
            raise ConfigurationError(f"{name} is not a number.") from None
        if not 0 <= value < 1e9:
            raise ConfigurationError(f"{name} is out of range.")
        return value

    def money(self, name: str) -> Decimal | None:
        text = self.text(name)
        try:
            value = Decimal(text) if text else None
        except InvalidOperation:
            raise ConfigurationError(f"{name} is not an amount.") from None
        if value is not None and not (value.is_finite() and value >= 0):
            raise ConfigurationError(f"{name} is out of range.")
        return value

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.text(name).split(",") if part.strip())


VARIABLES: Final = (
    "LLM_PROVIDER",
    "LLM_MODEL",
    "LLM_FALLBACKS",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "AZURE_OPENAI_ENDPOINT",
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_DEPLOYMENT",
    "AZURE_OPENAI_API_VERSION",
    "GROQ_API_KEY",
    "GROQ_BASE_URL",
    "OLLAMA_BASE_URL",
    "OLLAMA_NUM_CTX",
    "MAX_TOKENS",
    "LLM_TIMEOUT_SECONDS",
    "LLM_CONNECT_SECONDS",
    "LLM_STRUCTURED_OUTPUT",
    "LLM_REASONING_EFFORT",
    "LLM_PRICE_INPUT",
    "LLM_PRICE_OUTPUT",
    *(f"LLM_PRICE_{way}_{kind.value.upper()}" for kind in ProviderKind for way in ("INPUT", "OUTPUT")),
    "LLM_DAILY_BUDGET",
    "LLM_MONTHLY_BUDGET",
    "LLM_RATE_PER_MINUTE",
    "LLM_CACHE_SECONDS",
    "LLM_INTERNAL_PROVIDERS",
    "LLM_ENSEMBLE",
    "LLM_BULK_SIZE",
    "CIRCUIT_BREAKER_THRESHOLD",
    "CIRCUIT_BREAKER_TIMEOUT",
)
"""Every variable this layer reads; the settings hand exactly these on."""


def settings_from_env(values: Mapping[str, str]) -> LayerSettings:
    """Read deadline, cache, rate, budget and breaker settings.

    Raises:
        ConfigurationError: a value is not a number or out of range.
    """
    env = _Environment(values)
    defaults = LayerSettings()
    total = env.number("LLM_TIMEOUT_SECONDS", defaults.total_seconds)
    if total <= 0:
        raise ConfigurationError("LLM_TIMEOUT_SECONDS must be greater than zero.")
    return LayerSettings(
        total_seconds=total,
        cache_seconds=int(env.number("LLM_CACHE_SECONDS", defaults.cache_seconds)),
        rate_per_minute=int(env.number("LLM_RATE_PER_MINUTE", defaults.rate_per_minute)),
        daily_budget=env.money("LLM_DAILY_BUDGET"),
        monthly_budget=env.money("LLM_MONTHLY_BUDGET"),
        breaker_minimum_calls=max(
            1, int(env.number("CIRCUIT_BREAKER_THRESHOLD", defaults.breaker_minimum_calls))
        ),
        breaker_open_seconds=env.number("CIRCUIT_BREAKER_TIMEOUT", defaults.breaker_open_seconds),
        ensemble=_ensemble(env),
        bulk_size=_bulk_size(env),
    )


def _bulk_size(env: _Environment) -> int:
    """More tickets in one call cost each of them more accuracy than they save."""
    size = env.number("LLM_BULK_SIZE", 1)
    if size not in range(1, _MOST_IN_BULK + 1):
        raise ConfigurationError(f"LLM_BULK_SIZE is not from 1 to {_MOST_IN_BULK} tickets.")
    return int(size)


def _ensemble(env: _Environment) -> int:
    """Two models have no majority, and every further one is paid for each ticket."""
    size = env.number("LLM_ENSEMBLE", 0)
    if size not in {0, *range(_LEAST_ENSEMBLE, _MOST_ENSEMBLE + 1)}:
        raise ConfigurationError(
            f"LLM_ENSEMBLE is neither 0 nor from {_LEAST_ENSEMBLE} to {_MOST_ENSEMBLE} models."
        )
    return int(size)


def _kind(name: str, variable: str) -> ProviderKind:
    try:
        return ProviderKind(name.lower())
    except ValueError:
        known = ", ".join(kind.value for kind in ProviderKind)
        raise ConfigurationError(f"{variable} names {name!r}; known providers are {known}.") from None


def _primary_kind(env: _Environment) -> ProviderKind | None:
    """Return the named provider, or else the first one that has what it needs."""
    named = env.text("LLM_PROVIDER")
    if named:
        return None if named.lower() == "none" else _kind(named, "LLM_PROVIDER")
    if env.text("AZURE_OPENAI_ENDPOINT") and env.text("AZURE_OPENAI_API_KEY"):
        return ProviderKind.AZURE
    if env.text("OPENAI_API_KEY"):
        return ProviderKind.OPENAI
    if env.text("OPENAI_BASE_URL"):
        return ProviderKind.COMPATIBLE
    if env.text("GROQ_API_KEY"):
        return ProviderKind.GROQ
    return ProviderKind.OLLAMA if env.text("OLLAMA_BASE_URL") else None


@dataclass(frozen=True, slots=True)
class _Access:
    base_url: str = ""
    api_key: str = ""
    api_version: str = ""
    deployment: str = ""


def _access(env: _Environment, kind: ProviderKind) -> _Access:
    """Return address and key of a provider family.

    Raises:
        ConfigurationError: what the family cannot do without is missing.
    """
    access = {
        ProviderKind.OPENAI: lambda: _Access(env.text("OPENAI_BASE_URL"), env.text("OPENAI_API_KEY")),
        ProviderKind.COMPATIBLE: lambda: _Access(env.text("OPENAI_BASE_URL"), env.text("OPENAI_API_KEY")),
        ProviderKind.AZURE: lambda: _Access(
            env.text("AZURE_OPENAI_ENDPOINT"),
            env.text("AZURE_OPENAI_API_KEY"),
            env.text("AZURE_OPENAI_API_VERSION", DEFAULT_AZURE_API_VERSION),
            env.text("AZURE_OPENAI_DEPLOYMENT"),
        ),
        ProviderKind.GROQ: lambda: _Access(env.text("GROQ_BASE_URL"), env.text("GROQ_API_KEY")),
        ProviderKind.OLLAMA: lambda: _Access(env.text("OLLAMA_BASE_URL", "http://localhost:11434")),
    }[kind]()
    check_access(kind, base_url=access.base_url, api_key=access.api_key)
    return access


def check_access(kind: ProviderKind, *, base_url: str, api_key: str) -> None:
    """Refuse a provider without what its family cannot be called without.

    Raises:
        ConfigurationError: the key or the address is missing.
    """
    if kind in NEED_KEY and not api_key:
        raise ConfigurationError(f"The API key of {kind.value} is missing.")
    if kind in NEED_ADDRESS and not base_url:
        raise ConfigurationError(f"The address of {kind.value} is missing.")


def is_address(url: str) -> bool:
    """True for an http or https address with a host that can be called."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _effort(env: _Environment, kind: ProviderKind, model: str) -> str | None:
    """Reasoning models think for longer than the deadline unless told to be brief."""
    named = env.text("LLM_REASONING_EFFORT")
    if named:
        return None if named.lower() == "default" else named
    return default_effort(kind, model)


def default_effort(kind: ProviderKind, model: str) -> str | None:
    """How long a model may think where nobody said; None leaves it out of the request."""
    return "low" if kind in {ProviderKind.OPENAI, ProviderKind.AZURE} and model.startswith("gpt-5") else None


def default_temperature(kind: ProviderKind) -> float | None:
    """As steady as can be; OpenAI's reasoning models refuse the parameter, so it is left out for them."""
    return 0.0 if kind in {ProviderKind.GROQ, ProviderKind.OLLAMA, ProviderKind.COMPATIBLE} else None


def _structured_output(env: _Environment) -> StructuredOutput:
    name = env.text("LLM_STRUCTURED_OUTPUT", StructuredOutput.JSON_SCHEMA.value)
    try:
        return StructuredOutput(name.lower())
    except ValueError:
        raise ConfigurationError("LLM_STRUCTURED_OUTPUT is neither json_schema nor json_object.") from None


def _provider(env: _Environment, kind: ProviderKind, model: str) -> ProviderConfig:
    access = _access(env, kind)
    model = model or DEFAULT_MODELS.get(kind, "") or access.deployment
    if kind is ProviderKind.AZURE and not (access.deployment or model):
        raise ConfigurationError("AZURE_OPENAI_DEPLOYMENT is missing.")
    return ProviderConfig(
        kind=kind,
        model=model,
        base_url=access.base_url,
        api_key=access.api_key,
        api_version=access.api_version,
        deployment=access.deployment or (model if kind is ProviderKind.AZURE else ""),
        num_ctx=int(env.number("OLLAMA_NUM_CTX", 8192)),
        max_tokens=int(env.number("MAX_TOKENS", 2048)),
        timeout_seconds=env.number("LLM_TIMEOUT_SECONDS", 10.0),
        connect_seconds=env.number("LLM_CONNECT_SECONDS", 3.0),
        price_input=env.money("LLM_PRICE_INPUT") or Decimal(0),
        price_output=env.money("LLM_PRICE_OUTPUT") or Decimal(0),
        internal=kind.value in env.names("LLM_INTERNAL_PROVIDERS"),
        structured_output=_structured_output(env),
        reasoning_effort=_effort(env, kind, model),
        temperature=default_temperature(kind),
    )


def providers_from_env(values: Mapping[str, str]) -> list[ProviderConfig]:
    """Return the providers in the order in which they are asked; empty when none is configured.

    ``LLM_FALLBACKS`` lists further ones as ``provider:model``, separated by commas. Prices belong to
    the first provider; a fallback's own are ``LLM_PRICE_INPUT_<PROVIDER>`` and ``…_OUTPUT_…``.

    Raises:
        ConfigurationError: a provider is named without its key, address or model.
    """
    env = _Environment(values)
    primary = _primary_kind(env)
    if primary is None:
        return []
    providers = [_provider(env, primary, env.text("LLM_MODEL"))]
    for entry in env.names("LLM_FALLBACKS"):
        name, _, model = entry.partition(":")
        kind = _kind(name.strip(), "LLM_FALLBACKS")
        suffixed = {
            "LLM_PRICE_INPUT": env.text(f"LLM_PRICE_INPUT_{kind.value.upper()}"),
            "LLM_PRICE_OUTPUT": env.text(f"LLM_PRICE_OUTPUT_{kind.value.upper()}"),
        }
        providers.append(_provider(_Environment({**values, **suffixed}), kind, model.strip()))
    return providers
