"""The clocks of a ticket over the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from sla.models import Clock, Segment
from sla.panels import ticket_panel
from teams.api.actors import actor_of
from teams.api.permissions import IsStaffActor
from teams.choices import Scope
from ticketing.selectors.access import access_ticket


class SegmentSerializer(serializers.ModelSerializer[Segment]):
    """One stretch of a clock's life."""

    class Meta:
        model = Segment
        fields = ("kind", "started_at", "ended_at", "reason")


class ClockSerializer(serializers.ModelSerializer[Clock]):
    """A clock with the segments its deadline follows from."""

    policy = serializers.CharField(source="policy.slug", default=None, read_only=True)
    segments = SegmentSerializer(many=True, read_only=True)

    class Meta:
        model = Clock
        fields = (
            "kind", "generation", "policy", "minutes", "state", "started_at", "due_at", "breached_at",
            "stopped_at", "segments",
        )  # fmt: skip


class TicketSlaAnswer(serializers.Serializer[Any]):
    """Every promise on a ticket."""

    state = serializers.CharField()
    clocks = ClockSerializer(many=True)


class TicketSlaView(APIView):
    """What was promised, how much of it is used, and why the deadline is when it is."""

    permission_classes = (IsStaffActor,)
    read_scope = Scope.TICKETS_READ

    @extend_schema(operation_id="tickets_sla", responses=TicketSlaAnswer)
    def get(self, request: Request, ref: str) -> Response:
        """Clocks with their segments."""
        ticket = access_ticket(actor=actor_of(request), ref=ref)
        clocks = Clock.objects.filter(ticket=ticket).select_related("policy").prefetch_related("segments")
        state = ticket_panel([ticket.pk])[ticket.pk]["state"]
        return Response({"state": state, "clocks": ClockSerializer(clocks, many=True).data})
