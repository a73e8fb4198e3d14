"""The requester's rating over the API (T11)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from teams.api.actors import actor_of
from teams.api.idempotency import idempotent
from teams.api.permissions import IsActor
from teams.choices import Scope
from ticketing.choices import FeedbackSource
from ticketing.models import TicketFeedback
from ticketing.selectors.access import access_ticket
from ticketing.services.feedback import COMMENT_LIMIT, feedback_give


class FeedbackInput(serializers.Serializer[Any]):
    """A rating."""

    rating = serializers.IntegerField(min_value=1, max_value=5)
    comment = serializers.CharField(required=False, default="", allow_blank=True, max_length=COMMENT_LIMIT)


class FeedbackSerializer(serializers.ModelSerializer[TicketFeedback]):
    """A rating as it is kept."""

    ticket = serializers.SlugRelatedField(slug_field="reference", read_only=True)

    class Meta:
        model = TicketFeedback
        fields = ("ticket", "rating", "comment", "source", "created_at", "updated_at")


class FeedbackView(APIView):
    """How content the requester is."""

    permission_classes = (IsActor,)
    read_scope = Scope.TICKETS_READ
    write_scope = Scope.TICKETS_WRITE

    @extend_schema(
        operation_id="tickets_feedback",
        request=FeedbackInput,
        responses={201: FeedbackSerializer, 200: FeedbackSerializer},
        examples=[
            OpenApiExample(
                "Content", value={"rating": 5, "comment": "Solved within the hour."}, request_only=True
            )
        ],
    )
    @idempotent
    def post(self, request: Request, ref: str) -> Response:
        """Rate a resolved ticket (201), or change the rating within 30 days of the resolution (200)."""
        actor = actor_of(request)
        ticket = access_ticket(actor=actor, ref=ref)
        form = FeedbackInput(data=request.data)
        form.is_valid(raise_exception=True)
        row, is_new = feedback_give(
            ticket=ticket, source=FeedbackSource.API, actor=actor, **form.validated_data
        )
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(FeedbackSerializer(row).data, status=code)
