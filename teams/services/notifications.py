"""The notification outbox: owed once, claimed with a lease, delivered with retries (S4, S5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import F, Q
from django.utils import timezone

from common.registries import notification_renderers
from teams.choices import NotificationState
from teams.models import Client, Notification

logger = structlog.get_logger(__name__)
LEASE = timedelta(minutes=2)
ATTEMPTS = 8
_BACKOFF_SECONDS = 30


def notification_owe(
    *,
    event_key: str,
    kind: str,
    channel: str,
    recipient: str,
    payload: Mapping[str, Any],
    client: Client | None = None,
) -> bool:
    """Owe one message; False when it was owed before. Runs in the transaction of what caused it."""
    _, created = Notification.objects.get_or_create(
        event_key=event_key[:160],
        channel=channel,
        recipient=recipient[:320],
        defaults={"kind": kind, "payload": dict(payload), "client": client},
    )
    return created


def notifications_deliver(*, now: datetime, limit: int = 200) -> int:
    """Deliver what is due; one that fails never stops the others. Returns how many were sent.

    At-least-once: doubled only by a kill between the server's acceptance and the mark, and then with the
    same Message-ID.
    """
    due = Notification.objects.filter(_free(now), next_at__lte=now)
    due.filter(attempts__gte=ATTEMPTS).update(
        state=NotificationState.FAILED, lease_token=None, lease_until=None, error="Every try died half-way."
    )
    sent = 0
    for pk in list(due.order_by("next_at", "pk").values_list("pk", flat=True)[:limit]):
        token = _claim(pk, timezone.now())
        if token is not None:
            sent += _deliver(Notification.objects.get(pk=pk), token)
    return sent


def _free(now: datetime) -> Q:
    """Owed and held by nobody."""
    return Q(state=NotificationState.PENDING) | Q(state=NotificationState.SENDING, lease_until__lt=now)


def _claim(pk: int, now: datetime) -> UUID | None:
    token = uuid4()
    taken = Notification.objects.filter(_free(now), pk=pk, next_at__lte=now).update(
        state=NotificationState.SENDING,
        lease_token=token,
        lease_until=now + LEASE,
        attempts=F("attempts") + 1,
    )
    return token if taken else None


def _deliver(row: Notification, token: UUID) -> bool:
    try:
        _send(row)
    except (SMTPException, OSError, KeyError, ValueError) as error:
        logger.warning("notification_failed", kind=row.kind, attempt=row.attempts, error=type(error).__name__)
        _again(row, token, type(error).__name__)
        return False
    except Exception as error:  # A renderer with a mistake: the other messages go out, and this one is kept.
        logger.exception("notification_broken", kind=row.kind, attempt=row.attempts)
        _again(row, token, type(error).__name__)
        return False
    mine = Notification.objects.filter(pk=row.pk, lease_token=token)
    return bool(mine.update(state=NotificationState.SENT, sent_at=timezone.now(), lease_token=None, error=""))


def _again(row: Notification, token: UUID, error: str) -> None:
    """Later, with growing pauses; after the last try a person sees it in the outbox."""
    last = row.attempts >= ATTEMPTS
    delay = timedelta(seconds=_BACKOFF_SECONDS * 2 ** (row.attempts - 1))
    Notification.objects.filter(pk=row.pk, lease_token=token).update(
        state=NotificationState.FAILED if last else NotificationState.PENDING,
        next_at=timezone.now() + delay,
        lease_token=None,
        lease_until=None,
        error=error,
    )


def _send(row: Notification) -> None:
    """Send one mail.

    Raises KeyError for a kind nobody renders, ValueError for what cannot be put into a mail or another
    channel, SMTPException or OSError for the rest.
    """
    if row.channel != "email":
        raise ValueError(f"Nothing delivers to the channel {row.channel}.")
    parts = notification_renderers.get(row.kind)(row.payload)
    message = EmailMultiAlternatives(
        subject=" ".join(parts["subject"].split()),
        body=parts["text"],
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[row.recipient],
        headers={"Message-ID": message_id(row=row)},
    )
    if parts.get("html"):
        message.attach_alternative(parts["html"], "text/html")
    message.send()


def message_id(*, row: Notification) -> str:
    """The same for every try, so that a mail server can drop a double."""
    host = urlsplit(settings.SITE_URL).hostname or "localhost"
    return f"<{row.uuid.hex}@{host}>"
