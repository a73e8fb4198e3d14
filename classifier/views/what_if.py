"""Trying a change on stored tickets, and a stored decision again, before anything is used."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from classifier.forms import WhatIfForm
from classifier.models import WhatIfTrial, WorkflowRun
from classifier.services.trials import trial_comparison, trial_request
from classifier.services.what_if import replay
from classifier.tasks import try_change
from common.exceptions import ApplicationError
from common.queueing import enqueue
from teams.api.actors import actor_of
from teams.models import User
from ticketing.views.access import lead_page

_REFRESH_SECONDS = 2
_LISTED = 10


@require_http_methods(["GET", "POST"])
@lead_page
def trial(request: HttpRequest) -> HttpResponse:
    """The form and the latest trials; a POST owes one, because it takes seconds and may cost money."""
    actor = actor_of(request)
    form = WhatIfForm(request.POST or None, actor=actor)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            owed = trial_request(
                client=values["client"],
                change=form.change(),
                last=values["last"],
                actor=actor,
                user=cast("User", request.user),
            )
        except ApplicationError as error:
            messages.error(request, error.sentence)
        else:
            enqueue(try_change, owed.pk)
            return redirect("review:what_if_trial", uuid=owed.uuid)
    latest = WhatIfTrial.objects.visible_to(actor).select_related("client", "asked_by")[:_LISTED]
    context = {
        **admin.site.each_context(request), "title": _("What if"), "form": form, "trials": latest,
    }  # fmt: skip
    return render(request, "admin/classifier/what_if.html", context)


@require_safe
@lead_page
def outcome(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """How far a trial is, and what came of it; loads itself again until it is over."""
    actor = actor_of(request)
    rows = WhatIfTrial.objects.visible_to(actor).select_related("client", "asked_by")
    row: WhatIfTrial = get_object_or_404(rows, uuid=uuid)
    context = {
        **admin.site.each_context(request), "title": _("What if"), "trial": row,
        "comparison": trial_comparison(trial=row, actor=actor),
    }  # fmt: skip
    response = render(request, "admin/classifier/what_if_trial.html", context)
    if not row.is_over:
        response["Refresh"] = str(_REFRESH_SECONDS)
    return response


@require_safe
@lead_page
def again(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """A stored decision beside what would be decided today. Nothing changes."""
    rows = WorkflowRun.objects.visible_to(actor_of(request)).select_related(
        "ticket__client", "ticket__requester", "ticket__taxonomy"
    )
    run: WorkflowRun = get_object_or_404(rows, uuid=uuid)
    context = {
        **admin.site.each_context(request),
        "title": _("Replay of %(reference)s") % {"reference": run.ticket.reference},
        "run": run,
        "differences": replay(run=run),
    }  # fmt: skip
    return render(request, "admin/classifier/replay.html", context)
