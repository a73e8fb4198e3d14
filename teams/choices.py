"""Closed sets of the people layer."""

from typing import Final

from django.db import models

from common.actors import Deed


class Presence(models.TextChoices):
    """Whether a person takes new work."""

    AVAILABLE = "available", "Available"
    AWAY = "away", "Away"


class TeamKind(models.TextChoices):
    """What a team is for in routing."""

    REGULAR = "regular", "Regular"
    ESCALATION = "escalation", "Escalation team for critical tickets"
    FALLBACK = "fallback", "Fallback when nothing else decides"
    PATH_ONLY = "path_only", "Only a step of an escalation path"


class MemberRole(models.TextChoices):
    """A member's part in a team."""

    AGENT = "agent", "Agent"
    LEAD = "lead", "Lead"


class AssignmentStrategy(models.TextChoices):
    """How a team picks the person."""

    ROUND_ROBIN = "round_robin", "Round robin"
    LEAST_LOAD = "least_load", "Least load"
    MANUAL = "manual", "By hand"


class NotificationState(models.TextChoices):
    """Life of an outbox row."""

    PENDING = "pending", "Pending"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"


class AlertState(models.TextChoices):
    """An alert is raised once and resolved once."""

    OPEN = "open", "Open"
    RESOLVED = "resolved", "Resolved"


class AlertSeverity(models.TextChoices):
    """How loud an alert is."""

    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


class Group(models.TextChoices):
    """The Django groups that carry the roles; created by migration (R3)."""

    REQUESTERS = "Requesters", "Requesters"
    AGENTS = "Agents", "Agents"
    LEADS = "Leads", "Leads"
    ADMINISTRATORS = "Administrators", "Administrators"


DEEDS_OF_GROUP: Final[dict[str, frozenset[Deed]]] = {
    Group.REQUESTERS: frozenset(),
    Group.AGENTS: frozenset(Deed) - {Deed.IMPORT},
    Group.LEADS: frozenset(Deed),
    Group.ADMINISTRATORS: frozenset(Deed),
}
"""What the groups permit on a new installation; an administrator may change it on the page of a group."""


class Scope(models.TextChoices):
    """What an API key may be used for."""

    CLASSIFY = "classify", "Classify texts and files"
    TICKETS_READ = "tickets:read", "Read tickets"
    TICKETS_WRITE = "tickets:write", "Open and change tickets"
    FILES = "files", "Upload and read files"
    REFERENCE_READ = "reference:read", "Read categories, teams and rules"
    REFERENCE_WRITE = "reference:write", "Change categories, teams and rules"
    METRICS = "metrics", "Read analytics"
