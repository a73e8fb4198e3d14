"""Every API error in the one shape of the contract; never a stack trace (A3)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ErrorResponse
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from common.exceptions import ApplicationError

_FALLBACK_MESSAGES = {"validation_error": "Some values are not valid."}


class DomainError(APIException):
    """A domain error on its way through the framework."""

    def __init__(self, error: ApplicationError) -> None:
        self.status_code = error.status
        self.error = error
        if error.retry_after_seconds is not None:
            self.wait = error.retry_after_seconds
        super().__init__(detail=error.message, code=error.code)


class Formatter(ExceptionFormatter):
    """The contract's shape."""

    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        """``{"error": {"code", "message", "fields"}}``."""
        if isinstance(self.exc, DomainError):
            error = self.exc.error
            return envelope(error.code, error.message, error.fields)
        fields: dict[str, list[str]] = {}
        for item in error_response.errors:
            if item.attr:
                fields.setdefault(item.attr, []).append(str(item.detail))
        first = error_response.errors[0]
        if str(getattr(error_response.type, "value", error_response.type)) == "validation_error":
            return envelope("validation_error", _FALLBACK_MESSAGES["validation_error"], fields)
        return envelope(first.code, str(first.detail), fields)


class Handler(ExceptionHandler):
    """Turns domain errors into the framework's."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        """Domain errors keep their status and code."""
        if isinstance(exc, ApplicationError):
            return DomainError(exc)
        return super().convert_known_exceptions(exc)

    def get_headers(self, exc: APIException) -> dict[str, Any]:
        """Retry-After for every 429 and 503."""
        headers = super().get_headers(exc)
        if exc.status_code in {429, 503}:
            headers.setdefault("Retry-After", "30")
        return headers


def envelope(code: str, message: str, fields: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """The body of an error answer."""
    return {"error": {"code": code, "message": message, "fields": fields or {}}}


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's entry point."""
    return Handler(exc, context).run()


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 as JSON under ``/api/``, as a page elsewhere."""
    if _is_api(request):
        return JsonResponse(envelope("not_found", "There is nothing at this address."), status=404)
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500 without details."""
    if _is_api(request):
        return JsonResponse(envelope("server_error", "Something went wrong on our side."), status=500)
    return render(request, "500.html", status=500)
