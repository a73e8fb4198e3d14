"""Answering a repeated POST with its first answer (A2). Rows live in the database and outlive the cache."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy

from common.exceptions import Conflict, Unprocessable
from teams.models import IdempotencyRecord

KEEP = timedelta(hours=24)
RUNNING_AT_MOST = timedelta(minutes=5)


class RequestRunning(Conflict):
    """The first request with this key has not finished."""

    code = "idempotency_in_progress"
    default_message = gettext_lazy("The first request with this Idempotency-Key is still running.")


class KeyReused(Unprocessable):
    """The key was used with another body."""

    code = "idempotency_key_reused"
    default_message = gettext_lazy("This Idempotency-Key was used with another body.")


@dataclass(frozen=True, slots=True)
class Begun:
    """A record to finish (``replay`` is None) or the answer to give again."""

    record: IdempotencyRecord
    replay: tuple[int, Any] | None


def idempotency_begin(*, caller: str, route: str, key: str, body_hash: str, now: datetime) -> Begun:
    """Claim the key for this request, or return the first answer. Raises RequestRunning, KeyReused.

    The unique constraint decides between two requests at once. A record whose request died without an answer
    can be taken over after a few minutes.
    """
    IdempotencyRecord.objects.filter(caller=caller, route=route, key=key, expires_at__lt=now).delete()
    try:
        with transaction.atomic():
            record = IdempotencyRecord.objects.create(
                caller=caller, route=route, key=key, body_hash=body_hash, expires_at=now + KEEP
            )
    except IntegrityError:
        return _existing(caller, route, key, body_hash, now)
    return Begun(record, None)


def _existing(caller: str, route: str, key: str, body_hash: str, now: datetime) -> Begun:
    record = IdempotencyRecord.objects.filter(caller=caller, route=route, key=key).first()
    if record is None:
        raise RequestRunning(retry_after_seconds=1)
    if record.body_hash != body_hash:
        raise KeyReused
    if record.status_code is not None:
        return Begun(record, (record.status_code, record.response))
    taken = IdempotencyRecord.objects.filter(
        pk=record.pk, status_code=None, created_at__lt=now - RUNNING_AT_MOST
    ).update(created_at=now)
    if taken:
        return Begun(record, None)
    raise RequestRunning(retry_after_seconds=1)


def idempotency_finish(*, record: IdempotencyRecord, status_code: int, response: Any) -> None:
    """Keep the answer for repeats."""
    record.status_code, record.response = status_code, response
    record.save(update_fields=["status_code", "response", "updated_at"])


def idempotency_abandon(*, record: IdempotencyRecord) -> None:
    """Free the key after an answer that a retry may better: server errors and throttling."""
    record.delete()


def idempotency_expire(*, now: datetime) -> int:
    """Remove records past their day; returns how many."""
    deleted, _ = IdempotencyRecord.objects.filter(expires_at__lt=now).delete()
    return deleted
