"""Closed sets of the people layer."""

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.actors import Deed


class Presence(models.TextChoices):
    """Whether a person takes new work."""

    AVAILABLE = "available", _("Available")
    AWAY = "away", _("Away")
    OFFLINE = "offline", _("Offline")


class TeamKind(models.TextChoices):
    """What a team is for in routing."""

    REGULAR = "regular", _("Regular")
    ESCALATION = "escalation", _("Escalation team for critical tickets")
    FALLBACK = "fallback", _("Fallback when nothing else decides")
    PATH_ONLY = "path_only", _("Only a step of an escalation path")


class MemberRole(models.TextChoices):
    """A member's part in a team."""

    AGENT = "agent", _("Agent")
    LEAD = "lead", _("Lead")


class AssignmentStrategy(models.TextChoices):
    """How a team picks the person."""

    ROUND_ROBIN = "round_robin", _("Round robin")
    LEAST_LOAD = "least_load", _("Least load")
    MANUAL = "manual", _("By hand")


class SkillsMode(models.TextChoices):
    """What the skills of a team's members decide."""

    PREFER = "prefer", _("Prefer members with matching skills")
    REQUIRE = "require", _("Only members with the skills a ticket needs")


class AbsencePolicy(models.TextChoices):
    """What becomes of the open tickets of a member who is away."""

    KEEP = "keep", _("They stay with the person")
    AFTER = "after", _("Handed on after some hours")
    AT_ONCE = "at_once", _("Handed on at once")


class NotificationState(models.TextChoices):
    """Life of an outbox row."""

    PENDING = "pending", _("Pending")
    SENDING = "sending", _("Sending")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")
    FOLDED = "folded", _("Part of a collected message")
    SKIPPED = "skipped", _("Not wanted")


class Channel(models.TextChoices):
    """How a message travels."""

    EMAIL = "email", _("E-mail")
    SLACK = "slack", _("Slack")
    TEAMS = "msteams", _("Microsoft Teams")
    WEBHOOK = "webhook", _("Signed webhook")


class Digest(models.TextChoices):
    """How often collected messages go out."""

    NONE = "", _("At once")
    HOURLY = "hourly", _("Every hour")
    DAILY = "daily", _("Every day at 08:00")


class Hold(models.TextChoices):
    """Why a message waits to be collected with others."""

    NONE = "", _("Not held")
    DIGEST = "digest", _("Digest")
    QUIET = "quiet", _("Quiet hours")
    CAP = "cap", _("Too many at once")


class NoticeKind(models.TextChoices):
    """What people and teams can choose to be told of: the first part of a message's kind."""

    SLA = "sla", _("Deadlines: warnings and breaches")
    TICKET = "ticket", _("Tickets: assigned to me, mentions, replies")
    ALERT = "alert", _("Alerts of the house")


class AlertState(models.TextChoices):
    """An alert is raised once and resolved once."""

    OPEN = "open", _("Open")
    RESOLVED = "resolved", _("Resolved")


class AlertSeverity(models.TextChoices):
    """How loud an alert is."""

    INFO = "info", _("Info")
    WARNING = "warning", _("Warning")
    CRITICAL = "critical", _("Critical")


class Group(models.TextChoices):
    """The Django groups that carry the roles; created by migration (R3)."""

    REQUESTERS = "Requesters", _("Requesters")
    AGENTS = "Agents", _("Agents")
    LEADS = "Leads", _("Leads")
    ADMINISTRATORS = "Administrators", _("Administrators")


DEEDS_OF_GROUP: Final[dict[str, frozenset[Deed]]] = {
    Group.REQUESTERS: frozenset(),
    Group.AGENTS: frozenset(Deed) - {Deed.IMPORT},
    Group.LEADS: frozenset(Deed),
    Group.ADMINISTRATORS: frozenset(Deed),
}
"""What the groups permit on a new installation; an administrator may change it on the page of a group."""


class Scope(models.TextChoices):
    """What an API key may be used for."""

    CLASSIFY = "classify", _("Classify texts and files")
    TICKETS_READ = "tickets:read", _("Read tickets")
    TICKETS_WRITE = "tickets:write", _("Open and change tickets")
    FILES = "files", _("Upload and read files")
    REFERENCE_READ = "reference:read", _("Read categories, teams and rules")
    REFERENCE_WRITE = "reference:write", _("Change categories, teams and rules")
    METRICS = "metrics", _("Read analytics")
