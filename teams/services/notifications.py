"""Delivering the outbox: claimed with a lease, sent side by side, logged, tried again (S4, S5).

Tables are read and written by the calling thread alone; the threads only carry bytes. One receiver has one
message in flight, so that a slow or broken one keeps back nothing but its own.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from common.registries import Obsolete
from teams.choices import Channel, NotificationState
from teams.models import DeliveryAttempt, Notification, NotificationTarget
from teams.services.channels import COMPOSING_FAILS, Outcome, Outgoing, compose, message_id, transmit
from teams.services.owing import News, alert_tell, notification_owe, notification_tell, notifications_tell
from teams.services.sorting import exceeds_cap, fold, sort_out
from teams.services.targets import target_failed, target_gone, target_succeeded

__all__ = [
    "ATTEMPTS",
    "LEASE",
    "News",
    "alert_tell",
    "message_id",
    "notification_owe",
    "notification_replay",
    "notification_tell",
    "notifications_deliver",
    "notifications_tell",
]

logger = structlog.get_logger(__name__)
LEASE = timedelta(minutes=2)
ATTEMPTS = 8
SIDE_BY_SIDE = 8
PASS_SECONDS = 60.0
CALL_SECONDS = 30.0
_BACKOFF_SECONDS = 30
_Post = Callable[[Outgoing], Outcome]


def notifications_deliver(*, now: datetime, limit: int = 200, send: _Post = transmit) -> int:
    """Deliver what is due; one that fails never stops the others. Returns how many were sent.

    At-least-once: doubled only by a kill between the server's acceptance and the mark, and then with the
    same Message-ID or webhook id.
    """
    due = Notification.objects.free(now=now)
    due.filter(attempts__gte=ATTEMPTS).update(
        state=NotificationState.FAILED, lease_token=None, lease_until=None, error="Every try died half-way."
    )
    fold(now=now)
    return _Pass(now, send).run(limit)


@transaction.atomic
def notification_replay(*, row: Notification, now: datetime) -> bool:
    """Owe a message that was given up, skipped or sent again, under its id. False where it is still owed."""
    over = (NotificationState.FAILED, NotificationState.SKIPPED, NotificationState.SENT)
    again = Notification.objects.filter(pk=row.pk, state__in=over)
    return bool(
        again.update(
            state=NotificationState.PENDING, attempts=0, next_at=now, error="", lease_token=None, sent_at=None
        )
    )


@dataclass(slots=True)
class _Flight:
    """A message on its way."""

    row: Notification
    token: UUID
    key: str
    until: float


class _Pass:
    """One round through what is due."""

    def __init__(self, now: datetime, send: _Post) -> None:
        self._now, self._send = now, send
        self._lanes: dict[str, deque[int]] = {}
        self._flights: dict[int, _Flight] = {}
        self._back: queue.SimpleQueue[tuple[int, Outcome]] = queue.SimpleQueue()
        self._sent = 0

    def run(self, limit: int) -> int:
        """Fill the lanes, send until they are empty or the time of a pass is over."""
        rows = Notification.objects.free(now=self._now).select_related("target__user", "target__team")
        for row, key in sort_out(list(rows.order_by("next_at", "pk")[:limit]), now=self._now):
            self._lanes.setdefault(key, deque()).append(row.pk)
        ends = time.monotonic() + PASS_SECONDS
        while self._flights or (any(self._lanes.values()) and time.monotonic() < ends):
            if time.monotonic() < ends:
                self._start()
            self._land()
        return self._sent

    def _start(self) -> None:
        """Send the next message of every lane that has none in flight."""
        busy = {flight.key for flight in self._flights.values()}
        for key, lane in self._lanes.items():
            while lane and key not in busy and len(self._flights) < SIDE_BY_SIDE:
                if self._take_off(lane.popleft(), key):
                    busy.add(key)

    def _take_off(self, pk: int, key: str) -> bool:
        token = _claim(pk, self._now)
        if token is None:
            return False
        row = Notification.objects.select_related("target__user", "target__team").get(pk=pk)
        if exceeds_cap(row, now=timezone.now()):
            return False
        outgoing = _composed(row, token)
        if outgoing is None:
            return False
        self._flights[pk] = _Flight(row, token, key, time.monotonic() + CALL_SECONDS)
        carry = threading.Thread(target=self._carry, args=(pk, outgoing), name="notification", daemon=True)
        carry.start()
        return True

    def _carry(self, pk: int, outgoing: Outgoing) -> None:
        try:
            outcome = self._send(outgoing)
        except Exception as error:  # A sender with a mistake costs its own message only.
            logger.exception("notification_broken")
            outcome = Outcome(error=type(error).__name__)
        self._back.put((pk, outcome))

    def _land(self) -> None:
        """Take what has come back; a call that hangs past its deadline is left behind."""
        if not self._flights:
            return
        left = min(flight.until for flight in self._flights.values()) - time.monotonic()
        try:
            pk, outcome = self._back.get(timeout=max(left, 0.01))
        except queue.Empty:
            for pk in [pk for pk, flight in self._flights.items() if flight.until <= time.monotonic()]:
                self._settle(self._flights.pop(pk), Outcome(error="No answer in time.", unreachable=True))
            return
        if pk in self._flights:
            self._settle(self._flights.pop(pk), outcome)

    def _settle(self, flight: _Flight, outcome: Outcome) -> None:
        if _settle(flight.row, flight.token, outcome):
            self._sent += 1
        elif outcome.unreachable:
            # Set back together: rows that stay due would fill every pass and keep the other receivers out.
            lane = self._lanes[flight.key]
            left = Notification.objects.free(now=self._now).filter(pk__in=list(lane))
            left.update(next_at=timezone.now() + timedelta(seconds=_BACKOFF_SECONDS))
            lane.clear()


def _claim(pk: int, now: datetime) -> UUID | None:
    token = uuid4()
    taken = (
        Notification.objects.free(now=now)
        .filter(pk=pk)
        .update(
            state=NotificationState.SENDING,
            lease_token=token,
            lease_until=timezone.now() + LEASE,
            attempts=F("attempts") + 1,
        )
    )
    return token if taken else None


def _composed(row: Notification, token: UUID) -> Outgoing | None:
    """The message; None where there is none to send, and the row then says why."""
    try:
        return compose(row)
    except Obsolete as reason:
        mine = Notification.objects.filter(pk=row.pk, lease_token=token)
        mine.update(state=NotificationState.SKIPPED, lease_token=None, error=str(reason))
        return None
    except COMPOSING_FAILS as error:
        logger.warning("notification_failed", kind=row.kind, attempt=row.attempts, error=type(error).__name__)
        _settle(row, token, Outcome(error=type(error).__name__))
        return None
    except Exception as error:  # A renderer with a mistake: the other messages go out, and this one is kept.
        logger.exception("notification_broken", kind=row.kind, attempt=row.attempts)
        _settle(row, token, Outcome(error=type(error).__name__))
        return None


@transaction.atomic
def _settle(row: Notification, token: UUID, outcome: Outcome) -> bool:
    """Write down a try and what follows from it; whoever has lost the lease only logs. True when sent."""
    now = timezone.now()
    DeliveryAttempt.objects.create(
        notification=row,
        at=now,
        succeeded=outcome.succeeded,
        status=outcome.status,
        error=outcome.error[:300],
        duration_ms=outcome.duration_ms,
    )
    mine = Notification.objects.filter(pk=row.pk, lease_token=token)
    if outcome.succeeded:
        if row.target is not None and row.channel != Channel.EMAIL:
            target_succeeded(target=row.target)
        return bool(mine.update(state=NotificationState.SENT, sent_at=now, lease_token=None, error=""))
    logger.warning("notification_failed", kind=row.kind, attempt=row.attempts, error=outcome.error)
    if row.target is not None and row.channel != Channel.EMAIL and outcome.unreachable:
        _blame(row.target, outcome, now)
    last = outcome.permanent or outcome.gone or row.attempts >= ATTEMPTS
    delay = timedelta(seconds=max(_BACKOFF_SECONDS * 2 ** (row.attempts - 1), min(outcome.retry_after, 900)))
    mine.update(
        state=NotificationState.FAILED if last else NotificationState.PENDING,
        next_at=now + delay,
        lease_token=None,
        lease_until=None,
        error=outcome.error,
    )
    return False


def _blame(target: NotificationTarget, outcome: Outcome, now: datetime) -> None:
    if outcome.gone:
        target_gone(target=target)
    target_failed(target=target, now=now, retry_after=outcome.retry_after)
