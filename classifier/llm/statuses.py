"""From an HTTP status and an error body to a named failure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time

from classifier.llm.types import FailureKind, LlmError

_DECOMMISSIONED = ("model_decommissioned", "model_not_active", "model_deprecated", "decommissioned")
_MODEL_MISSING = ("model_not_found", "model_not_exist", "deploymentnotfound")
_QUOTA = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "quota_exceeded")
_OVERFLOW = (
    "context_length_exceeded",
    "maximum context length",
    "exceeds the context length",
    "context window",
    "prompt is too long",
)
_FILTERED = ("content_filter", "responsibleaipolicyviolation", "content_policy_violation")
_SCHEMA = (
    "invalid_json_schema",
    "response_format",
    "json_schema",
    "unsupported_value",
    "unsupported_parameter",
)
_GENERATED_BADLY = ("json_validate_failed",)


@dataclass(frozen=True, slots=True)
class _Complaint:
    """An error body in lower case. Only ``codes`` may name a setting: a message can quote the ticket,
    and a ticket must not be able to pause a provider."""

    codes: str
    message: str

    @property
    def words(self) -> str:
        return f"{self.codes} {self.message}"


def _complaint(body: object) -> _Complaint:
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if not isinstance(error, Mapping):
        return _Complaint("", str(error or "")[:2000].lower())
    inner = error.get("innererror")
    codes = [error.get(name) for name in ("code", "type", "param")]
    codes.append(inner.get("code") if isinstance(inner, Mapping) else None)
    return _Complaint(
        " ".join(str(code)[:200] for code in codes if code).lower(),
        str(error.get("message") or "")[:2000].lower(),
    )


def _says(words: str, signs: tuple[str, ...]) -> bool:
    return any(sign in words for sign in signs)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds the provider asks us to wait, from a number or a date; None if unreadable."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


_BY_STATUS: Mapping[int, FailureKind] = {
    401: FailureKind.AUTH,
    402: FailureKind.QUOTA_EXHAUSTED,
    403: FailureKind.AUTH,
    404: FailureKind.NOT_FOUND,
    405: FailureKind.NOT_FOUND,
    408: FailureKind.TIMEOUT,
    409: FailureKind.HTTP_5XX,
    410: FailureKind.MODEL_DECOMMISSIONED,
    413: FailureKind.CONTEXT_OVERFLOW,
    425: FailureKind.HTTP_5XX,
    429: FailureKind.RATE_LIMITED,
}


def _kind_of_client_error(status: int, complaint: _Complaint) -> FailureKind:
    """Name a 4xx. Order matters: the specific sign beats the bare status."""
    before_status = (
        (_says(complaint.codes, _FILTERED), FailureKind.CONTENT_FILTER),
        (_says(complaint.codes, _DECOMMISSIONED), FailureKind.MODEL_DECOMMISSIONED),
        (_says(complaint.codes, _QUOTA), FailureKind.QUOTA_EXHAUSTED),
    )
    after_status = (
        (_says(complaint.words, _OVERFLOW), FailureKind.CONTEXT_OVERFLOW),
        (_says(complaint.codes, _GENERATED_BADLY), FailureKind.NOT_JSON),
        (_says(complaint.codes, _MODEL_MISSING), FailureKind.NOT_FOUND),
        (_says(complaint.codes, _SCHEMA), FailureKind.SCHEMA_REJECTED),
        (True, FailureKind.BAD_REQUEST),
    )
    by_status = ((status in _BY_STATUS, _BY_STATUS.get(status, FailureKind.BAD_REQUEST)),)
    return next(kind for holds, kind in (*before_status, *by_status, *after_status) if holds)


def error_for_status(status: int, headers: Mapping[str, str], body: object) -> LlmError:
    """Return the failure that a status of 300 or more stands for. The message repeats no ticket text."""
    if 300 <= status < 400:
        return LlmError(FailureKind.REDIRECT, f"The provider redirected with status {status}.")
    kind = FailureKind.HTTP_5XX if status >= 500 else _kind_of_client_error(status, _complaint(body))
    return LlmError(
        kind, f"The provider answered with status {status}.", retry_after_seconds=retry_after(headers)
    )
