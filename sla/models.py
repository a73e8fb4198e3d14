"""Promises: policies with targets, and clocks with their ledger of segments (S1, S3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from simple_history.models import HistoricalRecords

from common.models import Leased, Timestamped
from sla.choices import Action, ClockState, RecountState, SegmentKind, TargetKind
from sla.querysets import ClockQuerySet, PolicyQuerySet
from teams.models import BusinessCalendar, CalendarVersion, Client, Team
from ticketing.choices import Severity
from ticketing.models import Category, Ticket

DEFAULT_SEVERITY = Severity.MEDIUM.value
"""What is promised until triage or a person has said how bad it is."""


def default_warnings() -> list[int]:
    """Warn once three quarters of the time are gone."""
    return [75]


def default_actions() -> list[str]:
    """Tell the team."""
    return [Action.NOTIFY.value]


def check_warnings(value: Any) -> None:
    """Percentages between 1 and 99, at most five, none twice. Raises ValidationError."""
    good = isinstance(value, list) and len(value) <= 5
    good = good and all(type(percent) is int and 0 < percent < 100 for percent in value)
    if not good or len(set(value)) != len(value):
        raise ValidationError(_("Give up to five different whole percentages between 1 and 99."))


def check_actions(value: Any) -> None:
    """Known actions only. Raises ValidationError."""
    if not isinstance(value, list) or any(item not in Action.values for item in value):
        raise ValidationError(_("Use a list of: %(values)s.") % {"values": ", ".join(Action.values)})


class Policy(Timestamped):
    """What is promised for which tickets. Policies are tried in order; the first that fits applies."""

    client = models.ForeignKey(
        Client,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="sla_policies",
        help_text=gettext_lazy("Leave empty for a policy that serves every client."),
    )
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    order = models.PositiveIntegerField(
        default=100,
        help_text=gettext_lazy("Lower numbers are tried first; a client's own go before the shared ones."),
    )
    category = models.ForeignKey(
        Category,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text=gettext_lazy("Empty: any."),
    )
    team = models.ForeignKey(
        Team,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text=gettext_lazy("Empty: any."),
    )
    severity = models.CharField(
        max_length=8, choices=Severity.choices, blank=True, help_text=gettext_lazy("Empty: any.")
    )
    calendar = models.ForeignKey(
        BusinessCalendar,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=gettext_lazy("Empty: around the clock."),
    )
    warn_percents = models.JSONField(
        default=default_warnings,
        blank=True,
        validators=[check_warnings],
        help_text=gettext_lazy(
            "Warn once at each of these shares of the time, such as [50, 75, 90]; [] for never."
        ),
    )
    actions = models.JSONField(
        default=default_actions,
        blank=True,
        validators=[check_actions],
        help_text=gettext_lazy(
            "Once per breach: notify the team, raise_priority by one step, escalate to the next team."
        ),
    )
    is_active = models.BooleanField(default=True)

    objects = PolicyQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["order", "pk"]
        verbose_name = gettext_lazy("SLA policy")
        verbose_name_plural = gettext_lazy("SLA policies")
        constraints = [
            models.UniqueConstraint(fields=["client", "slug"], name="policy_slug_per_client"),
            models.UniqueConstraint(
                fields=["slug"], condition=models.Q(client=None), name="shared_policy_slug_unique"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def minutes_of(self, kind: str, severity: str) -> int | None:
        """The minutes promised; a ticket whose severity nobody has said yet is medium. None: no promise."""
        wanted = severity or DEFAULT_SEVERITY
        rows = self.targets.all()
        return next((row.minutes for row in rows if row.kind == kind and row.severity == wanted), None)

    def fits(self, ticket: Ticket) -> bool:
        """Whether the conditions hold for a ticket of a client that the policy serves."""
        return (
            self.category_id in {None, ticket.category_id}
            and self.team_id in {None, ticket.team_id}
            and self.severity in {"", ticket.severity}
        )


class Target(models.Model):
    """The minutes promised for one kind and severity. Invariant: one row per policy, kind and severity."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="targets")
    kind = models.CharField(max_length=16, choices=TargetKind.choices)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    minutes = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(5_256_000)],
        help_text=gettext_lazy("Working minutes of the policy's calendar; at most ten years."),
    )

    class Meta:
        ordering = ["policy", "kind", "minutes"]
        constraints = [models.UniqueConstraint(fields=["policy", "kind", "severity"], name="target_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.severity}: {self.minutes} min"


class Clock(Timestamped):
    """One promise on one ticket.

    Invariant: the time spent is what was carried over plus what the running segments add up to; ``due_at``
    follows from it and is never set by hand. A new generation begins when the promise is made again: at the
    next message of the requester, at a reopening, or when a longer target takes a warning or a breach back.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="clocks")
    kind = models.CharField(max_length=16, choices=TargetKind.choices)
    generation = models.PositiveIntegerField(default=1)
    policy = models.ForeignKey(Policy, null=True, on_delete=models.SET_NULL, related_name="clocks")
    minutes = models.PositiveIntegerField()
    carried = models.DurationField(
        default=timedelta, help_text=gettext_lazy("Working time spent before a reopening, which counts on.")
    )
    state = models.CharField(max_length=10, choices=ClockState.choices, default=ClockState.RUNNING)
    started_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(null=True, blank=True, help_text=gettext_lazy("Empty while paused."))
    warn_at = models.DateTimeField(null=True, blank=True)
    warned_percent = models.PositiveSmallIntegerField(default=0)
    breached_at = models.DateTimeField(
        null=True, blank=True, help_text=gettext_lazy("When the promise was broken.")
    )
    noticed_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=gettext_lazy("When the check found the breach; later while no scheduler ran."),
    )
    actions_owed = models.BooleanField(default=False, editable=False)
    stopped_at = models.DateTimeField(null=True, blank=True)
    used = models.DurationField(
        null=True,
        blank=True,
        help_text=gettext_lazy("Working time spent when it ended; empty while it lives."),
    )
    reason = models.CharField(
        max_length=200, blank=True, help_text=gettext_lazy("Why it ended without an outcome.")
    )

    objects = ClockQuerySet.as_manager()

    class Meta:
        ordering = ["ticket", "kind", "-generation"]
        constraints = [
            models.UniqueConstraint(fields=["ticket", "kind", "generation"], name="clock_generation_once"),
            models.UniqueConstraint(
                fields=["ticket", "kind"],
                condition=models.Q(stopped_at=None),
                name="one_live_clock_per_kind",
            ),
        ]
        indexes = [
            # The check asks for what is due, so its cost grows with that and not with what is open (S4).
            models.Index(fields=["due_at"], condition=models.Q(state="running"), name="clock_due"),
            models.Index(fields=["warn_at"], condition=models.Q(state="running"), name="clock_warn"),
            # The same for breaches whose escalation is still to be done.
            models.Index(fields=["id"], condition=models.Q(actions_owed=True), name="clock_actions_owed"),
            # And for clocks that ended before their time was kept with them.
            models.Index(
                fields=["id"], condition=models.Q(used=None, stopped_at__isnull=False), name="clock_used_owed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.ticket_id}"


class Segment(models.Model):
    """A stretch of a clock's life, measured by the calendar version that held then.

    Invariant: segments follow each other; only the last is open. No version means around the clock.
    """

    clock = models.ForeignKey(Clock, on_delete=models.CASCADE, related_name="segments")
    kind = models.CharField(max_length=8, choices=SegmentKind.choices)
    version = models.ForeignKey(
        CalendarVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["clock", "started_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["clock"], condition=models.Q(ended_at=None), name="one_open_segment"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} from {self.started_at:%Y-%m-%d %H:%M}"


class Recount(Leased, Timestamped):
    """Live clocks that are to follow an edited policy or calendar: owed with the edit, done by a task.

    Invariant: tickets up to ``position`` have been looked at; a second run starts there. ``since`` is when
    the edit was made, and from when on other hours count.
    """

    client = models.ForeignKey(
        Client,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text=gettext_lazy("Empty: all."),
    )
    calendar = models.ForeignKey(
        BusinessCalendar, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    why = models.CharField(max_length=200)
    since = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=8, choices=RecountState.choices, default=RecountState.PENDING)
    position = models.BigIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            # The sweeper asks for what is owed.
            models.Index(fields=["next_at"], condition=models.Q(state="pending"), name="recount_owed"),
        ]

    def __str__(self) -> str:
        return self.why


class ClockProblem(Timestamped):
    """A ticket whose promises cannot be counted, until that is tried again. Invariant: one row a ticket."""

    ticket = models.OneToOneField(Ticket, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=300)
    attempts = models.PositiveIntegerField(default=1)
    next_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["next_at"]

    def __str__(self) -> str:
        return self.reason


class RepairProgress(models.Model):
    """How far the search for tickets without clocks has come. Invariant: at most one row."""

    position = models.BigIntegerField(default=0)
    began_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = gettext_lazy("repair progress")

    def __str__(self) -> str:
        return f"up to ticket row {self.position}"
