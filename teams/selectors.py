"""Reads of the people layer that do not chain: who an actor is, whether a calendar is open, flags."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from common.actors import ANONYMOUS, Actor, ActorKind, Role
from common.exceptions import NotFound
from teams.choices import AlertState, Group
from teams.models import Alert, ApiKey, BusinessCalendar, Client, FeatureFlag, User

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
        raise NotFound("There is no such client.")
    return client


def alerts_open(actor: Actor) -> int:
    """Open alerts of the actor's clients, and those of the house that concern every lead."""
    rows = Alert.objects.filter(state=AlertState.OPEN)
    if not actor.sees_every_client:
        rows = rows.filter(Q(client=None) | Q(client__in=actor.client_ids or []))
    return rows.count()


def flag_enabled(name: str, *, client_id: int | None = None) -> bool:
    """A feature flag: the client's row, else the shared row, else the environment (C13)."""
    return flags_enabled(name, client_id=client_id)[name]


def flags_enabled(*names: str, client_id: int | None = None) -> dict[str, bool]:
    """Several feature flags in one query."""
    rows = FeatureFlag.objects.filter(Q(client=None) | Q(client_id=client_id), name__in=names)
    found = {name: bool(getattr(settings, name, True)) for name in names}
    # Shared rows first, so that the client's own has the last word.
    for row in sorted(rows, key=lambda row: row.client_id is not None):
        found[row.name] = row.enabled
    return found


def calendar_is_open(calendar: BusinessCalendar, *, now: datetime) -> bool:
    """Whether a moment lies in working hours (intervals over midnight belong to the day they start)."""
    if calendar.always_open:
        return True
    local = now.astimezone(ZoneInfo(calendar.time_zone))
    intervals = list(calendar.intervals.all())
    closed = {day.date for day in calendar.days.all()}
    for day in (local.date(), local.date() - timedelta(days=1)):
        if day in closed:
            continue
        for row in intervals:
            if row.weekday != day.weekday():
                continue
            start = datetime.combine(day, row.starts, local.tzinfo)
            end_day = day + timedelta(days=1) if row.ends <= row.starts else day
            if start <= local < datetime.combine(end_day, row.ends, local.tzinfo):
                return True
    return False
