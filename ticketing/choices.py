"""Closed sets of ticketing, and the one table of allowed status changes (T2)."""

from __future__ import annotations

from typing import Final

from django.db import models


class StatusCategory(models.TextChoices):
    """What a status means for clocks and lists."""

    OPEN = "open", "Open"
    WAITING = "waiting", "Waiting"
    RESOLVED = "resolved", "Resolved"
    CLOSED = "closed", "Closed"


class Status(models.TextChoices):
    """The shipped statuses."""

    NEW = "new", "New"
    OPEN = "open", "Open"
    PENDING = "pending", "Waiting on requester"
    ON_HOLD = "on_hold", "Waiting on third party"
    RESOLVED = "resolved", "Resolved"
    CLOSED = "closed", "Closed"


STATUS_CATEGORY: Final[dict[str, str]] = {
    Status.NEW: StatusCategory.OPEN,
    Status.OPEN: StatusCategory.OPEN,
    Status.PENDING: StatusCategory.WAITING,
    Status.ON_HOLD: StatusCategory.WAITING,
    Status.RESOLVED: StatusCategory.RESOLVED,
    Status.CLOSED: StatusCategory.CLOSED,
}

ALLOWED_TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    Status.NEW: frozenset({Status.OPEN, Status.PENDING, Status.ON_HOLD, Status.RESOLVED, Status.CLOSED}),
    Status.OPEN: frozenset({Status.PENDING, Status.ON_HOLD, Status.RESOLVED, Status.CLOSED}),
    Status.PENDING: frozenset({Status.OPEN, Status.ON_HOLD, Status.RESOLVED, Status.CLOSED}),
    Status.ON_HOLD: frozenset({Status.OPEN, Status.PENDING, Status.RESOLVED, Status.CLOSED}),
    Status.RESOLVED: frozenset({Status.OPEN, Status.CLOSED}),
    Status.CLOSED: frozenset(),
}
"""A closed ticket stays closed: a later reply opens a linked follow-up."""


class Severity(models.TextChoices):
    """How bad it is, worst first."""

    CRITICAL = "critical", "Critical"
    HIGH = "high", "High"
    MEDIUM = "medium", "Medium"
    LOW = "low", "Low"


class Priority(models.TextChoices):
    """How soon it is worked on, soonest first."""

    URGENT = "urgent", "Urgent"
    HIGH = "high", "High"
    NORMAL = "normal", "Normal"
    LOW = "low", "Low"


PRIORITY_ORDER: Final[tuple[str, ...]] = (Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.URGENT)
PRIORITY_ALIASES: Final[dict[str, str]] = {"medium": Priority.NORMAL, "critical": Priority.URGENT}
PRIORITY_OF_SEVERITY: Final[dict[str, str]] = {
    Severity.CRITICAL: Priority.URGENT,
    Severity.HIGH: Priority.HIGH,
    Severity.MEDIUM: Priority.NORMAL,
    Severity.LOW: Priority.LOW,
}


class Sentiment(models.TextChoices):
    """The requester's mood."""

    POSITIVE = "positive", "Positive"
    NEUTRAL = "neutral", "Neutral"
    NEGATIVE = "negative", "Negative"


class RootCause(models.TextChoices):
    """Why the requester wrote."""

    BUG = "bug", "Bug"
    FEATURE = "feature", "Feature"
    REFUND = "refund", "Refund"
    OTHER = "other", "Other"


class Channel(models.TextChoices):
    """The door a ticket came through."""

    WEB = "web", "Web"
    API = "api", "API"
    FILE = "file", "File"
    EMAIL = "email", "E-mail"
    CHAT = "chat", "Chat"
    ZENDESK = "zendesk", "Zendesk"
    SAP = "sap", "SAP"
    IMPORT = "import", "Import"


class DecisionState(models.TextChoices):
    """What became of a predicted field (C3)."""

    APPLIED = "applied", "Applied"
    SUGGESTED = "suggested", "Suggested"
    HELD = "held", "Held"
    CONFIRMED = "confirmed", "Confirmed"
    CORRECTED = "corrected", "Corrected"


PERSON_STATES: Final[frozenset[str]] = frozenset({DecisionState.CONFIRMED, DecisionState.CORRECTED})


class RequesterMail(models.TextChoices):
    """Mails to the person who asked (T13)."""

    ACKNOWLEDGEMENT = "acknowledgement", "The request has arrived"
    REPLY = "reply", "A person has answered"
    STATUS = "status", "The state has changed"
    RATING = "rating", "Please rate the answer"


class TriageField(models.TextChoices):
    """Fields that triage predicts."""

    CATEGORY = "category", "Category"
    SEVERITY = "severity", "Severity"
    PRIORITY = "priority", "Priority"
    TEAM = "team", "Team"
    SENTIMENT = "sentiment", "Sentiment"
    ROOT_CAUSE = "root_cause", "Root cause"
    LANGUAGE = "language", "Language"
    SUMMARY = "summary", "Summary"


class AttachmentStatus(models.TextChoices):
    """Life of a file."""

    PENDING = "pending", "Waiting to be read"
    PARSED = "parsed", "Read"
    REJECTED = "rejected", "Refused"
    FAILED = "failed", "Could not be read"


class LinkKind(models.TextChoices):
    """How two tickets belong together."""

    DUPLICATE = "duplicate", "Duplicate of"
    RELATED = "related", "Related to"
    PARENT = "parent", "Parent of"


class LinkState(models.TextChoices):
    """A proposed link waits for a person."""

    PROPOSED = "proposed", "Proposed"
    CONFIRMED = "confirmed", "Confirmed"
    DISMISSED = "dismissed", "Dismissed"


class ToolScope(models.TextChoices):
    """Who uses a saved view or a macro."""

    PRIVATE = "private", "Only me"
    TEAM = "team", "A team"
    EVERYONE = "everyone", "Everyone"


MACRO_VARIABLES: Final = (
    "ticket.reference", "ticket.subject", "ticket.status", "ticket.category", "ticket.team",
    "requester.name", "requester.first_name", "requester.email", "agent.name", "agent.first_name",
    "client.name",
)  # fmt: skip
"""The places of a macro's text that are filled; there is no other access to anything."""


class ArticleVisibility(models.TextChoices):
    """Who may read an article."""

    PUBLIC = "public", "Everyone"
    INTERNAL = "internal", "Staff"


class TriageIntent(models.TextChoices):
    """What the door wants of triage when it opens a ticket."""

    BACKGROUND = "background", "In the background"
    BULK = "bulk", "In the background, as one of many"
    INLINE = "inline", "Leased to the request, which waits for the answer"
    NONE = "none", "None"


class ExportFormat(models.TextChoices):
    """What a list of tickets is handed out as."""

    CSV = "csv", "CSV"
    XLSX = "xlsx", "Excel"


class BatchState(models.TextChoices):
    """Life of an import's tickets."""

    OPEN = "open", "Being imported"
    FINISHED = "finished", "Imported"
    UNDONE = "undone", "Taken back"


class ImportTriage(models.TextChoices):
    """What judges the open tickets of an import. A language model is not among the choices (T14)."""

    NONE = "none", "Leave them as they are in the file"
    LOCAL = "local", "Sort open tickets with rules and the local model"


class FeedbackSource(models.TextChoices):
    """Where a requester gave a rating."""

    LINK = "link", "Signed link"
    PORTAL = "portal", "Portal"
    API = "api", "API"
