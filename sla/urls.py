"""Pages of promises in the back office."""

from __future__ import annotations

from django.urls import path

from sla import views

app_name = "sla"
urlpatterns = [
    path("deadlines/", views.deadlines, name="deadlines"),
    path("deadlines/simulation/", views.simulation, name="simulation"),
]
