"""API routes of the people layer: tokens for people."""

from __future__ import annotations

from django.urls import path

from teams.api import views

urlpatterns = [
    path("auth/token", views.TokenView.as_view(), name="token"),
    path("auth/token/refresh", views.RefreshView.as_view(), name="token-refresh"),
]
