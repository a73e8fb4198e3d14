"""Owing messages: rows in the transaction of what caused them, one for each that is told (S4, S5)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What happened, and whom it concerns: a team and people, by id."""

    event_key: str
    kind: str
    payload: Mapping[str, Any]
    client_id: int | None = None
    team_id: int | None = None
    user_ids: Collection[int] = ()
    urgent: bool = False


def notifications_tell(*, news: Sequence[News]) -> int:
    """Owe each piece of news to every target of its team and people that wants its kind; returns how many.

    A person who has chosen nothing is told by e-mail. One address is told once, whoever it stands for, and
    nothing is owed twice. Queries do not grow with the news. Runs in the transaction of what caused it.
    """
    news = _within_reach(news)
    people = {pk for item in news for pk in item.user_ids}
    mails = {
        person.pk: person.email for person in User.objects.filter(pk__in=people, is_active=True).only("email")
    }
    mine = NotificationTarget.objects.filter(
        Q(user__in=mails) | Q(team__in={item.team_id for item in news if item.team_id})
    )
    chosen = set(mine.filter(channel=Channel.EMAIL, user__in=mails).values_list("user_id", flat=True))
    targets = {kind: list(mine.wanting(kind).select_related("user")) for kind in {item.kind for item in news}}
    unchosen = {pk: mail for pk, mail in mails.items() if mail and pk not in chosen}
    rows = [row for item in news for row in _rows_of(item, targets[item.kind], unchosen)]
    known = set(
        Notification.objects.filter(event_key__in={row.event_key for row in rows}).values_list(
            "event_key", "channel", "recipient"
        )
    )
    new = [row for row in rows if (row.event_key, row.channel, row.recipient) not in known]
    Notification.objects.bulk_create(new, ignore_conflicts=True)
    return len(new)


def _within_reach(news: Sequence[News]) -> list[News]:
    """The news without the people who may not see its client (any more): a ticket may still name them."""
    people = {pk for item in news for pk in item.user_ids}
    above = set(User.objects.filter(pk__in=people, is_superuser=True).values_list("pk", flat=True))
    of_client = set(User.clients.through.objects.filter(user__in=people).values_list("user_id", "client_id"))
    return [
        replace(
            item,
            user_ids={
                pk
                for pk in item.user_ids
                if item.client_id is None or pk in above or (pk, item.client_id) in of_client
            },
        )
        for item in news
    ]


def _rows_of(
    item: News, targets: Sequence[NotificationTarget], unchosen: Mapping[int, str]
) -> list[Notification]:
    """One row a channel and recipient: for the targets of the news, then for who has chosen nothing."""
    told: dict[tuple[str, str], NotificationTarget | None] = {}
    for target in targets:
        if target.user_id in item.user_ids or (item.team_id and target.team_id == item.team_id):
            told.setdefault((target.channel, _recipient_of(target)), target)
    for pk in item.user_ids:
        if pk in unchosen:
            told.setdefault((Channel.EMAIL, unchosen[pk]), None)
    return [
        Notification(
            event_key=item.event_key[:160],
            kind=item.kind,
            channel=channel,
            recipient=recipient[:320],
            payload=dict(item.payload),
            client_id=item.client_id,
            target=target,
            urgent=item.urgent,
        )
        for (channel, recipient), target in sorted(told.items(), key=lambda pair: pair[0])
    ]


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
    """Owe one piece of news, as ``notifications_tell`` does; returns how many messages are new."""
    item = News(
        event_key=event_key,
        kind=kind,
        payload=payload,
        client_id=client.pk if client else None,
        team_id=team.pk if team else None,
        user_ids={person.pk for person in people},
        urgent=urgent,
    )
    return notifications_tell(news=[item])


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
    return notification_owe(channel=target.channel, recipient=_recipient_of(target), target=target, **common)


def _recipient_of(target: NotificationTarget) -> str:
    return _mail_address(target) if target.channel == Channel.EMAIL else f"target:{target.pk}"


def _mail_address(target: NotificationTarget) -> str:
    """A person's target follows the address of the account."""
    return (target.user.email if target.user is not None else "") or target.address


def may_hear_alerts(user: User) -> bool:
    """Whether a person may ask for alerts: leads and administrators."""
    return actor_for_user(user).role in {Role.LEAD, Role.ADMINISTRATOR}
