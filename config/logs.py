"""Structured logs: JSON or text, one correlation id from request to task, nothing personal (O3, O7)."""

from __future__ import annotations

import logging.config
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from classifier.engine.redaction import scrub

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]

_OURS = frozenset({"timestamp", "level", "logger"})
"""Keys whose values come from the logger itself."""


def scrubbed(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take personal data and secrets out of a line: a traceback or a path may quote anything (C21)."""
    return {key: value if key in _OURS else _clean(value) for key, value in line.items()}


def _clean(value: Any) -> Any:
    """Return the value without personal data; what is no plain value becomes its text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(_clean(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    return scrub(str(value))


def logging_config(*, level: str, json_enabled: bool) -> dict[str, Any]:
    """The ``logging`` dictionary for one stream handler on stdout."""
    renderer = (
        structlog.processors.JSONRenderer()
        if json_enabled
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=32)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    scrubbed,
                    renderer,
                ],
            }
        },
        "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            "axes": {"level": "WARNING"},
            # Says at every start of the embedded set-up that its broker is no host.
            "kombu.connection": {"level": "ERROR"},
            "httpx": {"level": "WARNING"},
            "httpx2": {"level": "WARNING"},
            "openai": {"level": "WARNING"},
            "groq": {"level": "WARNING"},
            "py3langid": {"level": "WARNING"},
        },
    }


def configure(config: dict[str, Any]) -> None:
    """Set up ``logging`` and structlog together; called by Django through ``LOGGING_CONFIG``."""
    logging.config.dictConfig(config)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
