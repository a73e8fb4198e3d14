"""Embedding spaces and the vectors of tickets and examples in them (C18)."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from classifier.models.learning import LabelledExample
from teams.models import Client
from ticketing.models import Ticket


class VectorSpace(models.Model):
    """An embedding space, fitted here or a remote model's.

    Invariants: its name names its content; at most one is active. A remote one has no artifact and is never
    active: the environment says whether it is in use.
    """

    name = models.CharField(max_length=80, unique=True)
    artifact = models.CharField(max_length=200, help_text=_("Storage key of the artifact."))
    fitted_on = models.PositiveIntegerField(help_text=_("Number of texts."))
    is_active = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_active"], condition=models.Q(is_active=True), name="one_active_space"
            )
        ]

    def __str__(self) -> str:
        return self.name


class StoredVector(models.Model):
    """A vector of one space: float32, little-endian, as bytes. Only vectors of one space are compared."""

    space = models.ForeignKey(VectorSpace, on_delete=models.CASCADE, related_name="+")
    vector = models.BinaryField()
    text_hash = models.CharField(max_length=64, help_text=_("Names the text the vector was made of."))
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class TicketVector(StoredVector):
    """A ticket's vector. Invariants: one a ticket; ``client`` is the ticket's."""

    ticket = models.OneToOneField(Ticket, on_delete=models.CASCADE, related_name="vector")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")

    class Meta:
        indexes = [
            # What of a client's vectors is new since they were last read.
            models.Index(fields=["client", "space", "updated_at"], name="ticket_vector_newest"),
        ]

    def __str__(self) -> str:
        return f"Vector of {self.ticket_id}"


class ExampleVector(StoredVector):
    """An example's vector. Invariants: one an example; ``client`` is the example's, empty if shared."""

    example = models.OneToOneField(LabelledExample, on_delete=models.CASCADE, related_name="vector")
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.CASCADE, related_name="+")

    class Meta:
        indexes = [
            # What of a client's vectors is new since they were last read.
            models.Index(fields=["client", "space", "updated_at"], name="example_vector_newest"),
        ]

    def __str__(self) -> str:
        return f"Vector of example {self.example_id}"
