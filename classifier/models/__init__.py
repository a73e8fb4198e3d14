"""Runs, what they predicted, what people made of it, and what is learned from that."""

from classifier.models.language import LlmProvider, PromptVersion
from classifier.models.learning import LabelledExample, LocalModel, ModelChange, ReviewItem, TrainingSet
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
    "ModelChange",
    "Prediction",
    "PromptVersion",
    "ResponseDraft",
    "ReviewItem",
    "RuleProposal",
    "TrainingSet",
    "WorkflowRun",
    "WorkflowStep",
]
