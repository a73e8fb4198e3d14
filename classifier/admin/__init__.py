"""The back office of triage: runs, models, reviews, what was learned and what was sent out."""

from classifier.admin import chat, evaluations, language, learning, runs

__all__ = ["chat", "evaluations", "language", "learning", "runs"]
