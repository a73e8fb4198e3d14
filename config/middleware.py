"""Edge middleware: the wider policy of the admin, the time zone of the reader, and domain errors of pages."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django_structlog.middlewares import RequestMiddleware

from common.exceptions import ApplicationError, NotFound

_ADMIN_POLICY = {"script-src": [SELF, UNSAFE_EVAL, UNSAFE_INLINE], "style-src": [SELF, UNSAFE_INLINE]}
TIME_ZONE_COOKIE = "switchyard_time_zone"  # set by static/js/ui.js


class RequestLogMiddleware(RequestMiddleware):
    """One line a request with its correlation id; a query may hold names and addresses and is left out."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Method and path."""
        return f"{request.method} {request.path}"


class AdminContentPolicyMiddleware:
    """Unfold needs inline script and eval; only ``/admin/`` and the API page get them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Widen the policy for admin and API documentation addresses."""
        response = self.get_response(request)
        if request.path.startswith(("/admin/", "/api/v1/docs")):
            response._csp_update = _ADMIN_POLICY  # type: ignore[attr-defined]
        return response


class ReaderTimeZoneMiddleware:
    """Pages speak the reader's time: the zone of the profile, else the one his browser told, else UTC.

    The API always speaks UTC.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Set the zone for this request only; threads serve other readers afterwards."""
        if request.path_info.startswith("/api/"):
            return self.get_response(request)
        zone = reader_zone(request)
        request.reader_zone = zone  # type: ignore[attr-defined]
        with timezone.override(zone):
            return self.get_response(request)


def reader_zone(request: HttpRequest) -> str | None:
    """An IANA name, or none where neither the profile nor the browser names one.

    A profile starts with UTC, so UTC there says nothing yet.
    """
    cookie = request.COOKIES.get(TIME_ZONE_COOKIE, "")
    signed_in = settings.SESSION_COOKIE_NAME in request.COOKIES
    named = [getattr(request.user, "time_zone", "")] if signed_in else []
    return next((name for name in (*named, cookie) if name not in {"", "UTC"} and _is_zone(name)), None)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


class ApplicationErrorMiddleware:
    """Turns a domain error raised by a page into a message on the page it came from."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass through; the work is in ``process_exception``."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Not found stays 404; a broken rule after a POST goes back with its sentence."""
        if isinstance(exception, NotFound):
            raise Http404(exception.message) from exception
        if not isinstance(exception, ApplicationError):
            return None
        back = request.headers.get("Referer", "")
        same_host = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
        if request.method == "POST" and back and same_host:
            messages.error(request, exception.sentence)
            return redirect(back)
        return render(request, "error.html", {"error": exception}, status=exception.status)


class ApiEdgeMiddleware:
    """API addresses work with and without a trailing slash; throttle figures become headers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Drop the slash before routing, add the headers after."""
        if request.path_info.startswith("/api/") and request.path_info.endswith("/"):
            request.path_info = request.path_info.rstrip("/")
        response = self.get_response(request)
        figures = getattr(request, "rate_limit", None)
        if figures is not None:
            limit, remaining, reset = figures
            response.headers["RateLimit-Limit"] = str(limit)
            response.headers["RateLimit-Remaining"] = str(remaining)
            response.headers["RateLimit-Reset"] = str(reset)
        return response
