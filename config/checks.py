"""System checks: contradictions between settings, each with an id and a hint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

_MIN_KEY = 32


def _production() -> bool:
    return settings.ENVIRONMENT == "production"


@register(Tags.security)
def settings_fit_together(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """What must not, or should not, be so in a production configuration."""
    if not _production():
        return []
    return [message for check in _CHECKS for message in check()]


def _demo() -> list[CheckMessage]:
    if not settings.DEMO:
        return []
    hint = "Unset DEMO; the demo accounts have a public password."
    return [Error("The demo is switched on in production.", hint=hint, id="switchyard.E001")]


def _secret_key() -> list[CheckMessage]:
    if len(settings.SECRET_KEY) >= _MIN_KEY:
        return []
    hint = "Set SECRET_KEY or SECRET_KEY_FILE to at least 32 random characters."
    return [Error("SECRET_KEY is missing or short.", hint=hint, id="switchyard.E002")]


def _debug() -> list[CheckMessage]:
    if not settings.DEBUG:
        return []
    return [Error("DEBUG is on in production.", hint="Unset DEBUG.", id="switchyard.E003")]


def _hosts() -> list[CheckMessage]:
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    hint = "Name the hosts in ALLOWED_HOSTS."
    return [Error("Any host name is accepted.", hint=hint, id="switchyard.E004")]


def _credential_keys() -> list[CheckMessage]:
    if settings.CREDENTIAL_KEYS:
        return []
    hint = "Set CREDENTIAL_KEYS to a Fernet key; rotate by putting a new one in front."
    return [Warning("Stored credentials have no key of their own.", hint=hint, id="switchyard.W001")]


def _embedded() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        hint = "Set DATABASE_URL to a PostgreSQL server."
        found.append(Warning("SQLite serves one machine only.", hint=hint, id="switchyard.W002"))
    if not settings.REDIS_URL:
        hint = "Set REDIS_URL."
        found.append(Warning("The file broker serves one machine only.", hint=hint, id="switchyard.W003"))
    if not settings.AWS_STORAGE_BUCKET_NAME:
        hint = "Set AWS_STORAGE_BUCKET_NAME, or share VAR_DIR between all machines."
        found.append(Warning("Files are kept in a local folder.", hint=hint, id="switchyard.W004"))
    return found


def _wildcard_cors() -> list[CheckMessage]:
    if "*" not in settings.CORS_ALLOWED_ORIGINS:
        return []
    hint = "Name the origins in CORS_ALLOWED_ORIGINS."
    return [Error("Any origin may call the API.", hint=hint, id="switchyard.E005")]


def _private_receivers() -> list[CheckMessage]:
    if not settings.WEBHOOK_ALLOW_PRIVATE_ADDRESSES:
        return []
    hint = (
        "Unset WEBHOOK_ALLOW_PRIVATE_ADDRESSES: whoever may enter an address could reach your inner network."
    )
    return [Warning("Webhooks may lead into private networks.", hint=hint, id="switchyard.W010")]


_CHECKS: tuple[Callable[[], list[CheckMessage]], ...] = (
    _demo,
    _secret_key,
    _debug,
    _hosts,
    _credential_keys,
    _embedded,
    _wildcard_cors,
    _private_receivers,
)
