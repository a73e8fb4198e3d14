"""Pages of triage: the review queue in the back office, and its actions on the desk's ticket page."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from classifier import views

app_name = "review"
urlpatterns: list[URLPattern | URLResolver] = [
    path("review/", views.queue, name="queue"),
    path("review/<int:pk>/answer", views.answer, name="answer"),
    path("review/<int:pk>/skip", views.skip, name="skip"),
    path("review/<int:pk>/undo", views.undo, name="undo"),
]

desk_patterns: list[URLPattern | URLResolver] = [
    path("tickets/<uuid:uuid>/draft", views.draft, name="draft"),
    path("tickets/<uuid:uuid>/triage", views.retriage, name="retriage"),
]
"""Included beside the desk's own routes under the name "triage"; ticketing knows the names, not the code."""
