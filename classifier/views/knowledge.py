"""A resolved ticket becomes the draft of an article (C23)."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from classifier.services.article_drafts import article_from_ticket
from teams.api.actors import actor_of
from ticketing.views.access import staff_page, ticket_or_404


@require_POST
@staff_page
def article(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Draft the article and show it; a second time leads to the same draft."""
    ticket = ticket_or_404(request, uuid)
    draft, is_new = article_from_ticket(ticket=ticket, actor=actor_of(request))
    if is_new:
        messages.success(request, _("The draft is ready. Read it before a lead publishes it."))
    return redirect("desk:article", draft.uuid)
