"""Pages of triage: the review queue in the back office, and its actions on the desk's ticket page."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from classifier.views import knowledge, proposals, providers, review, what_if

app_name = "review"
urlpatterns: list[URLPattern | URLResolver] = [
    path("review/", review.queue, name="queue"),
    path("review/second/", review.second, name="second"),
    path("review/second/<int:pk>/answer", review.second_answer, name="second_answer"),
    path("review/<int:pk>/answer", review.answer, name="answer"),
    path("review/<int:pk>/skip", review.skip, name="skip"),
    path("review/<int:pk>/undo", review.undo, name="undo"),
    path("proposed-rules/", proposals.overview, name="proposals"),
    path("proposed-rules/<int:pk>/decide", proposals.decide, name="proposal_decide"),
    path("what-if/", what_if.trial, name="what_if"),
    path("what-if/<uuid:uuid>", what_if.outcome, name="what_if_trial"),
    path("replay/<uuid:uuid>", what_if.again, name="replay"),
    path("language-models/", providers.overview, name="providers"),
    path("language-models/<slug:key>/operate", providers.operate, name="provider_operate"),
    path("language-models/<slug:key>/try", providers.attempt, name="provider_try"),
]

desk_patterns: list[URLPattern | URLResolver] = [
    path("tickets/<uuid:uuid>/draft", review.draft, name="draft"),
    path("tickets/<uuid:uuid>/article", knowledge.article, name="article"),
    path("tickets/<uuid:uuid>/triage", review.retriage, name="retriage"),
]
"""Included beside the desk's own routes under the name "triage"; ticketing knows the names, not the code."""
