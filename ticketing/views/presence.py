"""Saying on the desk whether one takes new tickets."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from common.exceptions import ApplicationError
from teams.api.actors import actor_of
from teams.choices import Presence
from teams.models import User
from teams.services.presence import presence_set
from ticketing.forms import PresenceForm, first_problem
from ticketing.selectors.presence import places_of
from ticketing.views.access import staff_page

_DONE = {
    Presence.AVAILABLE: _("You are available and get new tickets."),
    Presence.AWAY: _("You are away. New tickets go to others."),
    Presence.OFFLINE: _("You are offline. New tickets go to others."),
}


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page
def presence(request: HttpRequest) -> HttpResponse:
    """The own presence and teams; a POST sets the presence and goes back where it came from."""
    person = User.objects.select_related("calendar").get(pk=request.user.pk)
    form = PresenceForm(request.POST or None, person=person)
    status = 200
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            presence_set(
                user=person,
                presence=values["presence"],
                until=values["until"],
                actor=actor_of(request),
                now=timezone.now(),
            )
        except ApplicationError as error:
            form.add_error(None, error.sentence)
        else:
            messages.success(request, _DONE[values["presence"]])
            return redirect(_came_from(request))
    if form.is_bound:
        status = 422
        messages.error(request, first_problem(form))
    context = {"form": form, "section": "presence", "places": places_of(person), "person": person}
    return render(request, "ticketing/desk_presence.html", context, status=status)


def _came_from(request: HttpRequest) -> str:
    """The page the form stood on, if it is one of ours."""
    target = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if ours else "desk:presence"
