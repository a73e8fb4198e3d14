"""Merging tickets, taking it back, splitting a message off."""

from __future__ import annotations

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from common.exceptions import NotFound
from teams.api.actors import actor_of
from teams.api.idempotency import idempotent
from ticketing.api.conversation_views import TicketAction
from ticketing.api.serializers import MergeInput, SplitInput, TicketDetail
from ticketing.models import Message
from ticketing.selectors.access import access_ticket
from ticketing.services.merging import message_split, ticket_merge, ticket_unmerge


class MergeView(TicketAction):
    """Two tickets about one thing."""

    @extend_schema(
        operation_id="tickets_merge",
        request=MergeInput,
        responses=TicketDetail,
        examples=[OpenApiExample("Into another ticket", value={"into": "SW-1042"}, request_only=True)],
    )
    def post(self, request: Request, ref: str) -> Response:
        """Close this ticket and move its conversation into another; answers with the one that stays.

        404 for a ticket of another client, 409 for one that is closed or merged already.
        """
        ticket, actor = self.ticket(request, ref), actor_of(request)
        form = MergeInput(data=request.data)
        form.is_valid(raise_exception=True)
        target = access_ticket(actor=actor, ref=form.validated_data["into"])
        follow = form.validated_data["follow"]
        return self.answer(request, ticket_merge(source=ticket, target=target, actor=actor, follow=follow))


class UnmergeView(TicketAction):
    """Taking a merge back."""

    @extend_schema(operation_id="tickets_unmerge", request=None, responses=TicketDetail)
    def post(self, request: Request, ref: str) -> Response:
        """Restore this ticket and the one it was merged into; 409 says what has happened since."""
        ticket, actor = self.ticket(request, ref), actor_of(request)
        if ticket.merged_into is not None:
            access_ticket(actor=actor, ref=ticket.merged_into.reference)
        return self.answer(request, ticket_unmerge(ticket=ticket, actor=actor))


class SplitView(TicketAction):
    """One message, one ticket."""

    @extend_schema(
        operation_id="tickets_split",
        request=SplitInput,
        responses={201: TicketDetail},
        examples=[
            OpenApiExample(
                "Another question",
                value={"message": "7f0c2b7e-0b3d-4c0e-9a53-0d2f4b1f8a11", "subject": "Also: new toner"},
                request_only=True,
            )
        ],
    )
    @idempotent
    def post(self, request: Request, ref: str) -> Response:
        """Make a message of this ticket a ticket of its own; answers with the new one."""
        ticket, actor = self.ticket(request, ref), actor_of(request)
        form = SplitInput(data=request.data)
        form.is_valid(raise_exception=True)
        rows = Message.objects.visible_to(actor).filter(ticket=ticket)
        message = rows.filter(uuid=form.validated_data["message"]).first()
        if message is None:
            raise NotFound(_("There is no such message."))
        opened = message_split(message=message, actor=actor, subject=form.validated_data["subject"])
        answer = self.answer(request, opened)
        answer.status_code = status.HTTP_201_CREATED
        return answer
