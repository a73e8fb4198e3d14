"""Closed sets of promises."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class TargetKind(models.TextChoices):
    """What is promised."""

    FIRST_RESPONSE = "first_response", _("First response")
    NEXT_RESPONSE = "next_response", _("Next response")
    RESOLUTION = "resolution", _("Resolution")


class ClockState(models.TextChoices):
    """Life of a clock. ``met`` and ``cancelled`` are final; a broken promise stays broken."""

    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    MET = "met", _("Met")
    BREACHED = "breached", _("Breached")
    CANCELLED = "cancelled", _("Cancelled")


class SegmentKind(models.TextChoices):
    """What a stretch of time counts as."""

    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")


class Action(models.TextChoices):
    """What a breach sets off."""

    NOTIFY = "notify", _("Notify the team")
    RAISE_PRIORITY = "raise_priority", _("Raise the priority")
    ESCALATE = "escalate", _("Hand over to the next team of the escalation path")


class RecountState(models.TextChoices):
    """Whether the clocks have followed an edit."""

    PENDING = "pending", _("Owed")
    DONE = "done", _("Done")
