"""People, clients and what the whole house shares; knows nothing of tickets."""

from teams.models.access import ApiKey, Credential, FeatureFlag
from teams.models.calendars import BusinessCalendar, CalendarDay, CalendarInterval, CalendarVersion
from teams.models.notifications import DeliveryAttempt, Notification, NotificationTarget
from teams.models.operations import Alert, IdempotencyRecord
from teams.models.people import Client, User
from teams.models.teams import EscalationStep, Team, TeamMember

__all__ = [
    "Alert",
    "ApiKey",
    "BusinessCalendar",
    "CalendarDay",
    "CalendarInterval",
    "CalendarVersion",
    "Client",
    "Credential",
    "DeliveryAttempt",
    "EscalationStep",
    "FeatureFlag",
    "IdempotencyRecord",
    "Notification",
    "NotificationTarget",
    "Team",
    "TeamMember",
    "User",
]
