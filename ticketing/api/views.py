"""Tickets over the API: parse, find, call one service, answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.exceptions import ApplicationError, PreconditionFailed, ValidationFailed
from teams.api.actors import actor_of
from teams.api.idempotency import idempotent
from teams.api.permissions import IsActor, IsStaffActor
from teams.choices import Scope
from teams.selectors import access_client
from ticketing.api.detail import etag_of, ticket_json
from ticketing.api.filters import TicketFilter
from ticketing.api.serializers import (
    BulkInput,
    BulkLine,
    TicketDetail,
    TicketInput,
    TicketPatch,
    TicketSerializer,
)
from ticketing.models import Ticket
from ticketing.selectors.access import access_ticket
from ticketing.services.doors import (
    BulkOutcome,
    NamedTicket,
    named_changes_apply,
    named_ticket_open,
    named_tickets_open,
)

_IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The ETag last seen.")
_EXAMPLE = {
    "subject": "VPN fails",
    "body": "The VPN fails since the update.",
    "requester": {"email": "ann@example.org", "name": "Ann"},
}


@extend_schema_view(list=extend_schema(operation_id="tickets_list"))
class TicketList(mixins.ListModelMixin, viewsets.GenericViewSet[Ticket]):
    """Tickets the caller may see, newest first."""

    queryset = Ticket.objects.none()
    serializer_class = TicketSerializer
    filterset_class = TicketFilter
    permission_classes = (IsActor,)
    read_scope = Scope.TICKETS_READ
    write_scope = Scope.TICKETS_WRITE
    ordering_fields = {
        "created_at": "created_at",
        "updated_at": "updated_at",
        "priority": "priority_rank",
        "severity": "severity_rank",
        "due_at": "due_at",
    }
    ordering = "-created_at"

    def get_queryset(self) -> Any:
        """What the caller may see, ready for a list."""
        return Ticket.objects.visible_to(actor_of(self.request)).ranked().for_list()

    @extend_schema(
        operation_id="tickets_create",
        request=TicketInput,
        responses={201: TicketDetail},
        examples=[OpenApiExample("VPN", value=_EXAMPLE, request_only=True)],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Open a ticket; triage follows in the background."""
        data = _valid(TicketInput(data=request.data))
        actor = actor_of(request)
        client = access_client(actor=actor, slug=data.pop("client"))
        ticket = named_ticket_open(client=client, named=NamedTicket(**data), actor=actor)
        return _answer(request, ticket, status.HTTP_201_CREATED)


class TicketBulk(APIView):
    """Many tickets in one call."""

    permission_classes = (IsStaffActor,)
    read_scope = write_scope = Scope.TICKETS_WRITE

    @extend_schema(operation_id="tickets_bulk", request=BulkInput, responses={200: BulkLine(many=True)})
    @idempotent
    def post(self, request: Request) -> Response:
        """Open each; one that fails never costs another."""
        rows = _valid(BulkInput(data=request.data))["tickets"]
        actor = actor_of(request)
        client = access_client(actor=actor)
        named = [_named(row) for row in rows]
        outcomes = named_tickets_open(client=client, named=named, actor=actor)
        return Response([_line(request, outcome) for outcome in outcomes])


def _named(row: dict[str, Any]) -> NamedTicket | ApplicationError:
    """One line of a bulk request, or what is wrong with its shape."""
    shape = TicketInput(data=row)
    if not shape.is_valid():
        fields = {name: [str(item) for item in problems] for name, problems in shape.errors.items()}
        return ValidationFailed(fields=fields)
    values = dict(shape.validated_data)
    values.pop("client", None)
    return NamedTicket(**values)


def _line(request: Request, outcome: BulkOutcome) -> dict[str, Any]:
    if outcome.ticket is not None:
        data = TicketSerializer(outcome.ticket, context={"request": request}).data
        return {"index": outcome.index, "ticket": data}
    error = outcome.error or ApplicationError()
    return {
        "index": outcome.index,
        "error": {"code": error.code, "message": error.message, "fields": error.fields},
    }


class TicketOne(APIView):
    """One ticket."""

    read_scope = Scope.TICKETS_READ
    write_scope = Scope.TICKETS_WRITE

    def get_permissions(self) -> list[Any]:
        """Everybody reads what is visible; staff change it."""
        return [IsActor()] if self.request.method == "GET" else [IsStaffActor()]

    @extend_schema(operation_id="tickets_detail", responses=TicketDetail)
    def get(self, request: Request, ref: str) -> Response:
        """The ticket with assignment, triage, extracted fields, SLA and links."""
        return _answer(request, access_ticket(actor=actor_of(request), ref=ref))

    @extend_schema(
        operation_id="tickets_change", request=TicketPatch, responses=TicketDetail, parameters=[_IF_MATCH]
    )
    def patch(self, request: Request, ref: str) -> Response:
        """Change fields and status; a triaged field becomes a person's decision."""
        actor = actor_of(request)
        ticket = access_ticket(actor=actor, ref=ref)
        data = _valid(TicketPatch(data=request.data))
        version = _expected_version(request, ticket)
        changed = named_changes_apply(ticket=ticket, changes=data, actor=actor, expected_version=version)
        return _answer(request, changed)


def _expected_version(request: Request, ticket: Ticket) -> int | None:
    """The version named by ``If-Match``, if any. Raises PreconditionFailed for a tag of another ticket."""
    tag = request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"')
    if tag in {"", "*"}:
        return None
    reference, _, version = tag.rpartition("-")
    if reference != ticket.reference or not version.isdigit():
        raise PreconditionFailed
    return int(version)


def _valid(serializer: Any) -> dict[str, Any]:
    """The validated input. Raises ValidationError."""
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _answer(request: Request, ticket: Ticket, code: int = status.HTTP_200_OK) -> Response:
    """The ticket as the caller now sees it, with its ETag."""
    actor = actor_of(request)
    fresh = Ticket.objects.for_page().get(pk=ticket.pk)
    data = ticket_json(ticket=fresh, actor=actor, request=request)
    return Response(data, status=code, headers={"ETag": etag_of(fresh)})
