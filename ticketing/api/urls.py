"""API routes of ticketing."""

from __future__ import annotations

from django.urls import path

from ticketing.api import conversation_views, feedback_views, merge_views, reference_views, views

_LIST = {"get": "list"}
_LIST_CREATE = {"get": "list", "post": "create"}

urlpatterns = [
    path("tickets", views.TicketList.as_view(_LIST_CREATE), name="tickets"),
    path("tickets/bulk", views.TicketBulk.as_view(), name="tickets-bulk"),
    path("tickets/<str:ref>", views.TicketOne.as_view(), name="ticket"),
    path("tickets/<str:ref>/assign", conversation_views.AssignView.as_view(), name="ticket-assign"),
    path("tickets/<str:ref>/escalate", conversation_views.EscalateView.as_view(), name="ticket-escalate"),
    path("tickets/<str:ref>/confirm", conversation_views.ConfirmView.as_view(), name="ticket-confirm"),
    path(
        "tickets/<str:ref>/messages",
        conversation_views.MessageList.as_view(_LIST_CREATE),
        name="ticket-messages",
    ),
    path("tickets/<str:ref>/events", conversation_views.EventList.as_view(_LIST), name="ticket-events"),
    path("tickets/<str:ref>/feedback", feedback_views.FeedbackView.as_view(), name="ticket-feedback"),
    path("tickets/<str:ref>/links", conversation_views.LinkList.as_view(_LIST_CREATE), name="ticket-links"),
    path("tickets/<str:ref>/merge", merge_views.MergeView.as_view(), name="ticket-merge"),
    path("tickets/<str:ref>/unmerge", merge_views.UnmergeView.as_view(), name="ticket-unmerge"),
    path("tickets/<str:ref>/split", merge_views.SplitView.as_view(), name="ticket-split"),
    *reference_views.routes(),
]
