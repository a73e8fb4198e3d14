"""Jobs of the doors."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import Leased, Timestamped
from ingest.choices import ImportKind, ImportState, ImportStep
from teams.models import Client, User
from ticketing.choices import ImportTriage
from ticketing.models import Attachment, TicketBatch
from ticketing.querysets import ClientOwnedQuerySet


class ImportJob(Leased, Timestamped):
    """A sheet on its way in (T12). Invariant: only the holder of the lease writes what came of it."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="import_jobs")
    kind = models.CharField(max_length=10, choices=ImportKind.choices, default=ImportKind.TICKETS)
    attachment = models.ForeignKey(Attachment, on_delete=models.PROTECT, related_name="+")
    step = models.CharField(max_length=5, choices=ImportStep.choices, default=ImportStep.CHECK)
    state = models.CharField(max_length=9, choices=ImportState.choices, default=ImportState.MAPPING)
    header = models.JSONField(default=list, blank=True)
    samples = models.JSONField(
        default=list, blank=True, help_text=_("The first rows, to recognise columns by.")
    )
    mapping = models.JSONField(default=dict, blank=True, help_text=_("Field to place of its column."))
    system = models.CharField(
        max_length=40,
        default="import",
        help_text=_("Where the numbers come from; one number is imported once."),
    )
    triage = models.CharField(max_length=5, choices=ImportTriage.choices, default=ImportTriage.NONE)
    day_first = models.BooleanField(default=True, help_text=_("31/12/2026 instead of 12/31/2026."))
    rows_total = models.PositiveIntegerField(default=0)
    rows_ok = models.PositiveIntegerField(default=0)
    rows_known = models.PositiveIntegerField(default=0)
    rows_failed = models.PositiveIntegerField(default=0)
    problems = models.JSONField(
        default=list, blank=True, help_text=_("Rows at fault: row, column, value, problem.")
    )
    report = models.JSONField(
        default=dict, blank=True, help_text=_("Counts by value, words that are not known, a sample.")
    )
    error = models.TextField(blank=True)
    batch = models.ForeignKey(
        TicketBatch, null=True, blank=True, on_delete=models.SET_NULL, related_name="jobs"
    )
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    actor_label = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ClientOwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "import"
        indexes = [
            # The sweeper looks for imports nobody works on.
            models.Index(
                fields=["next_at"], condition=models.Q(state__in=["pending", "running"]), name="import_owed"
            )
        ]

    def __str__(self) -> str:
        return self.attachment.name

    @property
    def rows_done(self) -> int:
        """Rows looked at so far."""
        return self.rows_ok + self.rows_known + self.rows_failed

    @property
    def progress(self) -> float:
        """The share of rows looked at, from 0 to 1."""
        return min(1.0, self.rows_done / self.rows_total) if self.rows_total else 0.0

    @property
    def is_busy(self) -> bool:
        """Whether a worker has it or will."""
        return self.state in {ImportState.PENDING, ImportState.RUNNING}
