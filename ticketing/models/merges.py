"""Merged tickets and the people who follow a ticket beside its requester (T8)."""

from __future__ import annotations

from django.db import models

from common.models import Timestamped
from teams.models import User
from ticketing.models.requesters import Requester
from ticketing.models.tickets import Ticket


class TicketFollower(Timestamped):
    """A requester who reads and answers a ticket that somebody else asked. Invariant: once a ticket."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="followers")
    requester = models.ForeignKey(Requester, on_delete=models.CASCADE, related_name="followed")

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["ticket", "requester"], name="follower_once")]

    def __str__(self) -> str:
        return f"{self.requester_id} follows {self.ticket_id}"


class TicketMerge(Timestamped):
    """One merge and what it moved, so that it can be taken back exactly.

    Invariant: a ticket has at most one merge that is in force. ``moved`` holds keys and states, no texts.
    """

    source = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="merges_out")
    target = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="merges_in")
    moved = models.JSONField(default=dict)
    merged_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["source"], condition=models.Q(undone_at=None), name="merged_once_at_a_time"
            ),
            models.CheckConstraint(
                condition=~models.Q(source=models.F("target")), name="merge_not_into_itself"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_id} into {self.target_id}"
