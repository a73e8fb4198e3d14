"""Closed sets of ticketing, and the one table of allowed status changes (T2)."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _


class StatusCategory(models.TextChoices):
    """What a status means for clocks and lists."""

    OPEN = "open", _("Open")
    WAITING = "waiting", _("Waiting")
    RESOLVED = "resolved", _("Resolved")
    CLOSED = "closed", _("Closed")


class Status(models.TextChoices):
    """The shipped statuses."""

    NEW = "new", _("New")
    OPEN = "open", _("Open")
    PENDING = "pending", _("Waiting on requester")
    ON_HOLD = "on_hold", _("Waiting on third party")
    RESOLVED = "resolved", _("Resolved")
    CLOSED = "closed", _("Closed")


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

    CRITICAL = "critical", _("Critical")
    HIGH = "high", _("High")
    MEDIUM = "medium", _("Medium")
    LOW = "low", _("Low")


class Priority(models.TextChoices):
    """How soon it is worked on, soonest first."""

    URGENT = "urgent", _("Urgent")
    HIGH = "high", _("High")
    NORMAL = "normal", _("Normal")
    LOW = "low", _("Low")


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

    POSITIVE = "positive", _("Positive")
    NEUTRAL = "neutral", _("Neutral")
    NEGATIVE = "negative", _("Negative")


class RootCause(models.TextChoices):
    """Why the requester wrote."""

    BUG = "bug", _("Bug")
    FEATURE = "feature", _("Feature")
    REFUND = "refund", _("Refund")
    OTHER = "other", _("Other")


class Channel(models.TextChoices):
    """The door a ticket came through."""

    WEB = "web", _("Web")
    API = "api", _("API")
    FILE = "file", _("File")
    EMAIL = "email", _("E-mail")
    CHAT = "chat", _("Chat")
    ZENDESK = "zendesk", _("Zendesk")
    SAP = "sap", _("SAP")
    IMPORT = "import", _("Import")


class DecisionState(models.TextChoices):
    """What became of a predicted field (C3)."""

    APPLIED = "applied", _("Applied")
    SUGGESTED = "suggested", _("Suggested")
    HELD = "held", _("Held")
    CONFIRMED = "confirmed", _("Confirmed")
    CORRECTED = "corrected", _("Corrected")


PERSON_STATES: Final[frozenset[str]] = frozenset({DecisionState.CONFIRMED, DecisionState.CORRECTED})


class RequesterMail(models.TextChoices):
    """Mails to the person who asked (T13)."""

    ACKNOWLEDGEMENT = "acknowledgement", _("The request has arrived")
    REPLY = "reply", _("A person has answered")
    STATUS = "status", _("The state has changed")
    RATING = "rating", _("Please rate the answer")


class TriageField(models.TextChoices):
    """Fields that triage predicts."""

    CATEGORY = "category", _("Category")
    SEVERITY = "severity", _("Severity")
    PRIORITY = "priority", _("Priority")
    TEAM = "team", _("Team")
    SENTIMENT = "sentiment", _("Sentiment")
    ROOT_CAUSE = "root_cause", _("Root cause")
    LANGUAGE = "language", _("Language")
    SUMMARY = "summary", _("Summary")


class AttachmentStatus(models.TextChoices):
    """Life of a file."""

    PENDING = "pending", _("Waiting to be read")
    PARSED = "parsed", _("Read")
    REJECTED = "rejected", _("Refused")
    FAILED = "failed", _("Could not be read")


class LinkKind(models.TextChoices):
    """How two tickets belong together."""

    DUPLICATE = "duplicate", _("Duplicate of")
    RELATED = "related", _("Related to")
    PARENT = "parent", _("Parent of")


class LinkState(models.TextChoices):
    """A proposed link waits for a person."""

    PROPOSED = "proposed", _("Proposed")
    CONFIRMED = "confirmed", _("Confirmed")
    DISMISSED = "dismissed", _("Dismissed")


class ToolScope(models.TextChoices):
    """Who uses a saved view or a macro."""

    PRIVATE = "private", _("Only me")
    TEAM = "team", _("A team")
    EVERYONE = "everyone", _("Everyone")


MACRO_VARIABLES: Final = (
    "ticket.reference", "ticket.subject", "ticket.status", "ticket.category", "ticket.team",
    "requester.name", "requester.first_name", "requester.email", "agent.name", "agent.first_name",
    "client.name",
)  # fmt: skip
"""The places of a macro's text that are filled; there is no other access to anything."""


class ArticleVisibility(models.TextChoices):
    """Who may read an article."""

    PUBLIC = "public", _("Everyone")
    INTERNAL = "internal", _("Staff")


class TriageIntent(models.TextChoices):
    """What the door wants of triage when it opens a ticket."""

    BACKGROUND = "background", _("In the background")
    BULK = "bulk", _("In the background, as one of many")
    INLINE = "inline", _("Leased to the request, which waits for the answer")
    NONE = "none", _("None")


class ExportFormat(models.TextChoices):
    """What a list of tickets is handed out as."""

    CSV = "csv", _("CSV")
    XLSX = "xlsx", _("Excel")


class BatchState(models.TextChoices):
    """Life of an import's tickets."""

    OPEN = "open", _("Being imported")
    FINISHED = "finished", _("Imported")
    UNDONE = "undone", _("Taken back")


class ImportTriage(models.TextChoices):
    """What judges the open tickets of an import. A language model is not among the choices (T14)."""

    NONE = "none", _("Leave them as they are in the file")
    LOCAL = "local", _("Sort open tickets with rules and the local model")


class FeedbackSource(models.TextChoices):
    """Where a requester gave a rating."""

    LINK = "link", _("Signed link")
    PORTAL = "portal", _("Portal")
    API = "api", _("API")
