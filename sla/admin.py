"""The back office of promises."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from common.phrases import retold
from common.queueing import enqueue_on_commit
from sla import tasks
from sla.ledger import ledger_of
from sla.models import Clock, ClockProblem, Policy, Recount, Target
from sla.reports import DIMENSIONS
from sla.selectors import explain, segments_prefetch
from sla.services.recounts import policy_changed, policy_delete
from teams.admin import ChildInline, HistoryAdmin, ReadOnlyAdmin
from ticketing.admin.filters import AddressFilter, moment_given


class TargetInline(ChildInline):
    """Minutes by kind and severity."""

    model = Target


@admin.register(Policy)
class PoliciesAdmin(HistoryAdmin):
    """What is promised. Policies are tried in order; the client's own go before the shared ones.

    Running clocks follow an edit within a minute, with the time already spent kept.
    """

    list_display = ("order", "name", "client", "category", "severity", "team", "calendar", "is_active")
    list_display_links = ("name",)
    list_filter = ("client", "is_active")
    search_fields = ("name", "slug")
    list_select_related = ("client", "category", "team", "calendar")
    prepopulated_fields = {"slug": ("name",)}
    inlines = (TargetInline,)
    actions_detail = ("simulation",)

    @action(description=_("Try on past tickets"), url_path="simulation", icon="science")
    def simulation(self, request: HttpRequest, object_id: str) -> HttpResponseRedirect:
        """To the page that tries it, where nothing is saved."""
        return HttpResponseRedirect(f"{reverse('sla:simulation')}?policy={object_id}")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """With its targets the policy is complete: clocks are owed a recount."""
        super().save_related(request, form, formsets, change)
        row = policy_changed(policy=form.instance, now=timezone.now())
        enqueue_on_commit(tasks.recount, row.pk)

    def delete_model(self, request: HttpRequest, obj: Policy) -> None:
        """The next policy that fits takes over."""
        enqueue_on_commit(tasks.recount, policy_delete(policy=obj, now=timezone.now()).pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Policy]) -> None:
        """One by one, each with what it owes."""
        for policy in queryset:
            self.delete_model(request, policy)


class JudgedFilter(AddressFilter):
    """The promises that a figure counts: decided from ``since`` to ``until``, and of one ``by`` or of all.

    ``by`` names a dimension of the report, ``of`` the value in it; an empty one is "none".
    """

    title = _("figure")
    names = ("since", "until", "by", "of")

    @property
    def chosen(self) -> str:
        """The words of the figures."""
        return gettext("Promises that were decided")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Clock]) -> QuerySet[Clock]:
        """The rows; an address that says nothing sensible shows none rather than all."""
        given = self.used_parameters
        since, until = (moment_given(given.get(end, "")) for end in ("since", "until"))
        by, of = str(given.get("by", "")), str(given.get("of", ""))
        if since is None or until is None or (by and by not in DIMENSIONS):
            return queryset.none()
        rows = queryset.filter(pk__in=Clock.objects.judged(since=since, until=until).values("pk"))
        if not by:
            return rows
        column = DIMENSIONS[by][0]
        if by == "severity":
            return rows.filter(**{column: of})
        if not of:
            return rows.filter(**{f"{column.removesuffix('_id')}__isnull": True})
        return rows.filter(**{column: of}) if of.isascii() and of.isdigit() else rows.none()


@admin.register(Clock)
class ClocksAdmin(ReadOnlyAdmin):
    """Every promise on every ticket, and why it is due when it is."""

    list_display = (
        "ticket",
        "kind",
        "generation",
        "state",
        "minutes",
        "due_at",
        "breached_at",
        "stopped_at",
        "policy",
    )
    list_filter = (JudgedFilter, "state", "kind", "policy")
    search_fields = ("ticket__reference", "ticket__subject")
    list_select_related = ("ticket", "policy")
    fieldsets = (
        (None, {"fields": ("ticket", "kind", "generation", "policy", "minutes", "state", "why")}),
        (
            _("Times"),
            {"fields": ("started_at", "due_at", "warn_at", "breached_at", "noticed_at", "stopped_at")},
        ),
        (_("This deadline"), {"fields": ("explanation",)}),
    )
    readonly_fields = ("explanation", "why")

    @admin.display(description=_("Reason"))
    def why(self, clock: Clock) -> str:
        """Why it ended without an outcome, in the reader's language."""
        return retold(clock.reason)

    @admin.display(description=_("Explained"))
    def explanation(self, clock: Clock) -> str:
        """The segments with their running total."""
        (row,) = (
            Clock.objects.filter(pk=clock.pk).select_related("policy").prefetch_related(segments_prefetch())
        )
        told = explain(ledger_of(row), now=timezone.now())
        return render_to_string("sla/_explanation.html", {"clock": told})


@admin.register(Recount)
class RecountsAdmin(ReadOnlyAdmin):
    """Edits that running clocks follow."""

    list_display = ("why", "client", "calendar", "since", "state", "changed", "failed", "finished_at")
    list_filter = ("state",)
    list_select_related = ("client", "calendar")


@admin.register(ClockProblem)
class ClockProblemsAdmin(ReadOnlyAdmin):
    """Tickets whose promises cannot be counted; tried again by themselves."""

    list_display = ("ticket", "reason", "attempts", "next_at")
    search_fields = ("ticket__reference",)
    list_select_related = ("ticket",)
