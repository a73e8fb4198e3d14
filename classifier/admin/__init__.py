"""The back office of triage: runs, models, reviews, what was learned and what was sent out."""

from classifier.admin import chat, language, learning, runs

__all__ = ["chat", "language", "learning", "runs"]
