"""What evaluations have measured."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from classifier.models import EvaluationRecord
from teams.admin import ReadOnlyAdmin

_FIGURES = (
    "texts", "accuracy", "macro_f1", "ece", "coverage", "latency_median_ms", "latency_p95_ms", "cost",
    "failures",
)  # fmt: skip


@admin.register(EvaluationRecord)
class EvaluationsAdmin(ReadOnlyAdmin):
    """Engines, prompts and cascades with what they reached on which texts, and what that cost."""

    list_display = (
        "created_at", "engine", "prompt_version", "source", "texts", "accuracy_share", "macro_f1_share",
        "ece_share", "coverage_share", "median", "cost", "failures", "client", "actor_label",
    )  # fmt: skip
    list_filter = ("engine", "taxonomy", "client")
    search_fields = ("source", "prompt_version")
    list_select_related = ("taxonomy", "client")
    fields = (
        "taxonomy", "client", "engine", "prompt_version", "source", "protocol", *_FIGURES, "result",
        "actor_label", "created_at",
    )  # fmt: skip

    @admin.display(description=_("Accuracy"), ordering="accuracy")
    def accuracy_share(self, row: EvaluationRecord) -> str:
        """Of the texts judged."""
        return f"{row.accuracy:.1%}"

    @admin.display(description=_("Macro F1"), ordering="macro_f1")
    def macro_f1_share(self, row: EvaluationRecord) -> str:
        """The mean over categories."""
        return f"{row.macro_f1:.3f}"

    @admin.display(description=_("ECE"), ordering="ece")
    def ece_share(self, row: EvaluationRecord) -> str:
        """Gap between promised and true share, 15 bins."""
        return f"{row.ece:.3f}"

    @admin.display(description=_("Coverage at 0.95"), ordering="coverage")
    def coverage_share(self, row: EvaluationRecord) -> str:
        """What can be answered at that precision, as measured."""
        return f"{row.coverage:.1%}"

    @admin.display(description=_("Median"), ordering="latency_median_ms")
    def median(self, row: EvaluationRecord) -> str:
        """Time of one text."""
        return f"{row.latency_median_ms:,.0f} ms"
