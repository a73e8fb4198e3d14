"""The front door and the log-in."""

from __future__ import annotations

from django.contrib.auth import views as auth_views
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect


class LoginView(auth_views.LoginView):
    """The log-in page."""

    redirect_authenticated_user = True


def home(request: HttpRequest) -> HttpResponse:
    """Send people to where they work."""
    return redirect("login")
