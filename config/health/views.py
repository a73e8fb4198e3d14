"""Health over HTTP, and the metrics for Prometheus."""

from __future__ import annotations

import hmac
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django_prometheus.exports import ExportToDjangoView
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.health.checks import day_metrics, overall, run_check, run_checks
from teams.api.actors import actor_of

_ANSWER = inline_serializer(
    "Health", {"status": serializers.ChoiceField(choices=["healthy", "degraded", "unhealthy"])}
)


def base(status: str) -> dict[str, Any]:
    """What every health answer says."""
    return {
        "status": status,
        "service": "switchyard",
        "version": settings.VERSION,
        "timestamp": timezone.now().isoformat(),
    }


class HealthView(APIView):
    """Open to everybody in its short form; a log-in is looked at but not asked for."""

    permission_classes = (AllowAny,)
    throttle_classes = ()


class LiveView(HealthView):
    """The process answers."""

    authentication_classes = ()

    @extend_schema(operation_id="health_live", responses=_ANSWER, auth=[])
    def get(self, request: Request) -> Response:
        """Always healthy: no dependency is asked."""
        return Response(base("healthy"))


class ReadyView(HealthView):
    """The database answers."""

    authentication_classes = ()

    @extend_schema(operation_id="health_ready", responses=_ANSWER, auth=[])
    def get(self, request: Request) -> Response:
        """503 until it does."""
        healthy = run_check("database")[0] == "ok"
        return Response(base("healthy" if healthy else "unhealthy"), status=200 if healthy else 503)


class FullHealthView(HealthView):
    """Everything; details for staff only."""

    @extend_schema(operation_id="health", responses=_ANSWER)
    def get(self, request: Request) -> Response:
        """503 when the database is gone, 200 otherwise: a degraded service still serves."""
        outcomes = run_checks()
        status = overall(outcomes)
        answer = base(status)
        if status != "unhealthy" and actor_of(request).is_staff:
            answer["checks"] = {
                name: {"status": state, "detail": detail} for name, (state, detail) in outcomes.items()
            }
            answer["metrics"] = day_metrics()
        return Response(answer, status=503 if status == "unhealthy" else 200)


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus metrics for the bearer of the token or an allowed address; 404 for everybody else."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    token = settings.METRICS_TOKEN
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return ExportToDjangoView(request)
    if request.META.get("REMOTE_ADDR") in settings.METRICS_ALLOWED_ADDRESSES and not settings.TRUSTED_PROXIES:
        return ExportToDjangoView(request)
    raise Http404
