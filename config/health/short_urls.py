"""Health and metrics without the version prefix."""

from __future__ import annotations

from django.urls import path

from config.health import views

urlpatterns = [
    path("health", views.FullHealthView.as_view(), name="health-short"),
    path("metrics", views.metrics, name="metrics"),
]
