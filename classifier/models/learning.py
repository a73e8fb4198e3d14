"""Examples, models trained on them, and the review that makes new examples."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from classifier.choices import ExampleSource, ModelAction, ModelState, ReviewState
from classifier.models.runs import WorkflowRun
from classifier.querysets import ReviewQuerySet, SecondOpinionQuerySet
from common.models import Timestamped
from teams.models import Client, User
from ticketing.models import Category, Taxonomy, Ticket


class LabelledExample(Timestamped):
    """A text with its confirmed labels. Invariant: one row per taxonomy, text and source ticket."""

    taxonomy = models.ForeignKey(Taxonomy, on_delete=models.CASCADE, related_name="examples")
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    ticket = models.ForeignKey(
        Ticket, null=True, blank=True, on_delete=models.CASCADE, related_name="examples"
    )
    text = models.TextField()
    text_hash = models.CharField(max_length=64)
    category = models.ForeignKey(Category, on_delete=models.CASCADE, related_name="examples")
    severity = models.CharField(max_length=8, blank=True)
    team_slug = models.SlugField(max_length=60, blank=True)
    source = models.CharField(max_length=10, choices=ExampleSource.choices)
    labelled_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["taxonomy", "text_hash"], condition=models.Q(ticket=None), name="example_text_once"
            ),
            models.UniqueConstraint(
                fields=["ticket"], condition=models.Q(ticket__isnull=False), name="example_once_per_ticket"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category}: {self.text[:60]}"


class TrainingSet(models.Model):
    """What a model was taught (C24). Invariant: never changed once written; named by its content.

    ``rows`` lists ``[example id, text hash, label]``: enough to tell which texts a model has seen, and which
    models have seen an example that is erased, without keeping any text a second time.
    """

    taxonomy = models.ForeignKey(Taxonomy, on_delete=models.CASCADE, related_name="training_sets")
    field = models.CharField(max_length=12)
    snapshot_hash = models.CharField(max_length=64, help_text=_("Names the exact texts and labels."))
    size = models.PositiveIntegerField()
    rows = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["taxonomy", "field", "snapshot_hash"], name="training_set_once")
        ]

    def __str__(self) -> str:
        return f"{self.field} {self.snapshot_hash[:12]}, {self.size} examples"


class LocalModel(models.Model):
    """A trained model of one field of one taxonomy. Invariant: at most one is active."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    taxonomy = models.ForeignKey(Taxonomy, on_delete=models.CASCADE, related_name="models")
    field = models.CharField(max_length=12)
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=ModelState.choices, default=ModelState.CANDIDATE)
    artifact = models.CharField(max_length=200, help_text=_("Storage key of the artifact."))
    artifact_sha256 = models.CharField(max_length=64)
    snapshot_hash = models.CharField(max_length=64, help_text=_("Names the exact training set."))
    training_set = models.ForeignKey(
        TrainingSet,
        null=True,
        blank=True,
        on_delete=models.RESTRICT,
        related_name="models",
        help_text=_("Empty for models trained before sets were kept."),
    )
    example_count = models.PositiveIntegerField()
    metrics = models.JSONField(default=dict)
    evidence = models.JSONField(default=dict, blank=True, help_text=_("Why it was promoted or not."))
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    promoted_at = models.DateTimeField(null=True, blank=True)
    challenger_since = models.DateTimeField(
        "answers beside the model in use since",
        null=True,
        blank=True,
        help_text=_("It is asked about every ticket, and no ticket follows it."),
    )

    class Meta:
        ordering = ["taxonomy", "field", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["taxonomy", "field", "version"], name="model_version_once"),
            models.UniqueConstraint(
                fields=["taxonomy", "field"], condition=models.Q(state="active"), name="one_active_model"
            ),
            models.UniqueConstraint(
                fields=["taxonomy", "field"],
                condition=models.Q(challenger_since__isnull=False),
                name="one_challenger",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.taxonomy.slug}/{self.field} v{self.version}"


class ModelChange(models.Model):
    """One decision about a model, never edited: who, when, why (C24)."""

    model = models.ForeignKey(LocalModel, on_delete=models.CASCADE, related_name="changes")
    before = models.ForeignKey(
        LocalModel,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=_("The model in use until then."),
    )
    action = models.CharField(max_length=12, choices=ModelAction.choices)
    actor_kind = models.CharField(max_length=12)
    actor_label = models.CharField(max_length=200)
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.model}: {self.action}"


class ShadowAnswer(models.Model):
    """What a challenger would have said of a ticket, beside what the local model in use said (C24, C25).

    Invariant: both saw the same text in the same run; nothing reads it but the comparison of the two.
    """

    run = models.ForeignKey(WorkflowRun, on_delete=models.CASCADE, related_name="+")
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="+")
    challenger = models.ForeignKey(LocalModel, on_delete=models.CASCADE, related_name="shadow_answers")
    champion = models.ForeignKey(LocalModel, on_delete=models.CASCADE, related_name="+")
    challenger_value = models.CharField(max_length=200)
    challenger_confidence = models.FloatField()
    champion_value = models.CharField(max_length=200)
    champion_confidence = models.FloatField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["run", "challenger"], name="shadow_answer_once_per_run")
        ]
        indexes = [
            # The comparison of two models, newest first.
            models.Index(fields=["challenger", "champion", "-id"], name="shadow_answers_of_pair")
        ]

    def __str__(self) -> str:
        return f"{self.challenger_id} beside {self.champion_id} on {self.ticket_id}"


class ReviewItem(Timestamped):
    """A ticket a person should look at (C4).

    Invariant: a blind item freezes the prediction; it is shown only after the reviewer has answered.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="review_items")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey(WorkflowRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=10, choices=ReviewState.choices, default=ReviewState.OPEN)
    urgency = models.FloatField(default=0, help_text=_("Uncertainty times severity; the queue's order."))
    reasons = models.JSONField(default=list, blank=True)
    is_blind = models.BooleanField(default=False)
    inclusion_probability = models.FloatField(null=True, blank=True)
    frozen = models.JSONField(
        default=dict, blank=True, help_text=_("The prediction at the time of sampling.")
    )
    answer = models.JSONField(default=dict, blank=True)
    reviewed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    reviewed_at = models.DateTimeField(null=True, blank=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-urgency", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["ticket"], condition=models.Q(state="open"), name="one_open_review_per_ticket"
            )
        ]
        indexes = [
            # The queue, most urgent first.
            models.Index(fields=["-urgency", "id"], condition=models.Q(state="open"), name="review_queue")
        ]

    def __str__(self) -> str:
        return f"Review of {self.ticket_id}"


class SecondOpinion(Timestamped):
    """The same question put to another person, who sees neither the prediction nor the first answer (C4).

    Invariant: the second reviewer is not the first; the ticket follows the first answer alone.
    """

    item = models.OneToOneField(ReviewItem, on_delete=models.CASCADE, related_name="second_opinion")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    answer = models.JSONField(default=dict, blank=True, help_text=_("Field to value, as the person chose."))
    reviewed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    reviewed_at = models.DateTimeField(null=True, blank=True)

    objects = SecondOpinionQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [
            # What waits for a second reviewer.
            models.Index(fields=["client"], condition=models.Q(reviewed_at=None), name="second_opinion_due")
        ]

    def __str__(self) -> str:
        return f"Second opinion on {self.item_id}"
