"""The back office of promises."""

from __future__ import annotations

from django.contrib import admin

from sla.models import Clock, Policy, Segment, Target
from teams.admin import ChildInline, HistoryAdmin, ReadOnlyAdmin, ReadOnlyInline


class TargetInline(ChildInline):
    """Minutes by kind and severity."""

    model = Target


@admin.register(Policy)
class PoliciesAdmin(HistoryAdmin):
    """What is promised. Policies are tried in order; the client's own go before the shared ones."""

    list_display = ("order", "name", "client", "category", "severity", "team", "calendar", "is_active")
    list_display_links = ("name",)
    list_filter = ("client", "is_active")
    search_fields = ("name", "slug")
    list_select_related = ("client", "category", "team", "calendar")
    inlines = (TargetInline,)


class SegmentInline(ReadOnlyInline):
    """The ledger a deadline follows from."""

    model = Segment
    fields = ("kind", "started_at", "ended_at", "reason")


@admin.register(Clock)
class ClocksAdmin(ReadOnlyAdmin):
    """Every promise on every ticket."""

    list_display = ("ticket", "kind", "state", "minutes", "due_at", "breached_at", "stopped_at", "policy")
    list_filter = ("state", "kind", "policy")
    search_fields = ("ticket__reference", "ticket__subject")
    list_select_related = ("ticket", "policy")
    inlines = (SegmentInline,)
