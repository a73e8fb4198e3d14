"""Closed sets of the doors."""

from django.db import models


class ImportKind(models.TextChoices):
    """What a sheet holds."""

    TICKETS = "tickets", "Tickets"


class ImportStep(models.TextChoices):
    """What is asked of an import."""

    CHECK = "check", "Dry run"
    WRITE = "write", "Import"
    UNDO = "undo", "Take back"


class ImportState(models.TextChoices):
    """How far the step asked for has come."""

    MAPPING = "mapping", "Waits for its columns to be named"
    PENDING = "pending", "Waiting"
    RUNNING = "running", "Running"
    CHECKED = "checked", "Checked, nothing written"
    COMPLETED = "completed", "Imported"
    FAILED = "failed", "Failed"
    UNDONE = "undone", "Taken back"
