"""Who may call an endpoint at all; which rows is decided by ``visible_to``."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from common.actors import Role
from teams.api.actors import actor_of


class IsActor(BasePermission):
    """Logged in, and the key (if any) grants the view's scope for this kind of request.

    Views set ``read_scope`` and ``write_scope``; ``write_scope`` defaults to ``read_scope``.
    """

    message = "You may not do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        """False without a log-in (401) or scope (403)."""
        if not request.user or not request.user.is_authenticated:
            return False
        read_scope = getattr(view, "read_scope", None)
        safe = request.method in SAFE_METHODS
        scope = read_scope if safe else getattr(view, "write_scope", None) or read_scope
        actor = actor_of(request)
        if actor.role is Role.ANONYMOUS:
            return False
        return actor.scopes is None or (scope is not None and actor.has_scope(scope))


class IsStaffActor(IsActor):
    """Agents, leads, administrators and services; requesters are refused."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """As IsActor, for staff."""
        return super().has_permission(request, view) and actor_of(request).is_staff


class IsLeadActor(IsActor):
    """Leads and administrators."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """As IsActor, for leads."""
        return super().has_permission(request, view) and actor_of(request).is_lead


class LeadsWrite(IsActor):
    """Everybody who may log in reads; leads, and keys with the write scope, write."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """As IsActor, with writes for leads."""
        if not super().has_permission(request, view):
            return False
        actor = actor_of(request)
        return request.method in SAFE_METHODS or actor.is_lead or actor.role is Role.SERVICE
