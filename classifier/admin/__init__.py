"""The back office of triage: runs, models, reviews, what was learned and what was sent out."""

from classifier.admin import language, learning, runs

__all__ = ["language", "learning", "runs"]
