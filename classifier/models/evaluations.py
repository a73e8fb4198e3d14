"""What evaluations have measured, for people who were not there."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from classifier.querysets import EvaluationQuerySet
from teams.models import Client
from ticketing.models import Taxonomy


class EvaluationRecord(models.Model):
    """One evaluation of an engine or of the cascade on labelled texts (C25).

    Invariant: never changed once written; it holds figures and labels, and no word of any text.
    """

    taxonomy = models.ForeignKey(Taxonomy, on_delete=models.CASCADE, related_name="+")
    client = models.ForeignKey(
        Client,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text=_("In whose name models were asked; empty: judged for the whole taxonomy."),
    )
    engine = models.CharField(max_length=10)
    prompt_version = models.CharField(
        "prompt",
        max_length=80,
        blank=True,
        help_text=_("Empty: none was asked for, or each text drew its own."),
    )
    source = models.CharField("set", max_length=300)
    protocol = models.TextField(blank=True)
    texts = models.PositiveIntegerField(help_text=_("Texts that were judged."))
    accuracy = models.FloatField()
    macro_f1 = models.FloatField("macro F1")
    ece = models.FloatField("ECE")
    coverage = models.FloatField(
        "coverage at 0.95", help_text=_("Share answered at precision 0.95, as measured.")
    )
    latency_median_ms = models.FloatField("median ms")
    latency_p95_ms = models.FloatField("p95 ms")
    cost = models.DecimalField(
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        help_text=_("Dollars; empty: nobody was asked."),
    )
    failures = models.PositiveIntegerField(default=0, help_text=_("Texts on which every model failed."))
    result = models.JSONField(default=dict, help_text=_("Everything measured."))
    actor_kind = models.CharField(max_length=12)
    actor_label = models.CharField("by", max_length=120)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = "evaluation"
        indexes = [
            # The latest ones of a taxonomy, on the page of its models.
            models.Index(fields=["taxonomy", "-created_at"], name="evaluations_of_taxonomy")
        ]

    def __str__(self) -> str:
        return f"{self.engine} on {self.source}"[:120]
