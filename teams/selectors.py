"""Reads of the people layer that do not chain: who an actor is, whether a calendar is open, flags."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from functools import lru_cache, partial
from typing import Any

import holidays
from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from common.actors import ANONYMOUS, Actor, ActorKind, Role
from common.exceptions import NotFound
from common.memory import ShortMemory
from teams.calendar import ALWAYS, Hours, Interval, WorkCalendar, is_open
from teams.choices import AlertState, Group
from teams.models import Alert, ApiKey, BusinessCalendar, CalendarDay, Client, FeatureFlag, User

_ROLE_OF_GROUP = (
    (Group.ADMINISTRATORS, Role.ADMINISTRATOR),
    (Group.LEADS, Role.LEAD),
    (Group.AGENTS, Role.AGENT),
    (Group.REQUESTERS, Role.REQUESTER),
)


def role_of(user: User) -> Role:
    """The highest role among the user's groups; superusers are administrators."""
    return _rights_of(user)[0]


def _rights_of(user: User) -> tuple[Role, frozenset[str] | None]:
    """The role and what the groups permit, in one query; None is everything the role may do."""
    if user.is_superuser:
        return Role.ADMINISTRATOR, None
    rows = list(user.groups.values_list("name", "permissions__codename"))
    names = {name for name, _ in rows}
    role = next((role for group, role in _ROLE_OF_GROUP if group.value in names), Role.REQUESTER)
    deeds = frozenset(codename for _, codename in rows if codename)
    return role, None if role is Role.ADMINISTRATOR else deeds


def actor_for_user(user: Any) -> Actor:
    """The actor behind a logged-in user; anonymous for nobody."""
    if not isinstance(user, User) or not user.is_active:
        return ANONYMOUS
    role, deeds = _rights_of(user)
    every = role is Role.ADMINISTRATOR
    clients = None if every else frozenset(user.clients.filter(is_active=True).values_list("pk", flat=True))
    teams = (
        frozenset(user.memberships.values_list("team_id", flat=True)) if role is Role.AGENT else frozenset()
    )
    return Actor(
        kind=ActorKind.REQUESTER if role is Role.REQUESTER else ActorKind.USER,
        role=role,
        id=str(user.uuid),
        label=user.display_name,
        user_id=user.pk,
        client_ids=clients,
        team_ids=teams,
        deeds=deeds,
    )


def actor_for_key(key: ApiKey) -> Actor:
    """The actor behind an API key: one client, the key's scopes."""
    return Actor(
        kind=ActorKind.SERVICE,
        role=Role.SERVICE,
        id=f"key:{key.prefix}",
        label=key.name,
        client_ids=frozenset({key.client_id}),
        scopes=frozenset(key.scopes),
    )


def default_client(actor: Actor) -> Client | None:
    """The client that is meant where a caller names none: the first of the actor's clients."""
    return Client.objects.visible_to(actor).active().order_by("pk").first()


def access_client(*, actor: Actor, slug: str = "") -> Client:
    """The client a caller names, else the first of the caller's own. Raises NotFound outside its reach."""
    rows = Client.objects.visible_to(actor).active()
    client: Client | None = rows.filter(slug=slug).first() if slug else rows.order_by("pk").first()
    if client is None:
        raise NotFound(gettext("There is no such client."))
    return client


def _open_alerts(actor: Actor) -> QuerySet[Alert]:
    """Open alerts of the actor's clients, and those of the house that concern every lead."""
    rows = Alert.objects.filter(state=AlertState.OPEN)
    if not actor.sees_every_client:
        rows = rows.filter(Q(client=None) | Q(client__in=actor.client_ids or []))
    return rows


def alerts_open(actor: Actor) -> int:
    """How many alerts are open that concern the actor."""
    return _open_alerts(actor).count()


def alerts_newest(actor: Actor, *, limit: int) -> list[Alert]:
    """The open alerts that concern the actor, newest first."""
    return list(_open_alerts(actor).order_by("-created_at", "-pk")[:limit])


_flags: ShortMemory[list[FeatureFlag]] = ShortMemory()


def flag_enabled(name: str, *, client_id: int | None = None) -> bool:
    """A feature flag: the client's row, else the shared row, else the environment (C13)."""
    return flags_enabled(name, client_id=client_id)[name]


def flags_enabled(*names: str, client_id: int | None = None) -> dict[str, bool]:
    """Several feature flags in one query."""
    rows = _flags.get(
        (str(connection.settings_dict["NAME"]), client_id, names),
        lambda: list(FeatureFlag.objects.filter(Q(client=None) | Q(client_id=client_id), name__in=names)),
    )
    found = {name: bool(getattr(settings, name, True)) for name in names}
    # Shared rows first, so that the client's own has the last word.
    for row in sorted(rows, key=lambda row: row.client_id is not None):
        found[row.name] = row.enabled
    return found


def calendar_hours(calendar: BusinessCalendar) -> dict[str, Any]:
    """The hours of a calendar as its rows say now, in the form a ``CalendarVersion`` keeps."""
    rows = sorted(calendar.intervals.all(), key=lambda row: (row.weekday, row.starts))
    return {
        "zone": calendar.time_zone,
        "always_open": calendar.always_open,
        "country": calendar.holiday_country,
        "region": calendar.holiday_region,
        "intervals": [[row.weekday, row.starts.isoformat(), row.ends.isoformat()] for row in rows],
        "days": {row.date.isoformat(): _hours_of_day(row) for row in calendar.days.all()},
    }


def _hours_of_day(row: CalendarDay) -> list[list[str]] | None:
    if not row.is_open:
        return []
    if row.starts is None or row.ends is None:
        return None
    return [[row.starts.isoformat(), row.ends.isoformat()]]


def work_calendar(hours: Mapping[str, Any] | None) -> WorkCalendar:
    """Stored hours in the form of the arithmetic; none means around the clock."""
    if hours is None or hours["always_open"]:
        return ALWAYS
    return _work_calendar(json.dumps(hours, sort_keys=True))


@lru_cache(maxsize=256)
def _work_calendar(text: str) -> WorkCalendar:
    hours = json.loads(text)
    days = {
        date.fromisoformat(day): None if spans is None else tuple(Hours(*_times(span)) for span in spans)
        for day, spans in hours["days"].items()
    }
    return WorkCalendar(
        zone=hours["zone"],
        intervals=tuple(Interval(row[0], *_times(row[1:])) for row in hours["intervals"]),
        days=days,
        holidays=partial(public_holidays, hours["country"], hours["region"]),
    )


def _times(span: Sequence[str]) -> tuple[time, time]:
    return time.fromisoformat(span[0]), time.fromisoformat(span[1])


@lru_cache(maxsize=4096)
def public_holidays(country: str, region: str, year: int) -> frozenset[date]:
    """The public holidays of any year, for a deadline may lie far ahead; none without a country."""
    if not country:
        return frozenset()
    return frozenset(holidays.country_holidays(country, subdiv=region or None, years=year))


def calendar_is_open(calendar: BusinessCalendar, *, now: datetime) -> bool:
    """Whether a moment lies in working hours, by the same arithmetic as every deadline."""
    return is_open(work_calendar(calendar_hours(calendar)), now)
