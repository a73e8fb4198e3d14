"""API routes of promises."""

from __future__ import annotations

from django.urls import path

from sla.api import views

urlpatterns = [path("tickets/<str:ref>/sla", views.TicketSlaView.as_view(), name="ticket-sla")]
