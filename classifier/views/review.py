"""Pages of triage: the review queue, and what the desk does with drafts and runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from classifier.choices import DraftState
from classifier.forms import DraftForm, ReviewForm
from classifier.models import ResponseDraft, ReviewItem, SecondOpinion
from classifier.panels import draft_line
from classifier.selectors import reviews as selectors
from classifier.services.drafts import draft_decide, draft_make
from classifier.services.reviews import AlreadyReviewed, review_answer, review_skip, review_undo
from classifier.services.runs import run_request
from classifier.services.second_opinions import opinion_verdict, second_opinion_answer
from classifier.tasks import triage
from common.exceptions import ApplicationError
from common.queueing import enqueue_on_commit
from teams.api.actors import actor_of
from ticketing.forms import first_problem
from ticketing.models import Ticket
from ticketing.views.access import query_of, staff_page, ticket_or_404


@require_safe
@staff_page
def queue(request: HttpRequest) -> HttpResponse:
    """The most urgent item, or the good news that there is none."""
    actor, now = actor_of(request), timezone.now()
    item, last = selectors.item_next(actor), selectors.item_last_answered(actor, now=now)
    progress = selectors.progress_of(actor, now=now)
    context: dict[str, Any] = {
        "section": "review",
        "item": selectors.review_page(item) if item else None,
        "progress": progress,
        "second_waiting": SecondOpinion.objects.waiting_for(actor).count(),
        "next_up": max(0, progress.total - progress.done - 1),
        "submit_url": reverse("review:answer", args=[item.pk]) if item else "",
        "skip_url": reverse("review:skip", args=[item.pk]) if item else "",
        "undo_url": reverse("review:undo", args=[last.pk]) if last else None,
    }
    return render(request, "classifier/review.html", context)


def _item_or_404(request: HttpRequest, pk: int) -> ReviewItem:
    rows = ReviewItem.objects.visible_to(actor_of(request)).select_related(
        "ticket__client", "ticket__taxonomy"
    )
    item: ReviewItem = get_object_or_404(rows, pk=pk)
    return item


@require_safe
@staff_page
def second(request: HttpRequest) -> HttpResponse:
    """The next answer that waits for a second opinion; neither prediction nor first answer is shown."""
    actor, now = actor_of(request), timezone.now()
    opinion, progress = selectors.opinion_next(actor), selectors.progress_of(actor, now=now)
    context: dict[str, Any] = {
        "section": "review",
        "second": True,
        "item": selectors.review_page(opinion.item, second=True) if opinion else None,
        "progress": progress,
        "next_up": max(0, SecondOpinion.objects.waiting_for(actor).count() - 1),
        "submit_url": reverse("review:second_answer", args=[opinion.pk]) if opinion else "",
        "skip_url": reverse("review:queue"),
        "undo_url": None,
    }
    return render(request, "classifier/review.html", context)


@require_POST
@staff_page
def second_answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep a second opinion; the ticket stays as the first answer left it."""
    actor, form = actor_of(request), ReviewForm(request.POST)
    opinion: SecondOpinion = get_object_or_404(SecondOpinion.objects.visible_to(actor), pk=pk)
    try:
        if form.is_valid():
            done = second_opinion_answer(opinion=opinion, decisions=form.decisions(), actor=actor)
            messages.success(request, opinion_verdict(done))
        else:
            messages.error(request, first_problem(form))
    except ApplicationError as error:
        messages.warning(request, error.sentence)
    return redirect("review:second")


@require_POST
@staff_page
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep the answer and move on to the next item."""
    item, form = _item_or_404(request, pk), ReviewForm(request.POST)
    if not form.is_valid():
        messages.error(request, first_problem(form))
        return redirect("review:queue")
    try:
        done = review_answer(item=item, decisions=form.decisions(), actor=actor_of(request))
    except AlreadyReviewed as error:
        messages.warning(request, error.sentence)
    except ApplicationError as error:
        messages.error(request, error.sentence)
    else:
        verdict = f" {selectors.blind_verdict(done)}" if done.is_blind else ""
        messages.success(request, f"{item.ticket.reference} is {done.get_state_display().lower()}.{verdict}")
    return redirect("review:queue")


@require_POST
@staff_page
def skip(request: HttpRequest, pk: int) -> HttpResponse:
    """Put the item behind the others."""
    item = _item_or_404(request, pk)
    try:
        review_skip(item=item, actor=actor_of(request))
    except AlreadyReviewed as error:
        messages.warning(request, error.sentence)
    return redirect("review:queue")


@require_POST
@staff_page
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the last answer back."""
    own = ReviewItem.objects.answered_by(actor_of(request)).select_related("ticket__client")
    item: ReviewItem = get_object_or_404(own, pk=pk)
    try:
        review_undo(item=item, actor=actor_of(request))
    except ApplicationError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, f"The answer for {item.ticket.reference} is taken back.")
    return redirect("review:queue")


@require_POST
@staff_page
def draft(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Write a new suggestion, take the one there is into the composer, or dismiss it."""
    actor, ticket, form = actor_of(request), ticket_or_404(request, uuid), DraftForm(request.POST)
    if not form.is_valid():
        raise Http404
    action = form.cleaned_data["action"]
    proposed = ResponseDraft.objects.visible_to(actor).proposed().filter(ticket=ticket).first()
    if action == "new":
        tone = form.cleaned_data["tone"] or ticket.client.ticketing_settings.draft_tone
        proposed = draft_make(ticket=ticket, tone=tone, actor=actor)
    elif proposed is None:
        messages.warning(request, "The suggestion is no longer there.")
    elif action == "dismiss":
        draft_decide(draft=proposed, state=DraftState.REJECTED, actor=actor)
        proposed = None
    return _draft_answer(request, ticket, proposed, take=action == "take")


def _draft_answer(
    request: HttpRequest, ticket: Ticket, proposed: ResponseDraft | None, *, take: bool
) -> HttpResponse:
    """The suggestion alone where the page swaps it in, so that typed text stays; else the whole page."""
    query = query_of(request)
    if getattr(request, "htmx", False):
        line = draft_line(proposed) if proposed else None
        context = {"ticket": ticket, "draft": line, "back": query}
        return render(request, "ticketing/_draft.html", context)
    taken = f"{'&' if query else '?'}take={proposed.uuid}" if take and proposed else ""
    return redirect(f"{ticket.get_absolute_url()}{query}{taken}#composer")


@require_POST
@staff_page
def retriage(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Judge the ticket anew in the background; what people decided stays."""
    ticket = ticket_or_404(request, uuid)
    run = run_request(ticket=ticket, again=True)
    enqueue_on_commit(triage, run.pk)
    messages.info(request, "Triage looks at the ticket again. What people decided stays.")
    return redirect(ticket.get_absolute_url() + query_of(request))
