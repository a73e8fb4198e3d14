"""The page of language models in the back office."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier.forms import OperateForm, TrialForm
from classifier.selectors.prompts import prompt_figures
from classifier.services.provider_state import (
    Trial,
    provider_pause,
    provider_resume,
    provider_seen,
    provider_states,
    provider_try,
    spending,
)
from common.exceptions import ApplicationError
from teams.api.actors import actor_of
from ticketing.forms import first_problem
from ticketing.views.access import lead_page


@require_safe
@lead_page
def overview(request: HttpRequest) -> HttpResponse:
    """Which models are asked, how they are, what they cost."""
    return _page(request)


def _page(request: HttpRequest, **more: Any) -> HttpResponse:
    actor, now = actor_of(request), timezone.now()
    context = {
        **admin.site.each_context(request),
        "title": _("Language models"),
        "states": provider_states(actor=actor, now=now),
        "spending": spending(actor=actor, now=now),
        "prompts": prompt_figures(actor=actor, since=now - timedelta(days=30)),
        **more,
    }
    context.setdefault("form", TrialForm(actor=actor))
    return render(request, "admin/classifier/providers.html", context)


@require_POST
@lead_page
def operate(request: HttpRequest, key: str) -> HttpResponse:
    """Pause or resume one model."""
    form = OperateForm(request.POST)
    if not form.is_valid():
        raise Http404
    change = provider_pause if form.cleaned_data["action"] == "pause" else provider_resume
    try:
        change(key=key, actor=actor_of(request))
    except ApplicationError as error:
        if error.status == 404:
            raise Http404 from error
        messages.error(request, error.sentence)
    else:
        paused = form.cleaned_data["action"] == "pause"
        messages.success(request, _("The model is paused.") if paused else _("The model is resumed."))
    return redirect("review:providers")


@require_http_methods(["GET", "POST"])
@lead_page
def attempt(request: HttpRequest, key: str) -> HttpResponse:
    """Send one text and show what left and what came back; a reload goes back to the page."""
    actor = actor_of(request)
    try:
        provider_seen(key=key, actor=actor)
    except ApplicationError as error:
        raise Http404 from error
    if request.method != "POST":
        return redirect("review:providers")
    form = TrialForm(request.POST, actor=actor)
    if not form.is_valid():
        messages.error(request, first_problem(form))
        return _page(request, form=form)
    try:
        trial: Trial = provider_try(
            key=key, client=form.cleaned_data["client"], text=form.cleaned_data["text"], actor=actor
        )
    except ApplicationError as error:
        raise Http404 from error
    return _page(request, form=form, trial=trial, tried=key)
