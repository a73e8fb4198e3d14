"""Runs, what they predicted, what people made of it, and what is learned from that."""

from classifier.models.chat import ChatConvo, ChatMessage
from classifier.models.evaluations import EvaluationRecord
from classifier.models.language import LlmProvider, PromptVersion
from classifier.models.learning import (
    LabelledExample,
    LocalModel,
    ModelChange,
    ReviewItem,
    SecondOpinion,
    ShadowAnswer,
    TrainingSet,
)
from classifier.models.mining import RuleProposal
from classifier.models.outcomes import Classification, ExtractedField, LlmCall, ResponseDraft
from classifier.models.runs import Prediction, WorkflowRun, WorkflowStep
from classifier.models.trials import WhatIfTrial
from classifier.models.vectors import ExampleVector, TicketVector, VectorSpace

__all__ = [
    "ChatConvo",
    "ChatMessage",
    "Classification",
    "EvaluationRecord",
    "ExampleVector",
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
    "SecondOpinion",
    "ShadowAnswer",
    "TicketVector",
    "TrainingSet",
    "VectorSpace",
    "WhatIfTrial",
    "WorkflowRun",
    "WorkflowStep",
]
