"""The report on deadlines in the back office."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from sla.reports import PERIODS, attainment, forecast
from teams.api.actors import actor_of
from ticketing.views.access import lead_page

_USUAL_PERIOD = 30


@require_safe
@lead_page
def deadlines(request: HttpRequest) -> HttpResponse:
    """What was kept in a period (``?days=7``, 30 or 90) and what is due, for the lead's clients."""
    actor, now = actor_of(request), timezone.now()
    asked = request.GET.get("days", "")
    days = next((period for period in PERIODS if str(period) == asked), _USUAL_PERIOD)
    context = {
        **admin.site.each_context(request), "title": "Deadlines", "days": days, "periods": PERIODS,
        "attainment": attainment(actor=actor, days=days, now=now),
        "hours": [hour for hour in forecast(actor=actor, now=now) if hour.due],
    }  # fmt: skip
    return render(request, "admin/sla/deadlines.html", context)
