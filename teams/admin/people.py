"""Clients, people, teams and calendars."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from common.actors import Actor
from teams.admin.base import ChildInline, ClientAdmin, HistoryAdmin, actor_in_admin
from teams.models import (
    Client,
    EscalationStep,
    Team,
    TeamMember,
    User,
)

admin.site.unregister(Group)


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
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email", "time_zone", "presence", "away_until")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "clients")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """With what a line shows."""
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="Roles")
    def roles(self, user: User) -> str:
        """Groups by name."""
        return ", ".join(group.name for group in user.groups.all()) or "–"


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
    verbose_name_plural = "Escalation path"


@admin.register(Team)
class TeamsAdmin(HistoryAdmin):
    """Teams with their members and escalation paths."""

    list_display = ("name", "slug", "client", "kind", "strategy", "is_active")
    list_filter = ("client", "kind", "is_active")
    search_fields = ("name", "slug")
    list_select_related = ("client",)
    inlines = (MemberInline, StepInline)
    prepopulated_fields = {"slug": ("name",)}
