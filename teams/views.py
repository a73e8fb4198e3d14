"""What a person is told of, chosen by the person."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from common.exceptions import ApplicationError
from teams.api.actors import actor_of
from teams.choices import Channel
from teams.forms import ChatPreferenceForm, MailPreferenceForm
from teams.models import NotificationTarget, User
from teams.services.owing import may_hear_alerts
from teams.services.targets import Preference, preference_save


def _person(request: HttpRequest) -> User:
    """The person, where he or she works here; others are told that nothing is there."""
    if not actor_of(request).is_staff or not isinstance(request.user, User):
        raise Http404
    return request.user


def _targets(user: User) -> dict[str, NotificationTarget | None]:
    rows = {row.channel: row for row in NotificationTarget.objects.filter(user=user)}
    return {"mail": rows.get(Channel.EMAIL), "chat": rows.get(Channel.SLACK) or rows.get(Channel.TEAMS)}


def _forms(user: User, data: Any = None, only: str = "") -> dict[str, Any]:
    """Both forms, the one that was sent bound to its data."""
    targets, alerts = _targets(user), may_hear_alerts(user)
    return {
        "mail_form": MailPreferenceForm(
            data if only == "mail" else None, prefix="mail", alerts=alerts, target=targets["mail"], user=user
        ),
        "chat_form": ChatPreferenceForm(
            data if only == "chat" else None, prefix="chat", alerts=alerts, target=targets["chat"]
        ),
        "chat": targets["chat"],
    }


@require_safe
@login_required
def notifications(request: HttpRequest) -> HttpResponse:
    """The page."""
    return render(request, "teams/notifications.html", _forms(_person(request)))


@require_POST
@login_required
def mail(request: HttpRequest) -> HttpResponse:
    """Choose for mail."""
    return _save(request, "mail")


@require_POST
@login_required
def chat(request: HttpRequest) -> HttpResponse:
    """Choose for a chat."""
    return _save(request, "chat")


def _save(request: HttpRequest, which: str) -> HttpResponse:
    user = _person(request)
    found = _forms(user, request.POST, which)
    form = found[f"{which}_form"]
    if form.is_valid():
        try:
            preference_save(user=user, wanted=Preference(**{"channel": Channel.EMAIL, **form.cleaned_data}))
        except ApplicationError as error:
            form.add_error("url" if "url" in error.fields else None, error.sentence)
        else:
            messages.success(request, _("Your choice is saved."))
            return redirect("notices:mine")
    return render(request, "teams/notifications.html", found, status=422)
