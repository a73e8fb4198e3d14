"""The back office of people, and what every app's admin is built on."""

from teams.admin import calendars, notifications, operations, people
from teams.admin.base import (
    ActionAdmin,
    ChildInline,
    ClientAdmin,
    HistoryAdmin,
    ReadOnlyAdmin,
    ReadOnlyInline,
    actor_in_admin,
    limited,
    short_time,
)

__all__ = [
    "ActionAdmin",
    "ChildInline",
    "ClientAdmin",
    "HistoryAdmin",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "actor_in_admin",
    "calendars",
    "limited",
    "notifications",
    "operations",
    "people",
    "short_time",
]
