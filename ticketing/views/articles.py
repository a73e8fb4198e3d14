"""Knowledge articles on the desk: search, read, say whether it helped (C23)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from common.actors import Actor
from teams.api.actors import actor_of
from ticketing.models import Article, Message
from ticketing.selectors.articles import article_page, articles_search
from ticketing.services.articles import article_feedback_give
from ticketing.services.reference import may_change_owned
from ticketing.services.rendering import render_body
from ticketing.views.access import staff_page

_MOST_FOUND = 30


def _articles(actor: Actor) -> Any:
    return Article.objects.visible_to(actor).for_list()


def _article_or_404(actor: Actor, uuid: UUID) -> Article:
    rows = _articles(actor).select_related("source_ticket")
    counted = rows.annotate(
        answers=Count("feedback"), helped=Count("feedback", filter=Q(feedback__helped=True))
    )
    article: Article | None = counted.filter(uuid=uuid).first()
    if article is None:
        raise Http404
    return article


@require_safe
@staff_page
def articles(request: HttpRequest) -> HttpResponse:
    """All articles of the agent's clients, drafts included; best hits first where words are given."""
    query, rows = request.GET.get("q", "").strip(), _articles(actor_of(request))
    found = articles_search(rows, query, limit=_MOST_FOUND) if query else []
    lines, page = article_page(rows, request.GET.get("page", "1"), reverse("desk:articles"))
    context = {
        "section": "articles",
        "words": query,
        "found": found,
        "articles": [] if query else lines,
        "page": None if query else page,
        "may_write": actor_of(request).is_lead,
    }
    return render(request, "ticketing/desk_articles.html", context)


@require_safe
@staff_page
def article(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """One article, internal ones and drafts too."""
    actor = actor_of(request)
    found = _article_or_404(actor, uuid)
    context = {
        "section": "articles",
        "article": found,
        "html": render_body(found.body, Message.Format.MARKDOWN),
        "feedback_url": reverse("desk:article-feedback", args=[found.uuid]),
        "may_change": actor.is_lead and may_change_owned(client_id=found.client_id, actor=actor),
    }
    return render(request, "ticketing/desk_article.html", context)


@require_POST
@staff_page
def feedback(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Whether it helped the agent."""
    actor = actor_of(request)
    found = _article_or_404(actor, uuid)
    article_feedback_give(article=found, helped=request.POST.get("helped") == "yes", actor=actor)
    messages.success(request, _("Thank you, that helps us to keep articles right."))
    return redirect("desk:article", found.uuid)
