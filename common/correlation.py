"""The id that ties a request, its tasks and its outside calls together in logs and audit."""

from __future__ import annotations

import uuid

import structlog


def correlation_id() -> str:
    """The id of the current request or task; a new one outside both."""
    bound = structlog.contextvars.get_contextvars()
    return str(bound.get("correlation_id") or bound.get("request_id") or uuid.uuid4())
