"""Teams in the back office with what ticketing knows of them: load, queue, presence."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, IntegerField, OuterRef, Prefetch, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from common.exceptions import ApplicationError
from teams.admin import actor_in_admin, limited
from teams.admin.people import MemberInline, StepInline, TeamsAdmin
from teams.models import Team, TeamMember
from ticketing.models import Ticket
from ticketing.querysets import statuses_in
from ticketing.selectors.handout import is_at_work
from ticketing.services.absence import absent_hand_on


class CommaField(forms.CharField):
    """A list of short words, with commas between them."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        """In one line."""
        return ", ".join(str(item) for item in value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        """Without empty ones and doubles."""
        text = super().clean(value) or ""
        return list(dict.fromkeys(word.strip().casefold() for word in text.split(",") if word.strip()))


class MemberForm(forms.ModelForm):
    """Skills are words."""

    skills = CommaField(
        label=gettext_lazy("Skills"),
        required=False,
        help_text=gettext_lazy(
            "With commas: category slugs (billing), language codes (de), severities (critical)."
        ),
    )

    class Meta:
        model = TeamMember
        fields = ("user", "role", "capacity", "skills")


class SkilledMemberInline(MemberInline):
    """Who works in the team."""

    form = MemberForm


def _tickets(**conditions: Any) -> Coalesce:
    """How many tickets of the team meet the conditions."""
    rows = Ticket.objects.filter(team=OuterRef("pk"), **conditions).order_by().values("team")
    return Coalesce(Subquery(rows.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), 0)


admin.site.unregister(Team)


@admin.register(Team)
class TeamsWithLoadAdmin(TeamsAdmin):
    """Teams with members and paths; the list says who is there, how full the desks are and what waits."""

    list_display = (
        "name", "client", "kind", "strategy", "at_work", "load", "waiting", "is_active",
    )  # fmt: skip
    inlines = (SkilledMemberInline, StepInline)
    actions = ("hand_on_absent",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the figures of the list, in a constant number of queries."""
        members = TeamMember.objects.select_related("user__calendar").prefetch_related(
            "user__calendar__intervals", "user__calendar__days"
        )
        capacity = TeamMember.objects.filter(team=OuterRef("pk"), user__is_active=True).order_by()
        total = capacity.values("team").annotate(n=Sum("capacity")).values("n")
        held = {"assignee__isnull": False}
        return (
            super()
            .get_queryset(request)
            .select_related("client", "calendar")
            .prefetch_related(Prefetch("members", queryset=members), "calendar__intervals", "calendar__days")
            .annotate(
                total_capacity=Coalesce(Subquery(total, output_field=IntegerField()), 0),
                held_open=_tickets(status__in=statuses_in("open"), **held),
                held_waiting=_tickets(status__in=statuses_in("waiting"), **held),
                unassigned=_tickets(status__in=statuses_in("open"), assignee=None),
            )
        )

    @display(description=gettext_lazy("At work"))
    def at_work(self, team: Any) -> str:
        """How many of the members get tickets now; the others are away, offline or out of hours."""
        now, members = timezone.now(), [row for row in team.members.all() if row.user.is_active]
        if not members:
            return "–"
        return _("%(members)s of %(count)s") % {
            "members": sum(is_at_work(row, team, now=now) for row in members),
            "count": len(members),
        }

    @display(description=gettext_lazy("Load"))
    def load(self, team: Any) -> str:
        """Tickets that take up capacity, of what the members may have together."""
        load = team.held_open + (team.held_waiting if team.waiting_counts else 0)
        return _("%(load)s of %(total_capacity)s") % {"load": load, "total_capacity": team.total_capacity}

    @display(description=gettext_lazy("Unassigned tickets"), ordering="unassigned")
    def waiting(self, team: Any) -> str | SafeString:
        """Open tickets nobody has, with a link to them."""
        if not team.unassigned:
            return "0"
        url = reverse("admin:ticketing_ticket_changelist")
        query = f"team__id__exact={team.pk}&assignee__isnull=True"
        return format_html('<a href="{}?{}">{}</a>', url, query, team.unassigned)

    @action(description=gettext_lazy("Hand on the tickets of absent members"))
    def hand_on_absent(self, request: HttpRequest, queryset: QuerySet[Team]) -> None:
        """For all who are away now, whatever the policy of the team says."""
        moved, actor = 0, actor_in_admin(request)
        for team in limited(queryset, actor):
            try:
                moved += absent_hand_on(team=team, now=timezone.now(), actor=actor)
            except ApplicationError as error:
                messages.error(request, f"{team.name}: {error.sentence}")
        messages.success(
            request,
            ngettext("%(moved)s ticket handed on.", "%(moved)s tickets handed on.", moved) % {"moved": moved},
        )
