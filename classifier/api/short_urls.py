"""Routes that services outside know without the version prefix."""

from __future__ import annotations

from django.urls import path

from classifier.api import views

urlpatterns = [path("classify", views.ClassifyView.as_view(), name="classify-short")]
