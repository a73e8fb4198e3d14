"""Closed sets of the doors."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ImportKind(models.TextChoices):
    """What a sheet holds."""

    TICKETS = "tickets", _("Tickets")


class ImportStep(models.TextChoices):
    """What is asked of an import."""

    CHECK = "check", _("Dry run")
    WRITE = "write", _("Import")
    UNDO = "undo", _("Take back")


class ImportState(models.TextChoices):
    """How far the step asked for has come."""

    MAPPING = "mapping", _("Waits for its columns to be named")
    PENDING = "pending", _("Waiting")
    RUNNING = "running", _("Running")
    CHECKED = "checked", _("Checked, nothing written")
    COMPLETED = "completed", _("Imported")
    FAILED = "failed", _("Failed")
    UNDONE = "undone", _("Taken back")
