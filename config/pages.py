"""The front door and the log-in."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import views as auth_views
from django.contrib.staticfiles.finders import find
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from common.actors import Role
from teams.api.actors import actor_of

_PLACE_OF_ROLE = {
    Role.ADMINISTRATOR: "admin:index",
    Role.LEAD: "admin:index",
    Role.AGENT: "desk:queue",
    Role.REQUESTER: "portal:home",
}
_DEMO_ACCOUNTS = (
    (_("Administrator"), "admin", _("Sees every client and all settings.")),
    (_("Lead"), "lead", _("Dashboard, review and reference data of Harbour Logistics.")),
    (_("Agent"), "agent", _("Works the desk of Harbour Logistics.")),
    (_("Requester"), "requester", _("Asks for help and follows own tickets.")),
    (_("Lead of another client"), "other-lead", _("Fern & Field: sees nothing of Harbour Logistics.")),
)
_DEMO_PASSWORD = "switchyard-demo"  # noqa: S105  shown on the log-in page of a demo, made only there


class LoginView(auth_views.LoginView):
    """The log-in page; demo accounts are named only where ``DEMO`` made them."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form, and the demo accounts to fill it with."""
        context = super().get_context_data(**kwargs)
        if settings.DEMO:
            context["demo_accounts"] = [
                {"role": role, "username": name, "password": _DEMO_PASSWORD, "text": text}
                for role, name, text in _DEMO_ACCOUNTS
            ]
        return context


@require_safe
@cache_control(max_age=86_400, public=True)
def favicon(request: HttpRequest) -> HttpResponse:
    """The icon, for browsers that ask for it by its old name."""
    return HttpResponse(_icon(), content_type="image/svg+xml")


@lru_cache(maxsize=1)
def _icon() -> bytes:
    path = find("img/favicon.svg")
    return Path(str(path)).read_bytes()


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Send people to where they work."""
    return redirect(_PLACE_OF_ROLE.get(actor_of(request).role, "login"))
