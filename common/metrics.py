"""Prometheus metrics of the application; Django's own come from django-prometheus (O3)."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

classification_requests_total = Counter(
    "classification_requests_total",
    "Classifications by the engine that decided the category and whether a person has to look.",
    ["engine", "outcome"],
)
shadow_answers_total = Counter(
    "shadow_answers_total",
    "Answers of models that run beside the one in use: kept, unreadable (no model) or failed.",
    ["outcome"],
)
classification_duration_seconds = Histogram(
    "classification_duration_seconds",
    "Seconds one classification took.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
