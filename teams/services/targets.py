"""Places that are told: saved with their secrets encrypted, set back or paused when they fail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from common.exceptions import ValidationFailed
from common.outbound import OutboundError, url_check
from teams.choices import Channel, NotificationState
from teams.models import Notification, NotificationTarget, User
from teams.services.alerts import alert_raise, alert_resolve
from teams.services.credentials import secret_encrypt

PAUSE_AFTER = 10
"""Failures in a row after which a target is left alone until somebody looks at it."""

PAUSED_RULE = "notification_target"
_FIRST_PAUSE_SECONDS = 30
_LONGEST = timedelta(hours=1)
_LONGEST_ASKED = timedelta(minutes=15)


def target_save(*, target: NotificationTarget, url: str = "", signing_secret: str = "") -> NotificationTarget:
    """Save a target; a new URL is judged first and kept encrypted. Asks the resolver: not in a transaction.

    Raises ValidationFailed for an address that leads inwards or is none, Conflict where no key is set.
    """
    if target.channel == Channel.EMAIL:
        target.secret_url = target.signing_secret = None
        target.address = target.address.strip().lower()
    elif url:
        url_refuse(url)
        target.secret_url = secret_encrypt(url)
        target.address = (urlsplit(url).hostname or "")[:320]
    elif not target.secret_url:
        raise ValidationFailed(fields={"url": [_("Enter the address of the channel.")]})
    if signing_secret:
        target.signing_secret = secret_encrypt(signing_secret)
    with transaction.atomic():
        target.full_clean()
        target.save()
    return target


def url_refuse(url: str) -> None:
    """Raise ValidationFailed for a URL we would never post to."""
    try:
        url_check(url, allow_private=settings.WEBHOOK_ALLOW_PRIVATE_ADDRESSES)
    except OutboundError as error:
        raise ValidationFailed(error.message, fields={"url": [error.message]}) from None


def target_succeeded(*, target: NotificationTarget) -> None:
    """A delivery went through: earlier failures are forgotten."""
    if target.failures:
        NotificationTarget.objects.filter(pk=target.pk).update(failures=0, next_at=None)


@transaction.atomic
def target_failed(*, target: NotificationTarget, now: datetime, retry_after: int = 0) -> None:
    """Count a failure and set the target back; after many in a row pause it and raise an alert."""
    rows = NotificationTarget.objects.filter(pk=target.pk)
    rows.update(failures=F("failures") + 1)
    failures = rows.values_list("failures", flat=True).get()
    pause = min(_LONGEST, timedelta(seconds=_FIRST_PAUSE_SECONDS * 2 ** min(failures - 1, 10)))
    asked = min(_LONGEST_ASKED, timedelta(seconds=retry_after))
    rows.update(next_at=now + max(pause, asked))
    if failures >= PAUSE_AFTER and rows.filter(paused_at=None).update(paused_at=now):
        alert_raise(
            rule=PAUSED_RULE,
            subject=f"target {target.pk}",
            message=f"“{target}” failed {failures} times in a row and is paused. Its log says why.",
            client=target.team.client if target.team is not None else None,
            now=now,
        )


def target_gone(*, target: NotificationTarget) -> None:
    """The receiver said that it is gone for good (410): it is not asked again."""
    NotificationTarget.objects.filter(pk=target.pk).update(is_active=False)


@transaction.atomic
def target_resume(*, target: NotificationTarget, now: datetime) -> int:
    """Take a paused target up again; what waited for it is due now. Returns how many messages that are."""
    NotificationTarget.objects.filter(pk=target.pk).update(failures=0, next_at=None, paused_at=None)
    alert_resolve(rule=PAUSED_RULE, subject=f"target {target.pk}", now=now)
    waiting = Notification.objects.filter(target=target, state=NotificationState.PENDING)
    return waiting.update(next_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """What a person chose for one channel; no kinds: nothing is sent by it."""

    channel: str
    kinds: list[str]
    digest: str = ""
    quiet_from: time | None = None
    quiet_until: time | None = None
    urgent_passes: bool = True
    time_zone: str = ""
    url: str = ""


def preference_save(*, user: User, wanted: Preference) -> NotificationTarget:
    """Keep a person's choice; it holds from the next delivery on, for what is already owed too.

    A person has one chat: another one takes its place. Raises ValidationFailed, Conflict.
    """
    if wanted.channel == Channel.EMAIL and not user.email:
        raise ValidationFailed(_("Your account has no e-mail address; ask an administrator."))
    rows = NotificationTarget.objects.filter(user=user)
    target = rows.filter(channel=wanted.channel).first() or NotificationTarget(
        user=user, channel=wanted.channel
    )
    if wanted.channel == Channel.EMAIL:
        target.address = user.email
    target.kinds, target.is_active = list(wanted.kinds), bool(wanted.kinds)
    target.digest, target.urgent_passes = wanted.digest, wanted.urgent_passes
    target.quiet_from, target.quiet_until = wanted.quiet_from, wanted.quiet_until
    if wanted.time_zone:
        user.time_zone = wanted.time_zone
        user.save(update_fields=["time_zone"])
    saved = target_save(target=target, url=wanted.url)
    if wanted.channel != Channel.EMAIL:
        rows.exclude(pk=saved.pk).exclude(channel=Channel.EMAIL).delete()
    return saved
