"""A change that is tried on stored tickets, as a job."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from classifier.choices import TrialState
from common.models import Leased, Timestamped
from teams.models import Client, User
from ticketing.querysets import ClientOwnedQuerySet


class WhatIfTrial(Leased, Timestamped):
    """A trial that is owed or done (C25).

    Invariants: only the holder of the lease token writes its result; the result holds values and ids of
    tickets, never their words.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    asked_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    parameters = models.JSONField(default=dict, help_text=_("The change and how many tickets, by ids."))
    summary = models.CharField(max_length=300, help_text=_("The change in words."))
    state = models.CharField(max_length=10, choices=TrialState.choices, default=TrialState.PENDING)
    done = models.PositiveIntegerField(default=0, help_text=_("Tickets judged so far."))
    total = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict, blank=True)
    error = models.CharField(max_length=300, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ClientOwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            # The sweeper: what is due, whether never claimed or with an expired lease.
            models.Index(
                fields=["next_at"], condition=models.Q(state__in=["pending", "running"]), name="trial_due"
            ),
            models.Index(fields=["client", "-created_at"], name="trial_of_client"),
        ]

    def __str__(self) -> str:
        return self.summary

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.state in {TrialState.COMPLETED, TrialState.FAILED}
