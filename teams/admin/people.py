"""Clients, people, teams and calendars."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget

from common.actors import Actor
from common.exceptions import ApplicationError
from teams.admin.base import ChildInline, ClientAdmin, HistoryAdmin, actor_in_admin, limited
from teams.choices import Presence
from teams.models import (
    Client,
    EscalationStep,
    Team,
    TeamMember,
    User,
)
from teams.services.presence import presence_set, team_announce

admin.site.unregister(Group)


class PresenceForm(forms.Form):
    """Whether the chosen people take new tickets."""

    presence = forms.ChoiceField(
        label=gettext_lazy("Presence"), choices=Presence.choices, widget=UnfoldAdminSelectWidget
    )
    until = forms.DateTimeField(
        required=False,
        label=gettext_lazy("Away until"),
        help_text=gettext_lazy(
            "They are available again by themselves from then on. Empty: until somebody says so."
        ),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )


class AdministratorsOnly(ClientAdmin):
    """Rows that concern everybody: leads look, administrators change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Administrators."""
        return actor_in_admin(request).sees_every_client

    def belongs_to(self, actor: Actor, obj: Any) -> bool:
        """Administrators."""
        return actor.sees_every_client


@admin.register(Client)
class ClientsAdmin(AdministratorsOnly):
    """Tenants."""

    list_display = ("name", "slug", "is_active", "created_at")
    search_fields = ("name", "slug")


@admin.register(User)
class PeopleAdmin(AdministratorsOnly, DjangoUserAdmin):  # type: ignore[type-arg]
    """Log-ins, their roles (groups) and their clients."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "display_name", "email", "roles", "presence", "is_active", "last_login")
    list_filter = ("groups", "clients", "is_active", "presence")
    search_fields = ("username", "first_name", "last_name", "email")
    filter_horizontal = ("groups", "clients")
    readonly_fields = ("presence", "away_until")
    autocomplete_fields = ("calendar",)
    actions = ("set_presence",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (gettext_lazy("Person"), {"fields": ("first_name", "last_name", "email", "time_zone")}),
        (
            gettext_lazy("New tickets"),
            {
                "fields": ("calendar", "presence", "away_until"),
                "description": gettext_lazy(
                    "The presence is set by the person on the desk, and by leads with the action"
                    " “Set the presence” of the list."
                ),
            },
        ),
        (gettext_lazy("Access"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "clients")}),
        (gettext_lazy("Dates"), {"fields": ("last_login", "date_joined")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """With what a line shows."""
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=gettext_lazy("Roles"))
    def roles(self, user: User) -> str:
        """Groups by name."""
        return ", ".join(group.name for group in user.groups.all()) or "–"

    @action(description=gettext_lazy("Set the presence"))
    def set_presence(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """Ask for it, then set it for each; one person who cannot be set stops no other."""
        form = PresenceForm(request.POST if "apply" in request.POST else None)
        actor = actor_in_admin(request)
        people = list(limited(queryset, actor))
        if form.is_bound and form.is_valid():
            self._set_each(request, people, form.cleaned_data)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Set the presence"),
            "form": form,
            "people": people,
            "back": reverse("admin:teams_user_changelist"),
        }
        return TemplateResponse(request, "admin/teams/presence.html", context)

    def _set_each(self, request: HttpRequest, people: list[User], values: dict[str, Any]) -> None:
        done, now, actor = 0, timezone.now(), actor_in_admin(request)
        for user in people:
            try:
                presence_set(
                    user=user, presence=values["presence"], until=values["until"], actor=actor, now=now
                )
                done += 1
            except ApplicationError as error:
                messages.error(request, f"{user.display_name}: {error.sentence}")
        if done:
            messages.success(
                request,
                ngettext(
                    "The presence of %(done)s person is set.", "The presence of %(done)s people is set.", done
                )
                % {"done": done},
            )


class MemberInline(ChildInline):
    """Who works in the team."""

    model = TeamMember
    fields = ("user", "role", "capacity", "skills")
    autocomplete_fields = ("user",)


class StepInline(ChildInline):
    """Who is asked next."""

    model = EscalationStep
    fk_name = "team"
    fields = ("position", "target")
    verbose_name_plural = gettext_lazy("Escalation path")


@admin.register(Team)
class TeamsAdmin(HistoryAdmin):
    """Teams with their members and escalation paths."""

    list_display = ("name", "slug", "client", "kind", "strategy", "is_active")
    list_filter = ("client", "kind", "is_active")
    search_fields = ("name", "slug")
    list_select_related = ("client",)
    inlines = (MemberInline, StepInline)
    prepopulated_fields = {"slug": ("name",)}

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Once members and steps are stored, those who give out tickets are told."""
        super().save_related(request, form, formsets, change)
        team_announce(team=form.instance)
