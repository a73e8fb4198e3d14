"""Providers and settings from the environment."""

from __future__ import annotations

from decimal import Decimal

import pytest

from classifier.llm.config import (
    ConfigurationError,
    ProviderKind,
    StructuredOutput,
    providers_from_env,
    settings_from_env,
)


def test_an_empty_environment_has_no_provider() -> None:
    """O6: no key, no call; also when the names are there and empty."""
    assert providers_from_env({}) == []
    assert providers_from_env({"OPENAI_API_KEY": " ", "LLM_PROVIDER": "", "LLM_MODEL": "x"}) == []
    assert providers_from_env({"OPENAI_API_KEY": "k", "LLM_PROVIDER": "none"}) == []


@pytest.mark.parametrize(
    ("values", "kind", "model", "url"),
    [
        ({"OPENAI_API_KEY": "k"}, "openai", "gpt-5-mini", "https://api.openai.com/v1"),
        ({"OPENAI_API_KEY": "k", "LLM_MODEL": "m"}, "openai", "m", "https://api.openai.com/v1"),
        ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://x/v1/"}, "openai", "gpt-5-mini", "http://x/v1"),
        ({"OPENAI_BASE_URL": "http://x/v1", "LLM_MODEL": "m"}, "compatible", "m", "http://x/v1"),
        ({"GROQ_API_KEY": "k", "LLM_MODEL": "m"}, "groq", "m", "https://api.groq.com"),
        ({"OLLAMA_BASE_URL": "http://o:11434", "LLM_MODEL": "m"}, "ollama", "m", "http://o:11434"),
        ({"LLM_PROVIDER": "ollama", "LLM_MODEL": "m"}, "ollama", "m", "http://localhost:11434"),
        (
            {
                "AZURE_OPENAI_ENDPOINT": "https://a",
                "AZURE_OPENAI_API_KEY": "k",
                "AZURE_OPENAI_DEPLOYMENT": "d",
            },
            "azure",
            "d",
            "https://a",
        ),
    ],
)
def test_each_provider_is_found(values: dict[str, str], kind: str, model: str, url: str) -> None:
    """C9, O6: chosen by environment."""
    (config,) = providers_from_env(values)
    assert (config.kind.value, config.model, config.url) == (kind, model, url)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"GROQ_API_KEY": "k"}, "LLM_MODEL"),
        ({"LLM_PROVIDER": "ollama"}, "LLM_MODEL"),
        ({"LLM_PROVIDER": "openai"}, "API key of openai"),
        ({"LLM_PROVIDER": "azure", "AZURE_OPENAI_API_KEY": "k"}, "address of azure"),
        ({"LLM_PROVIDER": "compatible", "LLM_MODEL": "m"}, "address of compatible"),
        ({"LLM_PROVIDER": "skynet"}, "LLM_PROVIDER names 'skynet'"),
        ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "ftp://x"}, "http or https"),
        ({"OPENAI_API_KEY": "k", "LLM_FALLBACKS": "groq"}, "API key of groq"),
        ({"OPENAI_API_KEY": "k", "GROQ_API_KEY": "g", "LLM_FALLBACKS": "groq"}, "LLM_MODEL"),
        ({"OPENAI_API_KEY": "k", "MAX_TOKENS": "many"}, "MAX_TOKENS"),
        ({"OPENAI_API_KEY": "k", "LLM_STRUCTURED_OUTPUT": "xml"}, "LLM_STRUCTURED_OUTPUT"),
        ({"OPENAI_API_KEY": "k", "LLM_PRICE_INPUT": "-1"}, "LLM_PRICE_INPUT"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(values: dict[str, str], complaint: str) -> None:
    """O6: no retired model is assumed, no half configuration accepted."""
    with pytest.raises(ConfigurationError, match=complaint):
        providers_from_env(values)


def test_fallbacks_follow_in_order_with_models_and_prices_of_their_own() -> None:
    """C9: ordered fallbacks."""
    configs = providers_from_env(
        {
            "OPENAI_API_KEY": "k",
            "GROQ_API_KEY": "g",
            "OLLAMA_BASE_URL": "http://o:11434",
            "LLM_FALLBACKS": "groq:openai/gpt-oss-20b, ollama:llama3.1:8b",
            "LLM_PRICE_INPUT": "0.25",
            "LLM_PRICE_INPUT_GROQ": "0.1",
            "LLM_INTERNAL_PROVIDERS": "ollama",
        }
    )
    assert [(config.kind.value, config.model) for config in configs] == [
        ("openai", "gpt-5-mini"),
        ("groq", "openai/gpt-oss-20b"),
        ("ollama", "llama3.1:8b"),
    ]
    assert [config.price_input for config in configs] == [Decimal("0.25"), Decimal("0.1"), Decimal(0)]
    assert [config.internal for config in configs] == [False, False, True]


def test_the_details_take_effect() -> None:
    """O6: each variable reaches the provider."""
    (config,) = providers_from_env(
        {
            "LLM_PROVIDER": "groq",
            "GROQ_API_KEY": "k",
            "LLM_MODEL": "m",
            "MAX_TOKENS": "500",
            "LLM_TIMEOUT_SECONDS": "4.5",
            "LLM_CONNECT_SECONDS": "1",
            "LLM_STRUCTURED_OUTPUT": "json_object",
            "LLM_REASONING_EFFORT": "medium",
            "OLLAMA_NUM_CTX": "16000",
        }
    )
    assert (config.max_tokens, config.timeout_seconds, config.connect_seconds) == (500, 4.5, 1.0)
    assert config.structured_output is StructuredOutput.JSON_OBJECT
    assert (config.reasoning_effort, config.num_ctx, config.kind) == ("medium", 16000, ProviderKind.GROQ)


def test_the_settings_of_the_layers_take_effect() -> None:
    """O6: deadline, cache, rate, budgets, breaker."""
    settings = settings_from_env(
        {
            "LLM_TIMEOUT_SECONDS": "7",
            "LLM_CACHE_SECONDS": "60",
            "LLM_RATE_PER_MINUTE": "30",
            "LLM_DAILY_BUDGET": "2.50",
            "LLM_MONTHLY_BUDGET": "40",
            "CIRCUIT_BREAKER_THRESHOLD": "5",
            "CIRCUIT_BREAKER_TIMEOUT": "15",
        }
    )
    assert (settings.total_seconds, settings.cache_seconds, settings.rate_per_minute) == (7.0, 60, 30)
    assert (settings.daily_budget, settings.monthly_budget) == (Decimal("2.50"), Decimal(40))
    assert (settings.breaker_minimum_calls, settings.breaker_open_seconds) == (5, 15.0)
    assert (settings.bulk_size, settings_from_env({"LLM_BULK_SIZE": "10"}).bulk_size) == (1, 10)
    for size in ("0", "11", "2.5"):
        with pytest.raises(ConfigurationError, match="LLM_BULK_SIZE"):
            settings_from_env({"LLM_BULK_SIZE": size})
    assert (settings.ensemble, settings_from_env({"LLM_ENSEMBLE": "3"}).ensemble) == (0, 3)
    for size in ("1", "2", "2.5", "10", "three"):
        with pytest.raises(ConfigurationError, match="LLM_ENSEMBLE"):
            settings_from_env({"LLM_ENSEMBLE": size})
    with pytest.raises(ConfigurationError, match="LLM_TIMEOUT_SECONDS"):
        settings_from_env({"LLM_TIMEOUT_SECONDS": "0"})
