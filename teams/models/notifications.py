"""Who is told of what by which channel, what is owed, and every try to deliver it."""

from __future__ import annotations

import uuid

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import Leased, Timestamped
from teams.choices import Channel, Digest, Hold, NotificationState
from teams.models.people import Client, User
from teams.models.teams import Team
from teams.querysets import NotificationQuerySet, TargetQuerySet


class NotificationTarget(Timestamped):
    """A place that is told: of a team, of a person, or, without both, of the whole house.

    Invariant: an address that is a secret (a chat's or a receiver's URL) is kept encrypted and never shown;
    ``address`` then only says where it leads. A person has one target a channel.
    """

    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.CASCADE, related_name="notification_targets"
    )
    user = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.CASCADE, related_name="notification_targets"
    )
    name = models.CharField(max_length=120, blank=True)
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.EMAIL)
    address = models.CharField(
        max_length=320, blank=True, help_text=_("The e-mail address; of an encrypted URL, only its host.")
    )
    secret_url = models.BinaryField(null=True, blank=True, editable=False)
    signing_secret = models.BinaryField(null=True, blank=True, editable=False)
    kinds = models.JSONField(
        default=list, blank=True, help_text=_("What it is told of; empty: everything its team or person is.")
    )
    digest = models.CharField(
        max_length=6,
        choices=Digest.choices,
        default=Digest.NONE,
        blank=True,
        help_text=_("Collects messages into one."),
    )
    quiet_from = models.TimeField(null=True, blank=True, help_text=_("Nothing is sent from this time on …"))
    quiet_until = models.TimeField(
        null=True, blank=True, help_text=_("… until this one; may cross midnight.")
    )
    time_zone = models.CharField(
        max_length=64, default="UTC", help_text=_("IANA name, such as Europe/Berlin.")
    )
    urgent_passes = models.BooleanField(
        default=True, help_text=_("Critical breaches and alerts come at once, quiet hours and digest or not.")
    )
    is_active = models.BooleanField(default=True)
    failures = models.PositiveIntegerField(default=0, editable=False)
    next_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("Not tried before this.")
    )
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TargetQuerySet.as_manager()

    class Meta:
        ordering = ["team", "user", "channel", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(team=None) | models.Q(user=None), name="target_of_a_team_or_a_person"
            ),
            models.UniqueConstraint(
                fields=["user", "channel"], condition=~models.Q(user=None), name="person_target_per_channel"
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"{self.get_channel_display()} {self.address}".strip()

    def clean(self) -> None:
        """An e-mail target needs an address that is one; quiet hours need both ends."""
        if self.channel == Channel.EMAIL:
            try:
                validate_email(self.address)
            except ValidationError:
                raise ValidationError({"address": "Enter a valid e-mail address."}) from None
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValidationError({"quiet_until": "Give both ends of the quiet hours, or none."})


class Notification(Leased, Timestamped):
    """The outbox. Invariant: one row per (event key, channel, recipient), however often it is owed.

    A row that was collected with others is ``folded`` and names the row that carries it.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    target = models.ForeignKey(
        NotificationTarget, null=True, blank=True, on_delete=models.SET_NULL, related_name="notifications"
    )
    event_key = models.CharField(max_length=160)
    kind = models.CharField(max_length=60)
    channel = models.CharField(max_length=20)
    recipient = models.CharField(max_length=320)
    payload = models.JSONField(default=dict, blank=True)
    urgent = models.BooleanField(default=False, help_text=_("May pass quiet hours and digests."))
    hold = models.CharField(
        max_length=6, choices=Hold.choices, default=Hold.NONE, blank=True, help_text=_("Why it waits.")
    )
    folded_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="folded"
    )
    state = models.CharField(
        max_length=10, choices=NotificationState.choices, default=NotificationState.PENDING
    )
    error = models.TextField(blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["event_key", "channel", "recipient"], name="notification_once")
        ]
        indexes = [
            # The sweeper asks for what is due and unsent.
            models.Index(
                fields=["next_at"],
                condition=models.Q(state__in=["pending", "sending"]),
                name="notification_due",
            ),
            # The cap counts what one recipient got lately.
            models.Index(fields=["recipient", "kind", "sent_at"], name="notification_cap"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.channel}"


class DeliveryAttempt(models.Model):
    """One try to deliver a message, for whoever asks why it did not arrive."""

    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    succeeded = models.BooleanField()
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text=_("HTTP status, if any."))
    error = models.CharField(max_length=300, blank=True)
    duration_ms = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return "delivered" if self.succeeded else self.error
