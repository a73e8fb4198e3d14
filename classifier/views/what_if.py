"""Trying a change on stored tickets, and a stored decision again, before anything is used."""

from __future__ import annotations

from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_safe

from classifier.forms import WhatIfForm
from classifier.models import WorkflowRun
from classifier.services.what_if import Comparison, replay, what_if
from common.exceptions import ApplicationError
from teams.api.actors import actor_of
from ticketing.views.access import lead_page


@require_http_methods(["GET", "POST"])
@lead_page
def trial(request: HttpRequest) -> HttpResponse:
    """The form, and the comparison once it was sent; a POST, because it takes seconds and may cost money."""
    actor = actor_of(request)
    form = WhatIfForm(request.POST or None, actor=actor)
    comparison: Comparison | None = None
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            comparison = what_if(
                client=values["client"], change=form.change(), last=values["last"], actor=actor
            )
        except ApplicationError as error:
            messages.error(request, error.sentence)
    context = {
        **admin.site.each_context(request), "title": "What if", "form": form, "comparison": comparison,
    }  # fmt: skip
    return render(request, "admin/classifier/what_if.html", context)


@require_safe
@lead_page
def again(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """A stored decision beside what would be decided today. Nothing changes."""
    rows = WorkflowRun.objects.visible_to(actor_of(request)).select_related(
        "ticket__client", "ticket__requester", "ticket__taxonomy"
    )
    run: WorkflowRun = get_object_or_404(rows, uuid=uuid)
    context = {
        **admin.site.each_context(request), "title": f"Replay of {run.ticket.reference}", "run": run,
        "differences": replay(run=run),
    }  # fmt: skip
    return render(request, "admin/classifier/replay.html", context)
