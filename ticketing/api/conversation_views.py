"""What happens on one ticket: assignment, messages, history, confirmation, links."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from teams.api.actors import actor_of
from teams.api.idempotency import idempotent
from teams.api.permissions import IsActor, IsStaffActor
from teams.choices import Scope
from ticketing.api.detail import ticket_json
from ticketing.api.serializers import (
    AssignInput,
    ConfirmInput,
    EscalateInput,
    EventSerializer,
    LinkInput,
    LinkSerializer,
    MessageInput,
    MessageSerializer,
    TicketDetail,
)
from ticketing.models import Message, Ticket, TicketEvent, TicketLink
from ticketing.selectors.access import access_ticket
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.doors import loose_files, named_assign
from ticketing.services.escalation import ticket_escalate
from ticketing.services.links import link_create
from ticketing.services.triage import ticket_confirm


class TicketAction(APIView):
    """What the calls on one ticket share."""

    permission_classes = (IsStaffActor,)
    read_scope = Scope.TICKETS_READ
    write_scope = Scope.TICKETS_WRITE

    def ticket(self, request: Request, ref: str) -> Ticket:
        """The ticket, if the caller may see it. Raises NotFound."""
        return access_ticket(actor=actor_of(request), ref=ref)

    def answer(self, request: Request, ticket: Ticket) -> Response:
        """The ticket as it now is."""
        fresh = Ticket.objects.for_page().get(pk=ticket.pk)
        return Response(ticket_json(ticket=fresh, actor=actor_of(request), request=request))


class AssignView(TicketAction):
    """Who works on it."""

    @extend_schema(operation_id="tickets_assign", request=AssignInput, responses=TicketDetail)
    def post(self, request: Request, ref: str) -> Response:
        """Assign to a team, a person, or whoever is next (``auto``)."""
        ticket = self.ticket(request, ref)
        form = AssignInput(data=request.data)
        form.is_valid(raise_exception=True)
        changed = named_assign(ticket=ticket, wanted=form.validated_data, actor=actor_of(request))
        return self.answer(request, changed)


class EscalateView(TicketAction):
    """Who is asked next."""

    @extend_schema(operation_id="tickets_escalate", request=EscalateInput, responses=TicketDetail)
    def post(self, request: Request, ref: str) -> Response:
        """Hand the ticket to the next team of its escalation path; 409 at the end of it."""
        ticket = self.ticket(request, ref)
        form = EscalateInput(data=request.data)
        form.is_valid(raise_exception=True)
        reason = form.validated_data["reason"]
        return self.answer(request, ticket_escalate(ticket=ticket, actor=actor_of(request), reason=reason))


class ConfirmView(TicketAction):
    """What is right."""

    @extend_schema(operation_id="tickets_confirm", request=ConfirmInput, responses=TicketDetail)
    def post(self, request: Request, ref: str) -> Response:
        """Accept or correct triaged fields; no later run overwrites them."""
        ticket = self.ticket(request, ref)
        form = ConfirmInput(data=request.data)
        form.is_valid(raise_exception=True)
        changed = ticket_confirm(ticket=ticket, decisions=form.validated_data, actor=actor_of(request))
        return self.answer(request, changed)


class OfTicket(mixins.ListModelMixin, viewsets.GenericViewSet[Any]):
    """A list of what belongs to one ticket."""

    permission_classes = (IsActor,)
    read_scope = Scope.TICKETS_READ
    write_scope = Scope.TICKETS_WRITE

    def ticket(self) -> Ticket:
        """The ticket, if the caller may see it. Raises NotFound."""
        return access_ticket(actor=actor_of(self.request), ref=self.kwargs["ref"])


@extend_schema_view(list=extend_schema(operation_id="tickets_messages"))
class MessageList(OfTicket):
    """The conversation, oldest first; requesters see no notes."""

    queryset = Message.objects.none()
    serializer_class = MessageSerializer
    ordering_fields = {"created_at": "created_at"}
    ordering = "created_at"

    def get_queryset(self) -> Any:
        """Messages of the ticket that the caller may see."""
        rows = Message.objects.visible_to(actor_of(self.request)).filter(ticket=self.ticket())
        return rows.for_list()

    @extend_schema(operation_id="tickets_reply", request=MessageInput, responses={201: MessageSerializer})
    @idempotent
    def create(self, request: Request, ref: str) -> Response:
        """Reply, or leave a note (``public`` false, staff only)."""
        ticket = self.ticket()
        form = MessageInput(data=request.data)
        form.is_valid(raise_exception=True)
        data, actor = form.validated_data, actor_of(request)
        files = loose_files(ids=data.get("attachments", []), actor=actor)
        new = NewMessage(
            body=data["body"],
            is_public=data["public"],
            is_automated=data["automated"],
            attachments=files,
        )
        message = message_add(ticket=ticket, new=new, actor=actor)
        return Response(MessageSerializer(message).data, status=status.HTTP_201_CREATED)


@extend_schema_view(list=extend_schema(operation_id="tickets_events"))
class EventList(OfTicket):
    """The history, oldest first; for staff."""

    queryset = TicketEvent.objects.none()
    serializer_class = EventSerializer
    permission_classes = (IsStaffActor,)
    ordering_fields = {"sequence": "sequence"}
    ordering = "sequence"

    def get_queryset(self) -> Any:
        """Events of the ticket."""
        return TicketEvent.objects.filter(ticket=self.ticket())


@extend_schema_view(list=extend_schema(operation_id="tickets_links"))
class LinkList(OfTicket):
    """Tickets that belong to this one; both ends must be visible."""

    queryset = TicketLink.objects.none()
    serializer_class = LinkSerializer
    permission_classes = (IsStaffActor,)
    ordering_fields = {"created_at": "created_at"}
    ordering = "created_at"

    def get_queryset(self) -> Any:
        """Links from and to the ticket."""
        ticket = self.ticket()
        rows = TicketLink.objects.visible_to(actor_of(self.request))
        return rows.filter(Q(source=ticket) | Q(target=ticket)).select_related("source", "target")

    @extend_schema(operation_id="tickets_link", request=LinkInput, responses={201: LinkSerializer})
    @idempotent
    def create(self, request: Request, ref: str) -> Response:
        """Link to another visible ticket."""
        ticket, actor = self.ticket(), actor_of(request)
        form = LinkInput(data=request.data)
        form.is_valid(raise_exception=True)
        target = access_ticket(actor=actor, ref=form.validated_data["to"])
        link = link_create(source=ticket, target=target, kind=form.validated_data["kind"], actor=actor)
        return Response(LinkSerializer(link).data, status=status.HTTP_201_CREATED)
