"""Runs, what they predicted, what people made of it, and what is learned from that."""

from classifier.models.language import LlmProvider, PromptVersion
from classifier.models.learning import LabelledExample, LocalModel, ReviewItem
from classifier.models.mining import RuleProposal
from classifier.models.outcomes import Classification, ExtractedField, LlmCall, ResponseDraft
from classifier.models.runs import Prediction, WorkflowRun, WorkflowStep

__all__ = [
    "Classification",
    "ExtractedField",
    "LabelledExample",
    "LlmCall",
    "LlmProvider",
    "LocalModel",
    "Prediction",
    "PromptVersion",
    "ResponseDraft",
    "ReviewItem",
    "RuleProposal",
    "WorkflowRun",
    "WorkflowStep",
]
