"""What of the outbox goes out now, what waits to be collected, and what nobody wants (S5).

Preferences are read here, at the last moment, so that a change takes effect on what is already owed. Nothing
is dropped: a message waits with its reason, is carried by another one, or is skipped with a reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from common.registries import Obsolete, notification_renderers
from teams.choices import Channel, Hold, NoticeKind, NotificationState
from teams.models import Notification, NotificationTarget
from teams.services.channels import mail_parts
from teams.services.timing import digest_due, next_hour, quiet_end

COLLECTED = "notice.collected"
"""The kind of a message that carries others."""

_PAUSED_FOR = timedelta(days=3)
_FOLDED_AT_ONCE = 500
_SHOWN = 50


def sort_out(rows: list[Notification], *, now: datetime) -> list[tuple[Notification, str]]:
    """The rows to send now, each with the name of its receiver's lane; the others are put off or skipped."""
    own = _own_targets(rows)
    ready = []
    for row in rows:
        target = row.target or (own.get(row.recipient) if _of_staff(row) else None)
        if target is not None and not _goes_now(row, target, now):
            continue
        ready.append((row, "email" if row.channel == Channel.EMAIL else row.recipient))
    return ready


def _own_targets(rows: list[Notification]) -> dict[str, NotificationTarget]:
    """What people chose for the addresses that were owed to directly; never for mail to requesters."""
    addresses = {row.recipient for row in rows if row.target is None and _of_staff(row)}
    found = NotificationTarget.objects.filter(
        channel=Channel.EMAIL, user__email__in=addresses
    ).select_related("user", "team")
    return {target.user.email: target for target in found if target.user is not None}


def _of_staff(row: Notification) -> bool:
    return row.channel == Channel.EMAIL and area_of(row.kind) in NoticeKind.values


def area_of(kind: str) -> str:
    """The first part of a kind: what people choose by."""
    return kind.partition(".")[0]


def _goes_now(row: Notification, target: NotificationTarget, now: datetime) -> bool:
    wanted = not target.kinds or area_of(row.kind) in {*target.kinds, area_of(COLLECTED)}
    if not (target.is_active and wanted):
        _put(row, state=NotificationState.SKIPPED, error="The receiver does not want this kind of message.")
        return False
    if target.paused_at is not None:
        return _wait_for_paused(row, target, now)
    if target.next_at is not None and target.next_at > now:
        return _put(row, next_at=target.next_at)
    if row.urgent and target.urgent_passes:
        return True
    quiet = quiet_end(target, now=now)
    if quiet is not None:
        return _put(row, next_at=quiet, hold=Hold.QUIET)
    due = digest_due(target, now=now) if row.hold == Hold.NONE and row.kind != COLLECTED else None
    return due is None or _put(row, next_at=due, hold=Hold.DIGEST)


def _wait_for_paused(row: Notification, target: NotificationTarget, now: datetime) -> bool:
    if target.paused_at is not None and target.paused_at < now - _PAUSED_FOR:
        return _put(row, state=NotificationState.FAILED, error="The receiver has been paused for three days.")
    return _put(row, next_at=now + timedelta(hours=1))


def _put(row: Notification, **values: Any) -> bool:
    """Change a row that nobody has taken since it was read; False, because it does not go now."""
    unchanged = Notification.objects.filter(pk=row.pk, state=row.state, lease_token=row.lease_token)
    unchanged.update(**{"state": NotificationState.PENDING, "lease_token": None, **values})
    return False


def exceeds_cap(row: Notification, *, now: datetime) -> bool:
    """Hold a claimed row back where its recipient has had enough of its kind within the hour.

    The row is claimed and committed before others are counted: of two senders at least one sees the other,
    so that the cap is never exceeded. What was held goes out as one message at the full hour.
    """
    cap = settings.NOTIFICATION_CAP_PER_HOUR
    if not cap or row.urgent or row.kind == COLLECTED or row.hold or row.channel == Channel.WEBHOOK:
        return False
    same = Notification.objects.filter(channel=row.channel, recipient=row.recipient, kind=row.kind)
    recent = same.filter(state=NotificationState.SENT, sent_at__gt=now - timedelta(hours=1)).count()
    flying = same.filter(state=NotificationState.SENDING, lease_until__gt=now).exclude(pk=row.pk).count()
    if recent + flying < cap:
        return False
    mine = Notification.objects.filter(pk=row.pk, lease_token=row.lease_token)
    mine.update(
        state=NotificationState.PENDING,
        hold=Hold.CAP,
        next_at=next_hour(now=now),
        lease_token=None,
        lease_until=None,
        attempts=F("attempts") - 1,
    )
    return True


def fold(*, now: datetime) -> int:
    """Put held messages that are due into one for each recipient; returns how many such there are."""
    held = Notification.objects.filter(state=NotificationState.PENDING, next_at__lte=now).exclude(hold="")
    groups: dict[tuple[str, str, bool], list[int]] = defaultdict(list)
    rows = held.order_by("created_at", "pk").values_list("pk", "channel", "recipient", "kind")
    for pk, channel, recipient, kind in rows:
        groups[channel, recipient, area_of(kind) in NoticeKind.values].append(pk)
    return sum(_fold(pks[:_FOLDED_AT_ONCE], now) for pks in groups.values() if len(pks) > 1)


@transaction.atomic
def _fold(pks: list[int], now: datetime) -> bool:
    """Two at once: the row named by the first message exists once, and only who made it may fill it."""
    first = Notification.objects.select_related("target", "client").get(pk=pks[0])
    carrier, created = Notification.objects.get_or_create(
        event_key=f"fold:{first.uuid}",
        channel=first.channel,
        recipient=first.recipient,
        defaults={"kind": COLLECTED, "target": first.target, "client": first.client, "next_at": now},
    )
    if not created:
        return False
    waiting = Notification.objects.filter(pk__in=pks, state=NotificationState.PENDING)
    folded = waiting.update(state=NotificationState.FOLDED, folded_into=carrier)
    Notification.objects.filter(pk=carrier.pk).update(payload={"carrier": carrier.pk, "count": folded})
    return True


def render_collected(payload: Mapping[str, Any]) -> Mapping[str, str]:
    """One message for many: the subject of each and its first lines."""
    rows = Notification.objects.filter(folded_into=payload["carrier"]).order_by("created_at", "pk")
    items = []
    for row in rows[:_SHOWN]:
        try:
            parts = notification_renderers.get(row.kind)(row.payload)
        except (Obsolete, KeyError):
            continue
        lines = [line for line in parts["text"].splitlines() if line.strip()]
        items.append({"at": row.created_at, "subject": parts["subject"], "lines": lines[1:3]})
    if not items:
        raise Obsolete("Nothing of what was collected is of interest any more.")
    more = max(rows.count() - _SHOWN, 0)
    total = len(items) + more
    context = {"items": items, "more": more}
    subject = f"{total} messages" if total > 1 else items[0]["subject"]
    return mail_parts("teams/email/collected", subject=f"Collected: {subject}", context=context)
