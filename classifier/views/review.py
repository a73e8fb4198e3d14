"""Pages of triage: the review queue, and what the desk does with drafts and runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
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
from common.exceptions import ApplicationError, Conflict
from common.queueing import enqueue_on_commit
from common.wording import within_sentence
from teams.api.actors import actor_of
from ticketing.forms import first_problem
from ticketing.models import Ticket
from ticketing.views.access import query_of, staff_page, ticket_or_404

_MOST_PASSED = 50


@require_safe
@staff_page
def queue(request: HttpRequest) -> HttpResponse:
    """The most urgent item, or the good news that there is none."""
    actor, now, passed = actor_of(request), timezone.now(), _passed(request)
    item, last = selectors.item_next(actor, passed), selectors.item_last_answered(actor, now=now)
    progress = selectors.progress_of(actor, now=now)
    context: dict[str, Any] = {
        "section": "review",
        "item": selectors.review_page(item) if item else None,
        "progress": progress,
        "second_waiting": SecondOpinion.objects.waiting_for(actor).count(),
        "key": item.pk if item else "",
        "next_up": max(0, progress.total - progress.done - 1 - len(passed)),
        "submit_url": reverse("review:answer", args=[item.pk]) if item else "",
        "skip_url": reverse("review:skip", args=[item.pk]) if item else "",
        "undo_url": reverse("review:undo", args=[last.pk]) if last else None,
    }
    return render(request, "classifier/review.html", context)


def _passed(request: HttpRequest) -> list[int]:
    """The items that the page holds already, from the address; what is no number is left out."""
    numbers = request.GET.get("passed", "").split(",")[:_MOST_PASSED]
    return [int(number) for number in numbers if number.isascii() and number.isdigit() and len(number) < 19]


def _answered(request: HttpRequest, level: int, text: str, back: str) -> HttpResponse:
    """How an answer went: as data to the script, which shows the next item itself, else on the next page.

    ``kept`` is False where the same item has to be answered again.
    """
    if request.headers.get("Accept") != "application/json":
        messages.add_message(request, level, text)
        return redirect(back)
    actor, now = actor_of(request), timezone.now()
    progress, last = selectors.progress_of(actor, now=now), selectors.item_last_answered(actor, now=now)
    said = {
        "kept": level != messages.ERROR,
        "level": messages.DEFAULT_TAGS[level],
        "text": text,
        "done": progress.done,
        "total": progress.total,
        "words": _("%(done)s of %(total)s done") % {"done": progress.done, "total": progress.total},
        "undo_url": reverse("review:undo", args=[last.pk]) if last else "",
    }
    return JsonResponse(said)


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
    actor, now, passed = actor_of(request), timezone.now(), _passed(request)
    opinion, progress = selectors.opinion_next(actor, passed), selectors.progress_of(actor, now=now)
    context: dict[str, Any] = {
        "section": "review",
        "second": True,
        "item": selectors.review_page(opinion.item, second=True) if opinion else None,
        "progress": progress,
        "key": opinion.pk if opinion else "",
        "next_up": max(0, SecondOpinion.objects.waiting_for(actor).count() - 1 - len(passed)),
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
    level, text = messages.ERROR, ""
    try:
        if form.is_valid():
            done = second_opinion_answer(opinion=opinion, decisions=form.decisions(), actor=actor)
            level, text = messages.SUCCESS, opinion_verdict(done)
        else:
            text = first_problem(form)
    except Conflict as error:
        level, text = messages.WARNING, error.sentence
    except ApplicationError as error:
        text = error.sentence
    return _answered(request, level, text, "review:second")


@require_POST
@staff_page
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep the answer and move on to the next item."""
    item, form = _item_or_404(request, pk), ReviewForm(request.POST)
    if not form.is_valid():
        return _answered(request, messages.ERROR, first_problem(form), "review:queue")
    try:
        done = review_answer(item=item, decisions=form.decisions(), actor=actor_of(request))
    except AlreadyReviewed as error:
        return _answered(request, messages.WARNING, error.sentence, "review:queue")
    except ApplicationError as error:
        return _answered(request, messages.ERROR, error.sentence, "review:queue")
    verdict = f" {selectors.blind_verdict(done)}" if done.is_blind else ""
    text = _("%(reference)s is %(state)s.%(verdict)s") % {
        "reference": item.ticket.reference,
        "state": within_sentence(done.get_state_display()),
        "verdict": verdict,
    }
    return _answered(request, messages.SUCCESS, text, "review:queue")


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
        messages.success(
            request, _("The answer for %(reference)s is taken back.") % {"reference": item.ticket.reference}
        )
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
        messages.warning(request, _("The suggestion is no longer there."))
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
    messages.info(request, _("Triage looks at the ticket again. What people decided stays."))
    return redirect(ticket.get_absolute_url() + query_of(request))
