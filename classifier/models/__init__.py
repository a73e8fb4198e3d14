"""Runs, what they predicted, what people made of it, and what is learned from that."""

from classifier.models.learning import LabelledExample, LocalModel, ReviewItem
from classifier.models.outcomes import Classification, ExtractedField, LlmCall, ResponseDraft
from classifier.models.runs import Prediction, WorkflowRun, WorkflowStep

__all__ = [
    "Classification",
    "ExtractedField",
    "LabelledExample",
    "LlmCall",
    "LocalModel",
    "Prediction",
    "ResponseDraft",
    "ReviewItem",
    "WorkflowRun",
    "WorkflowStep",
]
