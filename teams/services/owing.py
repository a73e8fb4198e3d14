"""Owing messages: rows in the transaction of what caused them, one for each that is told (S4, S5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from common.actors import Role
from teams.choices import Channel, NoticeKind, NotificationState
from teams.models import Client, Notification, NotificationTarget, Team, User
from teams.selectors import actor_for_user

HOUSE_SLACK = "house:slack"
"""The recipient that stands for SLACK_WEBHOOK_URL."""


def notification_owe(
    *,
    event_key: str,
    kind: str,
    channel: str,
    recipient: str,
    payload: Mapping[str, Any],
    client: Client | None = None,
    target: NotificationTarget | None = None,
    urgent: bool = False,
    not_before: datetime | None = None,
    skipped: str = "",
) -> bool:
    """Owe one message; False when it was owed before. Runs in the transaction of what caused it.

    ``urgent`` may pass quiet hours; ``skipped`` keeps the row with the reason why it is not sent.
    """
    _, created = Notification.objects.get_or_create(
        event_key=event_key[:160],
        channel=channel,
        recipient=recipient[:320],
        defaults={
            "kind": kind,
            "payload": dict(payload),
            "client": client,
            "target": target,
            "urgent": urgent,
            "next_at": not_before or timezone.now(),
            "state": NotificationState.SKIPPED if skipped else NotificationState.PENDING,
            "error": skipped,
        },
    )
    return created


def notification_tell(
    *,
    event_key: str,
    kind: str,
    payload: Mapping[str, Any],
    client: Client | None = None,
    team: Team | None = None,
    people: Iterable[User] = (),
    urgent: bool = False,
) -> int:
    """Owe a message to every target of a team and of people that wants its kind; returns how many are new.

    A person who has chosen nothing is told by e-mail. One address is told once, whoever it stands for.
    """
    told = [person for person in people if person.is_active]
    mine = NotificationTarget.objects.filter(Q(user__in=told) | Q(team=team, team__isnull=False))
    targets = list(mine.wanting(kind).select_related("user"))
    chosen = set(mine.filter(channel=Channel.EMAIL, user__in=told).values_list("user_id", flat=True))
    addresses = {person.email for person in told if person.email and person.pk not in chosen}
    common: dict[str, Any] = {
        "event_key": event_key,
        "kind": kind,
        "payload": payload,
        "client": client,
        "urgent": urgent,
    }
    new = sum(_owe_target(target, common) for target in targets)
    taken = {_mail_address(target) for target in targets if target.channel == Channel.EMAIL}
    for address in sorted(addresses - taken):
        new += notification_owe(channel=Channel.EMAIL, recipient=address, **common)
    return new


def alert_tell(
    *, event_key: str, kind: str, payload: Mapping[str, Any], client: Client | None, urgent: bool
) -> int:
    """Owe an alert to the house's targets, and to teams and leads who asked for alerts by name.

    An alert of a client reaches only what belongs to the client or to the house.
    """
    rows = NotificationTarget.objects.wanting(kind).select_related("user", "team")
    named = [row for row in rows if _hears_alerts(row, client)]
    common: dict[str, Any] = {
        "event_key": event_key,
        "kind": kind,
        "payload": payload,
        "client": client,
        "urgent": urgent,
    }
    new = sum(_owe_target(target, common) for target in named)
    if settings.SLACK_WEBHOOK_URL:
        new += notification_owe(channel=Channel.SLACK, recipient=HOUSE_SLACK, **common)
    return new


def _hears_alerts(target: NotificationTarget, client: Client | None) -> bool:
    if target.team is None and target.user is None:
        return True
    if NoticeKind.ALERT not in target.kinds:
        return False
    if target.user is not None:
        actor = actor_for_user(target.user)
        return actor.is_lead and (client is None or actor.may_see_client(client.pk))
    return target.team is not None and (client is None or target.team.client_id in {None, client.pk})


def _owe_target(target: NotificationTarget, common: dict[str, Any]) -> bool:
    """An e-mail goes to the address, so that it is told once; other channels to the target itself."""
    recipient = _mail_address(target) if target.channel == Channel.EMAIL else f"target:{target.pk}"
    return notification_owe(channel=target.channel, recipient=recipient, target=target, **common)


def _mail_address(target: NotificationTarget) -> str:
    """A person's target follows the address of the account."""
    return (target.user.email if target.user is not None else "") or target.address


def may_hear_alerts(user: User) -> bool:
    """Whether a person may ask for alerts: leads and administrators."""
    return actor_for_user(user).role in {Role.LEAD, Role.ADMINISTRATOR}
