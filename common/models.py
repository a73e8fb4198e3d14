"""Abstract models only: this layer owns no table."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Timestamped(models.Model):
    """Rows that know when they were made and last changed."""

    created_at = models.DateTimeField(default=timezone.now, editable=False, db_index=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class Leased(models.Model):
    """A job row: work that is owed, claimed by a conditional UPDATE with a lease (FACTS 6).

    Invariant: only the holder of ``lease_token`` may write the result.
    """

    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    next_at = models.DateTimeField(default=timezone.now, help_text=_("Not before this time."))

    class Meta:
        abstract = True
