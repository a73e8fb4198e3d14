"""The report on deadlines and the simulation of policies in the back office."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from sla.forms import PolicyChoiceForm, SimulationForm, values_of
from sla.reports import PERIODS, attainment, forecast
from sla.simulation import LISTED, MOST_TICKETS, simulate
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
        **admin.site.each_context(request), "title": _("Deadlines"), "days": days, "periods": PERIODS,
        "attainment": attainment(actor=actor, days=days, now=now),
        "since": now - timedelta(days=days), "until": now,
        "hours": [hour for hour in forecast(actor=actor, now=now) if hour.due],
    }  # fmt: skip
    return render(request, "admin/sla/deadlines.html", context)


@require_safe
@lead_page
def simulation(request: HttpRequest) -> HttpResponse:
    """A policy tried on past tickets (``?policy=``, with ``run`` the draft in the form). Nothing is saved."""
    actor, chosen, outcome = actor_of(request), None, None
    if "run" in request.GET:
        form: PolicyChoiceForm = SimulationForm(request.GET, actor=actor)
        if isinstance(form, SimulationForm) and form.is_valid():
            chosen = form.cleaned_data["policy"]
            outcome = simulate(draft=form.draft(), window=form.window(), actor=actor, now=timezone.now())
    else:
        form = PolicyChoiceForm(request.GET or None, actor=actor)
        if form.is_valid():
            chosen = form.cleaned_data["policy"]
            form = SimulationForm(initial=values_of(chosen), actor=actor)
    context = {
        **admin.site.each_context(request), "title": _("Simulation"), "form": form, "policy": chosen,
        "outcome": outcome, "most": MOST_TICKETS, "listed": LISTED,
    }  # fmt: skip
    return render(request, "admin/sla/simulation.html", context)
