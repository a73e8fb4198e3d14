"""Closed sets of promises."""

from __future__ import annotations

from django.db import models


class TargetKind(models.TextChoices):
    """What is promised."""

    FIRST_RESPONSE = "first_response", "First response"
    NEXT_RESPONSE = "next_response", "Next response"
    RESOLUTION = "resolution", "Resolution"


class ClockState(models.TextChoices):
    """Life of a clock. ``met`` and ``cancelled`` are final; a broken promise stays broken."""

    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    MET = "met", "Met"
    BREACHED = "breached", "Breached"
    CANCELLED = "cancelled", "Cancelled"


class SegmentKind(models.TextChoices):
    """What a stretch of time counts as."""

    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"


class Action(models.TextChoices):
    """What a breach sets off."""

    NOTIFY = "notify", "Notify the team"
    RAISE_PRIORITY = "raise_priority", "Raise the priority"
    ESCALATE = "escalate", "Hand over to the next team of the escalation path"


class RecountState(models.TextChoices):
    """Whether the clocks have followed an edit."""

    PENDING = "pending", "Owed"
    DONE = "done", "Done"
