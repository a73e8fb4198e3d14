"""Closed sets of the people layer."""

from typing import Final

from django.db import models

from common.actors import Deed


class Presence(models.TextChoices):
    """Whether a person takes new work."""

    AVAILABLE = "available", "Available"
    AWAY = "away", "Away"
    OFFLINE = "offline", "Offline"


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


class SkillsMode(models.TextChoices):
    """What the skills of a team's members decide."""

    PREFER = "prefer", "Prefer members with matching skills"
    REQUIRE = "require", "Only members with the skills a ticket needs"


class AbsencePolicy(models.TextChoices):
    """What becomes of the open tickets of a member who is away."""

    KEEP = "keep", "They stay with the person"
    AFTER = "after", "Handed on after some hours"
    AT_ONCE = "at_once", "Handed on at once"


class NotificationState(models.TextChoices):
    """Life of an outbox row."""

    PENDING = "pending", "Pending"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    FOLDED = "folded", "Part of a collected message"
    SKIPPED = "skipped", "Not wanted"


class Channel(models.TextChoices):
    """How a message travels."""

    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack"
    TEAMS = "msteams", "Microsoft Teams"
    WEBHOOK = "webhook", "Signed webhook"


class Digest(models.TextChoices):
    """How often collected messages go out."""

    NONE = "", "At once"
    HOURLY = "hourly", "Every hour"
    DAILY = "daily", "Every day at 08:00"


class Hold(models.TextChoices):
    """Why a message waits to be collected with others."""

    NONE = "", "Not held"
    DIGEST = "digest", "Digest"
    QUIET = "quiet", "Quiet hours"
    CAP = "cap", "Too many at once"


class NoticeKind(models.TextChoices):
    """What people and teams can choose to be told of: the first part of a message's kind."""

    SLA = "sla", "Deadlines: warnings and breaches"
    TICKET = "ticket", "Tickets: assigned to me, mentions, replies"
    ALERT = "alert", "Alerts of the house"


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
