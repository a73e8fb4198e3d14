"""Promises: policies with targets, and clocks with their ledger of segments (S1, S3)."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from simple_history.models import HistoricalRecords

from common.models import Timestamped
from sla.choices import Action, ClockState, SegmentKind, TargetKind
from sla.querysets import ClockQuerySet, PolicyQuerySet
from teams.models import BusinessCalendar, Client, Team
from ticketing.choices import Severity
from ticketing.models import Category, Ticket


def default_warnings() -> list[int]:
    """Warn once three quarters of the time are gone."""
    return [75]


def default_actions() -> list[str]:
    """Tell the team."""
    return [Action.NOTIFY.value]


def check_warnings(value: Any) -> None:
    """Percentages between 1 and 99, at most five. Raises ValidationError."""
    good = isinstance(value, list) and len(value) <= 5
    good = good and all(isinstance(percent, int) and 0 < percent < 100 for percent in value)
    if not good:
        raise ValidationError("Give up to five whole percentages between 1 and 99.")


def check_actions(value: Any) -> None:
    """Known actions only. Raises ValidationError."""
    if not isinstance(value, list) or not set(value) <= set(Action.values):
        raise ValidationError(f"Use a list of: {', '.join(Action.values)}.")


class Policy(Timestamped):
    """What is promised for which tickets. Policies are tried in order; the first that fits applies."""

    client = models.ForeignKey(
        Client,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="sla_policies",
        help_text="Leave empty for a policy that serves every client.",
    )
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    order = models.PositiveIntegerField(default=100, help_text="Lower numbers are tried first.")
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.CASCADE, related_name="+", help_text="Empty: any."
    )
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.CASCADE, related_name="+", help_text="Empty: any."
    )
    severity = models.CharField(max_length=8, choices=Severity.choices, blank=True, help_text="Empty: any.")
    calendar = models.ForeignKey(
        BusinessCalendar,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty: around the clock.",
    )
    warn_percents = models.JSONField(
        default=default_warnings, validators=[check_warnings], help_text="Warn at these shares of the time."
    )
    actions = models.JSONField(
        default=default_actions,
        validators=[check_actions],
        help_text="On a breach: notify, raise_priority, escalate.",
    )
    is_active = models.BooleanField(default=True)

    objects = PolicyQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["order", "pk"]
        verbose_name = "SLA policy"
        verbose_name_plural = "SLA policies"
        constraints = [
            models.UniqueConstraint(fields=["client", "slug"], name="policy_slug_per_client"),
            models.UniqueConstraint(
                fields=["slug"], condition=models.Q(client=None), name="shared_policy_slug_unique"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Target(models.Model):
    """The minutes promised for one kind and severity. Invariant: one row per policy, kind and severity."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="targets")
    kind = models.CharField(max_length=16, choices=TargetKind.choices)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    minutes = models.PositiveIntegerField(validators=[MinValueValidator(1)])

    class Meta:
        ordering = ["policy", "kind", "minutes"]
        constraints = [models.UniqueConstraint(fields=["policy", "kind", "severity"], name="target_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.severity}: {self.minutes} min"


class Clock(Timestamped):
    """One promise on one ticket.

    Invariant: the time spent is what the running segments add up to; ``due_at`` follows from it and is never
    set by hand. A new generation begins when the promise is made again (next response, reopening).
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="clocks")
    kind = models.CharField(max_length=16, choices=TargetKind.choices)
    generation = models.PositiveIntegerField(default=1)
    policy = models.ForeignKey(Policy, null=True, on_delete=models.SET_NULL, related_name="clocks")
    minutes = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=ClockState.choices, default=ClockState.RUNNING)
    started_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(null=True, blank=True, help_text="Empty while paused.")
    warn_at = models.DateTimeField(null=True, blank=True)
    warned_percent = models.PositiveSmallIntegerField(default=0)
    breached_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)

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
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.ticket_id}"


class Segment(models.Model):
    """A stretch of a clock's life. Invariant: segments follow each other; only the last is open."""

    clock = models.ForeignKey(Clock, on_delete=models.CASCADE, related_name="segments")
    kind = models.CharField(max_length=8, choices=SegmentKind.choices)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["clock", "started_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["clock"], condition=models.Q(ended_at=None), name="one_open_segment"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} from {self.started_at:%Y-%m-%d %H:%M}"
