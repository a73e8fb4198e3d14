"""The page of proposed rules in the back office."""

from __future__ import annotations

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from classifier.choices import ProposalState
from classifier.forms import ProposalForm
from classifier.models import RuleProposal
from classifier.services.mining import proposal_adopt, proposal_dismiss
from common.exceptions import ApplicationError
from common.wording import within_sentence
from teams.api.actors import actor_of
from ticketing.views.access import lead_page


@require_safe
@lead_page
def overview(request: HttpRequest) -> HttpResponse:
    """What waits for a decision, the surest first, and what was decided last."""
    rows = RuleProposal.objects.visible_to(actor_of(request)).select_related(
        "client", "category", "team", "decided_by"
    )
    context = {
        **admin.site.each_context(request),
        "title": _("Proposed rules"),
        "proposals": rows.filter(state=ProposalState.PROPOSED)[:100],
        "decided": rows.exclude(state=ProposalState.PROPOSED).order_by("-decided_at")[:20],
    }
    return render(request, "admin/classifier/proposals.html", context)


@require_POST
@lead_page
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Adopt or dismiss one."""
    rows = RuleProposal.objects.visible_to(actor_of(request))
    proposal: RuleProposal = get_object_or_404(rows, pk=pk)
    form = ProposalForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Adopt or dismiss the rule."))
        return redirect("review:proposals")
    change = proposal_adopt if form.cleaned_data["action"] == "adopt" else proposal_dismiss
    try:
        done = change(proposal=proposal, actor=actor_of(request))
        messages.success(
            request,
            _("%(done)s is %(state)s.") % {"done": done, "state": within_sentence(done.get_state_display())},
        )
    except ApplicationError as error:
        messages.error(request, error.sentence)
    return redirect("review:proposals")
