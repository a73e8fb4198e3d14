"""API routes of triage."""

from __future__ import annotations

from django.urls import path

from classifier.api import ticket_views, views

urlpatterns = [
    path("classify", views.ClassifyView.as_view(), name="classify"),
    path("classify/ticket", views.ClassifyTicketView.as_view(), name="classify-ticket"),
    path("classify/history", views.HistoryView.as_view({"get": "list"}), name="classify-history"),
    path("workflow/classify", views.WorkflowClassifyView.as_view(), name="workflow-classify"),
    path("workflow/extract", views.WorkflowExtractView.as_view(), name="workflow-extract"),
    path("workflow/respond", views.WorkflowRespondView.as_view(), name="workflow-respond"),
    path("workflow/route", views.WorkflowRouteView.as_view(), name="workflow-route"),
    path("workflow/process", views.WorkflowProcessView.as_view(), name="workflow-process"),
    path("tickets/<str:ref>/runs", ticket_views.TicketRunsView.as_view(), name="ticket-runs"),
    path("tickets/<str:ref>/similar", ticket_views.TicketSimilarView.as_view(), name="ticket-similar"),
    path("tickets/<str:ref>/triage", ticket_views.TicketTriageView.as_view(), name="ticket-triage"),
    path("tickets/<str:ref>/article", ticket_views.TicketArticleView.as_view(), name="ticket-article"),
    path("tickets/<str:ref>/draft", ticket_views.TicketDraftView.as_view(), name="ticket-draft"),
]
