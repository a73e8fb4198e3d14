"""The figures of a period over the API: those of the dashboard, from the same selectors (O5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.selectors import figures
from common.actors import Actor, Role
from common.registries import dashboard_cards
from teams.api.actors import actor_of
from teams.api.permissions import IsActor
from teams.choices import Scope
from teams.selectors import access_client
from ticketing.selectors import volume

_USUAL_DAYS, _MOST_DAYS = 30, 365


def analytics(*, actor: Actor, days: int, now: datetime) -> dict[str, Any]:
    """Figures of the last ``days`` days of the actor's clients, in a constant number of queries.

    Shares are in [0, 1] and None where there is nothing to judge by; times are seconds, costs dollars.
    Tickets without a value are counted under the empty name.
    """
    span = volume.span_of(days=days, now=now)
    run = figures.runs(actor=actor, span=span)
    review = figures.reviews(actor=actor, span=span)
    decided = figures.decided(actor=actor, span=span)
    return {
        "tickets": volume.totals(actor=actor, span=span)["opened"],
        "by_category": _counts(actor, span, "category__slug"),
        "by_severity": _counts(actor, span, "severity"),
        "by_sentiment": _counts(actor, span, "sentiment"),
        "success_rate": _part(run["completed"], run["completed"] + run["stuck"]),
        "avg_processing_time": run["duration"] / 1000 if run["duration"] is not None else None,
        "review_rate": _part(review["asked"], decided["total"]),
        "cost": float(run["spent"] or 0),
        "sla": dashboard_cards.get("sla")({"actor": actor, "since": span.start, "until": span.until}),
        "accuracy_sample": {"answers": review["blind"], "accuracy": review["accuracy"]},
        "since": span.start,
        "until": span.until,
    }


def _counts(actor: Actor, span: volume.Span, field: str) -> dict[str, int]:
    rows = volume.mix(actor=actor, span=span, field=field)
    return {str(row["value"]): row["count"] for row in rows if row["count"]}


def _part(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


class IsAnalyst(IsActor):
    """Leads, administrators, and services whose key may read analytics."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """As IsActor, for those who answer for the figures."""
        actor = actor_of(request)
        return super().has_permission(request, view) and (actor.is_lead or actor.role is Role.SERVICE)


class PeriodQuery(serializers.Serializer[Any]):
    """How far back, and of which client."""

    days = serializers.IntegerField(
        min_value=1, max_value=_MOST_DAYS, default=_USUAL_DAYS, help_text="Days up to now, today included."
    )
    client_id = serializers.SlugField(required=False, help_text="The slug of one client; without it all.")


class PromisesAnswer(serializers.Serializer[Any]):
    """Promises decided in the period, and what is late or due now."""

    attainment = serializers.FloatField(allow_null=True)
    met = serializers.IntegerField()
    missed = serializers.IntegerField()
    breached_now = serializers.IntegerField()
    due_soon = serializers.IntegerField(help_text="Within the next hour.")
    paused = serializers.IntegerField()


class SampleAnswer(serializers.Serializer[Any]):
    """The blind sample; no accuracy from too few answers."""

    answers = serializers.IntegerField()
    accuracy = serializers.FloatField(allow_null=True)


class AnalyticsAnswer(serializers.Serializer[Any]):
    """Figures of a period. Shares are in [0, 1], null where there is nothing to judge by."""

    tickets = serializers.IntegerField(help_text="Opened in the period.")
    by_category = serializers.DictField(child=serializers.IntegerField(), help_text="By slug.")
    by_severity = serializers.DictField(child=serializers.IntegerField())
    by_sentiment = serializers.DictField(child=serializers.IntegerField())
    success_rate = serializers.FloatField(allow_null=True, help_text="Triage runs that did not get stuck.")
    avg_processing_time = serializers.FloatField(allow_null=True, help_text="Seconds a triage run.")
    review_rate = serializers.FloatField(allow_null=True, help_text="Reviews asked for, of tickets judged.")
    cost = serializers.FloatField(help_text="Dollars spent on language models.")
    sla = PromisesAnswer()
    accuracy_sample = SampleAnswer()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()


class AnalyticsView(APIView):
    """The figures of the dashboard."""

    permission_classes = (IsAnalyst,)
    read_scope = Scope.METRICS

    @extend_schema(operation_id="admin_analytics", parameters=[PeriodQuery], responses=AnalyticsAnswer)
    def get(self, request: Request) -> Response:
        """Tickets, runs, reviews, costs and promises of the last days, of the caller's clients."""
        return Response(_answer(request))


class MetricsView(AnalyticsView):
    """The same for one client."""

    @extend_schema(
        operation_id="metrics",
        parameters=[PeriodQuery, OpenApiParameter("client_id", str, required=True)],
        responses=AnalyticsAnswer,
    )
    def get(self, request: Request) -> Response:
        """The figures of ``admin/analytics`` for one client; 404 for one the caller may not see."""
        if not request.query_params.get("client_id"):
            raise serializers.ValidationError({"client_id": [_("Name a client.")]})
        return Response(_answer(request))


def _answer(request: Request) -> dict[str, Any]:
    query = PeriodQuery(data=request.query_params)
    query.is_valid(raise_exception=True)
    actor, slug = actor_of(request), query.validated_data.get("client_id", "")
    if slug:
        actor = replace(actor, client_ids=frozenset({access_client(actor=actor, slug=slug).pk}))
    found = analytics(actor=actor, days=query.validated_data["days"], now=timezone.now())
    return dict(AnalyticsAnswer(found).data)
