"""Public articles on the portal: search, read, say whether it helped (C23)."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from ingest.views.access import client_or_404, portal_reader
from ticketing.models import Article, Message
from ticketing.selectors.articles import article_page, articles_of, articles_search
from ticketing.selectors.portal import public_articles
from ticketing.services.articles import article_feedback_give
from ticketing.services.rendering import render_body

_MOST_FOUND = 20


def _article_or_404(request: HttpRequest, uuid: UUID) -> Article:
    rows = public_articles(client_or_404(portal_reader(request)))
    found: Article | None = rows.select_related("category").filter(uuid=uuid).first()
    if found is None:
        raise Http404
    return found


@require_safe
@login_required
def articles(request: HttpRequest) -> HttpResponse:
    """The articles of the reader's client; best hits first where words are given."""
    reader, query = portal_reader(request), request.GET.get("q", "").strip()
    rows = articles_of(reader, client_or_404(reader))
    found = articles_search(rows, query, limit=_MOST_FOUND) if query else []
    lines, page = article_page(rows, request.GET.get("page", "1"), reverse("portal:articles"))
    context = {
        "section": "articles",
        "words": query,
        "found": found if query else lines,
        "page": None if query else page,
    }
    return render(request, "ingest/portal_articles.html", context)


@require_safe
@login_required
def article(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """A public article."""
    found = _article_or_404(request, uuid)
    context = {
        "section": "articles",
        "article": found,
        "html": render_body(found.body, Message.Format.MARKDOWN),
        "feedback_url": reverse("portal:article-feedback", args=[found.uuid]),
    }
    return render(request, "ingest/portal_article.html", context)


@require_POST
@login_required
def feedback(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Whether it helped; counted once a reader, and the last answer counts."""
    found = _article_or_404(request, uuid)
    helped = request.POST.get("helped") == "yes"
    article_feedback_give(article=found, helped=helped, actor=portal_reader(request))
    if helped:
        messages.success(request, _("Good to hear. Thank you for telling us."))
    else:
        messages.info(request, _("Thank you. Ask in the chat or send a request, and a person helps."))
    return redirect("portal:article", found.uuid)
