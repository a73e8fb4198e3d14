"""Health routes of the API."""

from __future__ import annotations

from django.urls import path

from config.health import views

urlpatterns = [
    path("health/live", views.LiveView.as_view(), name="health-live"),
    path("health/ready", views.ReadyView.as_view(), name="health-ready"),
    path("health", views.FullHealthView.as_view(), name="health"),
]
