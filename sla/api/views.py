"""The clocks of a ticket over the API."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from sla.choices import ClockState, SegmentKind, TargetKind
from sla.panels import worst_state
from sla.selectors import clocks_explained
from teams.api.actors import actor_of
from teams.api.permissions import IsStaffActor
from teams.choices import Scope
from ticketing.selectors.access import access_ticket


class SegmentSerializer(serializers.Serializer[Any]):
    """One stretch of a clock's life."""

    kind = serializers.ChoiceField(SegmentKind.choices)
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    calendar = serializers.CharField(
        help_text="The calendar and its version that this stretch is measured by."
    )
    minutes = serializers.FloatField(help_text="Working minutes of this stretch; none while paused.")
    total_minutes = serializers.FloatField(help_text="Working minutes up to its end.")


class ClockSerializer(serializers.Serializer[Any]):
    """A clock with the segments its deadline follows from."""

    kind = serializers.ChoiceField(TargetKind.choices, source="clock.kind")
    generation = serializers.IntegerField(source="clock.generation")
    policy = serializers.CharField(source="clock.policy.slug", default=None, allow_null=True)
    minutes = serializers.IntegerField(source="clock.minutes", help_text="Working minutes promised.")
    state = serializers.ChoiceField(ClockState.choices, source="clock.state")
    started_at = serializers.DateTimeField(source="clock.started_at")
    due_at = serializers.DateTimeField(source="clock.due_at", allow_null=True)
    breached_at = serializers.DateTimeField(source="clock.breached_at", allow_null=True)
    noticed_at = serializers.DateTimeField(source="clock.noticed_at", allow_null=True)
    stopped_at = serializers.DateTimeField(source="clock.stopped_at", allow_null=True)
    carried_minutes = serializers.FloatField(help_text="Spent before the ticket was reopened.")
    spent_minutes = serializers.FloatField()
    because = serializers.CharField(help_text="Why the clock is due when it is, in one sentence.")
    segments = SegmentSerializer(many=True)


class TicketSlaAnswer(serializers.Serializer[Any]):
    """Every promise on a ticket."""

    state = serializers.CharField(
        help_text="Of the most pressing: breached, due_soon, on_track, paused or empty."
    )
    clocks = ClockSerializer(many=True)


EXAMPLE = OpenApiExample(
    "A resolution that was paused over a night",
    response_only=True,
    value={
        "state": "on_track",
        "clocks": [
            {
                "kind": "resolution",
                "generation": 1,
                "policy": "standard",
                "minutes": 480,
                "state": "running",
                "started_at": "2027-06-07T13:00:00Z",
                "due_at": "2027-06-08T16:00:00Z",
                "breached_at": None,
                "noticed_at": None,
                "stopped_at": None,
                "carried_minutes": 0.0,
                "spent_minutes": 180.0,
                "because": "Due 8 Jun 2027, 16:00 UTC because 2 h of 8 h were used by 8 Jun 2027, 10:00 UTC "
                "and the other 6 h pass in the working time of “Office, version 1”.",
                "segments": [
                    {
                        "kind": "running",
                        "started_at": "2027-06-07T13:00:00Z",
                        "ended_at": "2027-06-07T15:00:00Z",
                        "reason": "Started.",
                        "calendar": "Office, version 1",
                        "minutes": 120.0,
                        "total_minutes": 120.0,
                    },
                    {
                        "kind": "paused",
                        "started_at": "2027-06-07T15:00:00Z",
                        "ended_at": "2027-06-08T10:00:00Z",
                        "reason": "Ticket is waiting on requester.",
                        "calendar": "Office, version 1",
                        "minutes": 0.0,
                        "total_minutes": 120.0,
                    },
                    {
                        "kind": "running",
                        "started_at": "2027-06-08T10:00:00Z",
                        "ended_at": None,
                        "reason": "Ticket is open.",
                        "calendar": "Office, version 1",
                        "minutes": 60.0,
                        "total_minutes": 180.0,
                    },
                ],
            }
        ],
    },
)


class TicketSlaView(APIView):
    """What was promised, how much of it is used, and why the deadline is when it is."""

    permission_classes = (IsStaffActor,)
    read_scope = Scope.TICKETS_READ

    @extend_schema(operation_id="tickets_sla", responses=TicketSlaAnswer, examples=[EXAMPLE])
    def get(self, request: Request, ref: str) -> Response:
        """Clocks, the newest generation of each kind first, with the segments their deadlines follow from."""
        ticket = access_ticket(actor=actor_of(request), ref=ref)
        now = timezone.now()
        told = clocks_explained(ticket_id=ticket.pk, now=now)
        state = worst_state([row.clock for row in told], now=now)
        return Response(TicketSlaAnswer({"state": state, "clocks": told}).data)
