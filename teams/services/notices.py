"""What the house's own messages say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from common.registries import notification_renderers
from teams.services.channels import mail_parts
from teams.services.sorting import COLLECTED, render_collected


def register() -> None:
    """Fill the slots; called once when the app is ready."""
    notification_renderers.register("alert.raised", render_alert)
    notification_renderers.register("alert.resolved", render_resolved)
    notification_renderers.register(COLLECTED, render_collected)


def render_alert(payload: Mapping[str, Any]) -> Mapping[str, str]:
    """An alert that was raised, or has become louder."""
    return _render(payload, f"{payload['severity'].capitalize()}: {payload['message']}", over=False)


def render_resolved(payload: Mapping[str, Any]) -> Mapping[str, str]:
    """An alert that is over."""
    return _render(payload, f"Resolved: {payload['message']}", over=True)


def _render(payload: Mapping[str, Any], subject: str, *, over: bool) -> Mapping[str, str]:
    link = settings.SITE_URL.rstrip("/") + reverse("admin:teams_alert_changelist")
    context = {**payload, "since": datetime.fromisoformat(payload["since"]), "link": link, "over": over}
    return mail_parts("teams/email/alert", subject=subject, context=context)
