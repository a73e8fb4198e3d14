"""What requesters say of the help they got."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import Timestamped
from ticketing.choices import FeedbackSource
from ticketing.models.tickets import Ticket


class TicketFeedback(Timestamped):
    """A requester's rating of a resolved ticket (T11). Invariant: one a ticket, from 1 (bad) to 5 (good)."""

    ticket = models.OneToOneField(Ticket, on_delete=models.CASCADE, related_name="feedback")
    rating = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)])
    comment = models.TextField(blank=True)
    source = models.CharField(max_length=6, choices=FeedbackSource.choices)

    class Meta:
        ordering = ["-updated_at"]
        verbose_name_plural = _("ticket feedback")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(rating__gte=1, rating__lte=5), name="rating_from_one_to_five"
            )
        ]
        indexes = [
            # Satisfaction over a period.
            models.Index(fields=["created_at"], name="feedback_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.rating} of 5"
