"""Clients (tenants) and users."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import Timestamped
from teams.choices import Presence
from teams.querysets import ClientQuerySet, UserManagerWithVerbs


class Client(Timestamped):
    """A tenant. Invariant: every ticket, requester, key and file belongs to exactly one client."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)

    objects = ClientQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person who can log in. What the person may do follows from groups, where from ``clients``."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    clients = models.ManyToManyField(
        Client,
        blank=True,
        related_name="users",
        help_text=_("Clients whose tickets this person may see. Administrators see every client."),
    )
    time_zone = models.CharField(max_length=64, default="UTC")
    presence = models.CharField(max_length=12, choices=Presence.choices, default=Presence.AVAILABLE)
    away_until = models.DateTimeField(
        null=True, blank=True, help_text=_("The person is available again by itself from this moment on.")
    )
    absent_since = models.DateTimeField(null=True, blank=True, editable=False)
    calendar = models.ForeignKey(
        "teams.BusinessCalendar",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="people",
        verbose_name=_("working hours"),
        help_text=_(
            "Outside of them no ticket is given to the person automatically. Empty: those of the team."
        ),
    )

    objects = UserManagerWithVerbs()  # type: ignore[misc]  # narrows the manager of the base

    class Meta(AbstractUser.Meta):
        ordering = ["username"]

    @property
    def display_name(self) -> str:
        """Full name, or the user name where there is none."""
        return self.get_full_name() or self.username

    def is_present(self, *, now: datetime) -> bool:
        """Whether the person takes work: available, or the absence is over."""
        over = self.away_until is not None and self.away_until <= now
        return self.presence == Presence.AVAILABLE or over
