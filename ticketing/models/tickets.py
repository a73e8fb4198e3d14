"""The ticket, what triage decided about it, and how tickets belong together."""

from __future__ import annotations

import uuid

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from common.models import Timestamped
from teams.models import Client, Team, User
from ticketing.choices import (
    STATUS_CATEGORY,
    Channel,
    DecisionState,
    LinkKind,
    LinkState,
    Priority,
    RootCause,
    Sentiment,
    Severity,
    Status,
    TriageField,
)
from ticketing.models.reference import Category, Module, Project, Taxonomy
from ticketing.models.requesters import Requester
from ticketing.querysets import LinkQuerySet, TicketQuerySet, rank_of, statuses_in


class TicketNumber(models.Model):
    """Hands out ticket numbers. Invariant: a number is never given twice, even after a deletion."""

    def __str__(self) -> str:
        return str(self.pk)


class Tag(models.Model):
    """A word put on tickets of one client."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=60)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["client", "name"], name="tag_once_per_client")]

    def __str__(self) -> str:
        return self.name


class Ticket(Timestamped):
    """A request for help. Invariant: every write passes through ``ticketing.services``."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.PositiveBigIntegerField(unique=True, editable=False)
    reference = models.CharField(max_length=24, unique=True, editable=False)
    # A foreign key that leads one of the indexes below needs none of its own.
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="tickets", db_index=False)
    requester = models.ForeignKey(Requester, on_delete=models.PROTECT, related_name="tickets", db_index=False)
    subject = models.CharField(max_length=300)
    body = models.TextField(blank=True)
    channel = models.CharField(max_length=8, choices=Channel.choices, default=Channel.WEB)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.NEW)
    taxonomy = models.ForeignKey(Taxonomy, on_delete=models.PROTECT, related_name="tickets")
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.SET_NULL, related_name="tickets", db_index=False
    )
    secondary_categories = models.ManyToManyField(Category, blank=True, related_name="+")
    severity = models.CharField(max_length=8, choices=Severity.choices, blank=True)
    priority = models.CharField(max_length=8, choices=Priority.choices, default=Priority.NORMAL)
    sentiment = models.CharField(max_length=8, choices=Sentiment.choices, blank=True)
    root_cause = models.CharField(max_length=8, choices=RootCause.choices, blank=True)
    language = models.CharField(max_length=2, blank=True)
    summary = models.CharField(max_length=100, blank=True)
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.SET_NULL, related_name="tickets"
    )
    module = models.ForeignKey(
        Module, null=True, blank=True, on_delete=models.SET_NULL, related_name="tickets"
    )
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="tickets", db_index=False
    )
    assignee = models.ForeignKey(
        User,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="assigned_tickets",
        db_index=False,
    )
    tags = models.ManyToManyField(Tag, blank=True, related_name="tickets")
    metadata = models.JSONField(default=dict, blank=True)
    needs_review = models.BooleanField(default=False)
    triaged_at = models.DateTimeField(null=True, blank=True)
    first_response_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    next_due_at = models.DateTimeField(null=True, blank=True, help_text=_("Earliest running SLA deadline."))
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="merged_tickets",
        help_text=_("Where the conversation went on; such a ticket is closed."),
    )
    version = models.PositiveIntegerField(default=1, editable=False, help_text=_("The ETag of the API."))

    objects = TicketQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        # What is asked for beside seeing a ticket (common.actors.Deed); a migration gives them to the groups.
        permissions = [
            ("export_ticket", "Can export tickets"),
            ("import_ticket", "Can import tickets"),
            ("merge_ticket", "Can merge tickets"),
            ("reassign_ticket", "Can give tickets to another team or person"),
            ("view_ticket_files", "Can open the files of tickets"),
            ("read_drafts", "Can read drafts of answers"),
        ]
        indexes = [
            # Default list of a client, newest first (API list, desk, admin).
            models.Index(fields=["client", "-created_at", "-id"], name="ticket_client_newest"),
            models.Index(fields=["-created_at", "-id"], name="ticket_newest"),
            # A team's open queue.
            models.Index(fields=["team", "status", "-created_at"], name="ticket_team_queue"),
            models.Index(fields=["assignee", "status"], name="ticket_assignee_queue"),
            # "Due soon" ordering and the breach forecast.
            models.Index(
                fields=["next_due_at"], condition=models.Q(next_due_at__isnull=False), name="ticket_due"
            ),
            # The review queue.
            models.Index(
                fields=["client", "created_at"], condition=models.Q(needs_review=True), name="ticket_review"
            ),
            models.Index(fields=["requester", "-created_at"], name="ticket_requester_newest"),
            models.Index(fields=["category", "status"], name="ticket_category"),
            # What is worked on is a small part of what was ever asked: the desk lists it by this index and
            # counts its views in it, without reading a ticket.
            models.Index(
                fields=["client", "-created_at", "-id"],
                condition=models.Q(status__in=statuses_in("open", "waiting")),
                include=["status", "team", "assignee", "needs_review", "next_due_at"],
                name="ticket_active",
            ),
            # Worst first and most urgent first.
            models.Index(rank_of("severity", Severity.values), "id", name="ticket_worst_first"),
            models.Index(rank_of("priority", Priority.values), "id", name="ticket_urgent_first"),
            models.Index(fields=["-updated_at", "-id"], name="ticket_last_changed"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(status="resolved") | models.Q(resolved_at__isnull=False),
                name="resolved_ticket_has_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="closed") | models.Q(closed_at__isnull=False),
                name="closed_ticket_has_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.subject}"

    @property
    def status_category(self) -> str:
        """open, waiting, resolved or closed."""
        return STATUS_CATEGORY[self.status]

    @property
    def is_open(self) -> bool:
        """Whether somebody still owes work or an answer."""
        return self.status_category in {"open", "waiting"}

    def get_absolute_url(self) -> str:
        """The ticket's page on the desk."""
        return reverse("desk:ticket", args=[self.uuid])


class FieldDecision(Timestamped):
    """The current decision about one field of one ticket.

    Invariant: once a person has confirmed or corrected a field, no later run overwrites it (C3).
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="decisions")
    field = models.CharField(max_length=12, choices=TriageField.choices)
    value = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=DecisionState.choices)
    confidence = models.FloatField(null=True, blank=True)
    source = models.CharField(max_length=40, blank=True)
    reasoning = models.TextField(blank=True)
    alternatives = models.JSONField(default=list, blank=True)
    evidence = models.JSONField(default=list, blank=True)
    run_uuid = models.UUIDField(null=True, blank=True)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["ticket", "field"]
        constraints = [
            models.UniqueConstraint(fields=["ticket", "field"], name="one_decision_per_field"),
            models.CheckConstraint(
                condition=models.Q(confidence=None) | models.Q(confidence__gte=0, confidence__lte=1),
                name="decision_confidence_in_unit",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.field} = {self.value} ({self.state})"


class ExternalReference(Timestamped):
    """The same request in another system."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="external_references")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    system = models.CharField(max_length=40)
    external_id = models.CharField(max_length=200)
    url = models.URLField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "system", "external_id"], name="external_id_once")
        ]

    def __str__(self) -> str:
        return f"{self.system} {self.external_id}"


class TicketLink(Timestamped):
    """Two tickets that belong together. Nothing is closed by a link alone (C19)."""

    source = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="links_out")
    target = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="links_in")
    kind = models.CharField(max_length=10, choices=LinkKind.choices)
    state = models.CharField(max_length=10, choices=LinkState.choices, default=LinkState.PROPOSED)
    score = models.FloatField(null=True, blank=True)
    parts = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    objects = LinkQuerySet.as_manager()

    class Meta:
        ordering = ["-score", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["source", "target", "kind"], name="link_once"),
            models.CheckConstraint(condition=~models.Q(source=models.F("target")), name="link_not_to_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.source_id} {self.kind} {self.target_id}"


class TicketSearchDocument(models.Model):
    """What full-text search knows of a ticket; indexed by FTS5 on SQLite, by GIN indexes on PostgreSQL."""

    ticket = models.OneToOneField(
        Ticket, primary_key=True, on_delete=models.CASCADE, related_name="search_document"
    )
    identifiers = models.TextField(help_text=_("Reference, names and addresses, matched in parts."))
    text = models.TextField(help_text=_("Subject, body and public messages."))
    notes = models.TextField(default="", help_text=_("Internal notes; only staff find by them."))

    def __str__(self) -> str:
        return f"Search document of {self.ticket_id}"
