"""Triage of one ticket: runs, similar tickets, a new judgement, a draft."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.api.answers import SimilarTicketsAnswer
from classifier.api.serializers import DraftInput, DraftSerializer, RunSerializer
from classifier.models import WorkflowRun
from classifier.selectors.similar import confirmed_lines, linked_lines, nearest_lines
from classifier.services.article_drafts import article_from_ticket
from classifier.services.drafts import draft_make
from classifier.services.runs import run_request
from classifier.tasks import triage
from common.queueing import enqueue
from teams.api.actors import actor_of
from teams.api.idempotency import idempotent
from teams.api.permissions import IsStaffActor
from teams.choices import Scope
from ticketing.api.reference_serializers import ArticleSerializer
from ticketing.selectors.access import access_ticket

_RUNS = 50


class TicketTriageBase(APIView):
    """What these calls share: staff; keys need the ticket scopes."""

    permission_classes = (IsStaffActor,)
    read_scope = Scope.TICKETS_READ
    write_scope = Scope.TICKETS_WRITE


class TicketRunsView(TicketTriageBase):
    """The runs of a ticket with their steps, newest first."""

    @extend_schema(operation_id="ticket_runs", responses=RunSerializer(many=True))
    def get(self, request: Request, ref: str) -> Response:
        """At most fifty runs."""
        ticket = access_ticket(actor=actor_of(request), ref=ref)
        runs = WorkflowRun.objects.filter(ticket=ticket).prefetch_related("steps")[:_RUNS]
        return Response({"results": RunSerializer(runs, many=True).data, "next": None, "previous": None})


class TicketSimilarView(TicketTriageBase):
    """Tickets that tell of the same thing or in like words, and the examples nearest to this one."""

    @extend_schema(operation_id="ticket_similar", responses=SimilarTicketsAnswer)
    def get(self, request: Request, ref: str) -> Response:
        """Proposed and confirmed links first, then the nearest others; only what the caller may see."""
        actor = actor_of(request)
        ticket = access_ticket(actor=actor, ref=ref)
        linked = linked_lines(ticket=ticket, actor=actor)
        seen = {line["ticket_id"] for line in linked}
        results = linked + [
            line for line in nearest_lines(ticket=ticket, actor=actor) if line["ticket_id"] not in seen
        ]
        confirmed = confirmed_lines(ticket=ticket, actor=actor)
        return Response({"results": results, "confirmed": confirmed, "next": None, "previous": None})


class TicketTriageView(TicketTriageBase):
    """Judge a ticket anew."""

    @extend_schema(operation_id="ticket_triage", request=None, responses={202: RunSerializer})
    @idempotent
    def post(self, request: Request, ref: str) -> Response:
        """Owe a run of the next generation; what people decided stays."""
        run = run_request(ticket=access_ticket(actor=actor_of(request), ref=ref), again=True)
        enqueue(triage, run.pk)
        return Response(RunSerializer(run).data, status=status.HTTP_202_ACCEPTED)


class TicketDraftView(TicketTriageBase):
    """A new draft in the tone asked for."""

    @extend_schema(operation_id="ticket_draft", request=DraftInput, responses={201: DraftSerializer})
    @idempotent
    def post(self, request: Request, ref: str) -> Response:
        """Write the draft; the one that was proposed is replaced."""
        data = DraftInput(data=request.data)
        data.is_valid(raise_exception=True)
        actor = actor_of(request)
        ticket = access_ticket(actor=actor, ref=ref)
        draft = draft_make(ticket=ticket, tone=data.validated_data["tone"], actor=actor)
        return Response(DraftSerializer(draft).data, status=status.HTTP_201_CREATED)


class TicketArticleView(TicketTriageBase):
    """A resolved ticket as the draft of an article."""

    @extend_schema(
        operation_id="ticket_article",
        request=None,
        responses={201: ArticleSerializer, 200: ArticleSerializer},
    )
    @idempotent
    def post(self, request: Request, ref: str) -> Response:
        """Draft an internal, unpublished article without personal data; 200 with the one that is there."""
        actor = actor_of(request)
        draft, is_new = article_from_ticket(ticket=access_ticket(actor=actor, ref=ref), actor=actor)
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(ArticleSerializer(draft).data, status=code)
