"""The people who ask."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import Timestamped
from teams.models import Client, User
from ticketing.querysets import RequesterQuerySet


class Requester(Timestamped):
    """A person who asks for help at one client; may have a log-in."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="requesters")
    user = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="requesters"
    )
    name = models.CharField(max_length=200, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    external_id = models.CharField(max_length=120, blank=True)
    is_anonymous = models.BooleanField(default=False)
    mail_stopped_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("The person wants no automatic mail; answers of people still go out."),
    )

    objects = RequesterQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["client", "external_id"],
                condition=~models.Q(external_id=""),
                name="requester_external_id_once",
            ),
            models.UniqueConstraint(
                fields=["client", "user"], condition=models.Q(user__isnull=False), name="requester_user_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email or self.external_id or "Requester"

    @property
    def email(self) -> str:
        """The first address, or an empty string. Uses prefetched addresses where there are some."""
        addresses = list(self.addresses.all())
        return addresses[0].email if addresses else ""


class RequesterAddress(models.Model):
    """An e-mail address of a requester, unique within the client, lower case."""

    requester = models.ForeignKey(Requester, on_delete=models.CASCADE, related_name="addresses")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    email = models.EmailField(max_length=254)
    is_verified = models.BooleanField(default=False)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["client", "email"], name="address_once_per_client")]

    def __str__(self) -> str:
        return self.email
