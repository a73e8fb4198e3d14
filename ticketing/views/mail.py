"""Where links in mails to requesters lead: signed, without a log-in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from common.actors import Actor, ActorKind, Role
from ticketing.services.mail_links import stop_requester
from ticketing.services.requester_mail import requester_mail_stop

_ACTOR = Actor(kind=ActorKind.REQUESTER, role=Role.REQUESTER, label="Requester, by a link in a mail")


@csrf_exempt  # Mail programs post here by themselves (RFC 8058); the signed token is the permission.
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Ask, and on a post stop or resume the automatic mails. Opening the link alone changes nothing."""
    requester = stop_requester(token=token)
    if request.method == "POST":
        resumed = request.POST.get("do") == "resume"
        requester = requester_mail_stop(requester=requester, stopped=not resumed, actor=_ACTOR)
    context = {"stopped": requester.mail_stopped_at is not None, "done": request.method == "POST"}
    return render(request, "ticketing/mail_stop.html", context)
