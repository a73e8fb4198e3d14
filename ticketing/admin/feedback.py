"""What requesters said of the help they got."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from teams.admin import ReadOnlyAdmin
from ticketing.models import TicketFeedback


@admin.register(TicketFeedback)
class FeedbackAdmin(ReadOnlyAdmin):
    """Ratings of resolved tickets; the requester gives and changes them."""

    list_display = ("ticket", "rating", "comment", "source", "team", "category", "created_at")
    list_filter = ("rating", "source")
    search_fields = ("ticket__reference", "comment")
    list_select_related = ("ticket__team", "ticket__category")

    @admin.display(description=_("Team"), ordering="ticket__team__name")
    def team(self, row: TicketFeedback) -> str:
        """Who has the ticket."""
        return row.ticket.team.name if row.ticket.team else "–"

    @admin.display(description=_("Category"), ordering="ticket__category__name")
    def category(self, row: TicketFeedback) -> str:
        """What it is about."""
        return row.ticket.category.name if row.ticket.category else "–"
