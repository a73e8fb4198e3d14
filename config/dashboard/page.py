"""The page itself: four questions over a chosen period."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from classifier.selectors import figures
from common.actors import Actor
from config.dashboard import links, promises, triage, week
from config.health.checks import scheduler
from teams.api.actors import actor_of
from teams.selectors import alerts_newest
from ticketing.selectors import volume

PERIODS = {1: gettext_lazy("Today"), 7: gettext_lazy("7 days"), 30: gettext_lazy("30 days")}
_ALERTS = 5


def dashboard_callback(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures of the chosen period. The number of queries does not depend on that of the tickets."""
    context["title"] = _("Dashboard")
    actor, now = actor_of(request), timezone.now()
    context.update(dashboard(actor=actor, now=now, days=_days(request.GET.get("days", ""))))
    return context


def _days(given: str) -> int:
    return next((days for days in PERIODS if str(days) == given), 7)


def dashboard(*, actor: Actor, now: datetime, days: int) -> dict[str, Any]:
    """Everything the page shows for an actor."""
    span = volume.span_of(days=days, now=now)
    open_now = volume.burning(actor=actor, now=now)
    totals = volume.totals(actor=actor, span=span)
    run = figures.runs(actor=actor, span=span)
    review = figures.reviews(actor=actor, span=span)
    sections = [
        {
            "title": _("Is something burning?"),
            "figures": promises.burning(open_now, run, actor, now),
            "live": True,
        },
        {"title": _("Are we keeping promises?"), "figures": promises.promises(actor, span, totals)},
        {
            "title": _("Is the AI right, and what did it cost?"),
            "figures": triage.triage(actor, span, run, review),
        },
    ]
    return {
        "periods": [{"days": key, "label": label, "on": key == days} for key, label in PERIODS.items()],
        "before": week.BEFORE[days],
        "since": span.start,
        "silent": _silent(),
        "alerts": [
            {"message": row.message, "severity": row.severity, "since": row.created_at, "count": row.count}
            for row in alerts_newest(actor, limit=_ALERTS)
        ],
        "sections": sections,
        "week": week.changes(actor, span, totals),
        "blind": triage.blind_tables(review, span),
        "satisfaction": promises.satisfaction_groups(actor, span),
        "empty": not open_now["open"] and not totals["opened"] and not totals["opened_before"],
        "links": {
            "portal": "/portal/",
            "desk": reverse("desk:queue"),
            "rules": links.rows("ticketing_routingrule"),
            "alerts": links.rows("teams_alert", state__exact="open"),
        },
    }


def _silent() -> str:
    """What is wrong with the scheduler, if anything: it cannot raise an alert about itself (S7)."""
    state, detail = scheduler()
    return "" if state == "ok" else detail
