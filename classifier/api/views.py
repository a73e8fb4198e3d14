"""Classify, workflow and triage calls: parse, find, call one service, answer."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.api import answers, presenters
from classifier.api.filters import ClassificationFilter
from classifier.api.serializers import (
    ClassificationSerializer,
    ClassifyInput,
    ClassifyTicketInput,
    WorkflowInput,
)
from classifier.models import Classification
from classifier.selectors.taxonomies import caller_taxonomy
from classifier.services.answers import Question, text_draft, text_triage, ticket_triage, triage_answer
from classifier.services.doors import AskedTicket, asked_ticket_open
from classifier.services.drafts import draft_if_wanted
from classifier.steps.context import TriageContext
from classifier.steps.job import TriageResult
from common.correlation import correlation_id
from teams.api.actors import actor_of
from teams.api.idempotency import idempotent
from teams.api.permissions import IsStaffActor
from teams.choices import Scope
from teams.selectors import access_client

_EXAMPLE = "I cannot connect to the VPN after the Windows update."


class ClassifierView(APIView):
    """What all calls share: staff or a key with the scope ``classify``."""

    permission_classes = (IsStaffActor,)
    read_scope = Scope.CLASSIFY
    write_scope = Scope.CLASSIFY


class ClassifyView(ClassifierView):
    """Category of a text; no ticket."""

    @extend_schema(
        operation_id="classify",
        request=ClassifyInput,
        responses=answers.ClassifyAnswer,
        examples=[OpenApiExample("VPN", value={"ticket": _EXAMPLE}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Answer with the category, its confidence and the engine that decided."""
        data = _valid(ClassifyInput(data=request.data))
        actor = actor_of(request)
        client = access_client(actor=actor)
        taxonomy = caller_taxonomy(client=client, slug=data["taxonomy"])
        question = Question(body=data["ticket"])
        result, context = text_triage(client=client, question=question, actor=actor, taxonomy=taxonomy)
        return Response(presenters.classify_json(result, context))


class ClassifyTicketView(ClassifierView):
    """A ticket that is opened and triaged before the answer."""

    @extend_schema(
        operation_id="classify_ticket",
        request=ClassifyTicketInput,
        responses={201: answers.ClassifyTicketAnswer},
        examples=[OpenApiExample("VPN", value={"text": _EXAMPLE, "user_id": "u-17"}, request_only=True)],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Open, triage, answer."""
        data = _valid(ClassifyTicketInput(data=request.data))
        actor = actor_of(request)
        client = access_client(actor=actor, slug=data["client"])
        asked = AskedTicket(
            subject=data["subject"],
            body=data["text"],
            external_id=data["user_id"],
            priority=data["priority"],
            metadata={"file_type": data["file_type"]} if data["file_type"] else {},
            taxonomy=caller_taxonomy(client=client, slug=data["taxonomy"]),
        )
        ticket = asked_ticket_open(client=client, asked=asked, actor=actor)
        return Response(triage_answer(ticket=ticket), status=status.HTTP_201_CREATED)


@extend_schema_view(list=extend_schema(operation_id="classify_history"))
class HistoryView(mixins.ListModelMixin, viewsets.GenericViewSet[Classification]):
    """Redacted records of what was classified, newest first."""

    queryset = Classification.objects.none()
    serializer_class = ClassificationSerializer
    filterset_class = ClassificationFilter
    permission_classes = (IsStaffActor,)
    read_scope = Scope.CLASSIFY
    ordering_fields = {"created_at": "created_at"}
    ordering = "-created_at"

    def get_queryset(self) -> Any:
        """What the caller may see."""
        return Classification.objects.visible_to(actor_of(self.request)).select_related("ticket")


class WorkflowView(ClassifierView):
    """One step alone; with ``options.persist`` the ticket is stored as well."""

    want_duplicates = False

    def judge(self, request: Request) -> tuple[dict[str, Any], TriageResult, TriageContext]:
        """Judge the input of a workflow call."""
        data = _valid(WorkflowInput(data=request.data))
        actor = actor_of(request)
        client = access_client(actor=actor, slug=data["client"])
        taxonomy = caller_taxonomy(client=client, slug=data["taxonomy"])
        question = question_of(data)
        result, context = text_triage(client=client, question=question, actor=actor, taxonomy=taxonomy)
        if data["options"].get("persist"):
            asked_ticket_open(client=client, asked=asked_of(data, taxonomy), actor=actor, background=True)
        return data, result, context


def question_of(data: dict[str, Any]) -> Question:
    """The question of a workflow call."""
    engine = data["options"].get("engine", "auto")
    given = {name: data[name] for name in ("category", "severity") if data[name]}
    return Question(
        subject=data["subject"],
        body=data["body"],
        requester=data["customer_id"],
        engine="" if engine == "auto" else engine,
        given=given,
        given_fields=data["extracted_fields"],
    )


def asked_of(data: dict[str, Any], taxonomy: Any) -> AskedTicket:
    """The ticket of a workflow call."""
    return AskedTicket(
        subject=data["subject"],
        body=data["body"],
        external_id=data["customer_id"],
        email=data["customer_email"],
        name=data["customer_name"],
        category=data["category"],
        severity=data["severity"],
        metadata=data["metadata"],
        taxonomy=taxonomy,
    )


def _valid(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    """The validated input with its options filled in. Raises ValidationError."""
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = dict(serializer.validated_data)
    data.setdefault("options", {})
    return data


class WorkflowClassifyView(WorkflowView):
    """Category, severity, sentiment, root cause, language and summary of a text."""

    @extend_schema(
        operation_id="workflow_classify",
        request=WorkflowInput,
        responses=answers.WorkflowClassifyAnswer,
    )
    def post(self, request: Request) -> Response:
        """Classify."""
        _, result, _ = self.judge(request)
        return Response(presenters.classification_json(result))


class WorkflowExtractView(WorkflowView):
    """Fields of a text with their exact places."""

    @extend_schema(
        operation_id="workflow_extract",
        request=WorkflowInput,
        responses=answers.WorkflowExtractAnswer,
    )
    def post(self, request: Request) -> Response:
        """Extract."""
        _, result, _ = self.judge(request)
        return Response(presenters.extraction_json(result))


class WorkflowRespondView(WorkflowView):
    """A draft answer."""

    @extend_schema(
        operation_id="workflow_respond",
        request=WorkflowInput,
        responses=answers.WorkflowRespondAnswer,
    )
    def post(self, request: Request) -> Response:
        """Draft."""
        data, result, context = self.judge(request)
        draft = text_draft(
            result=result,
            context=context,
            tone=data["options"].get("tone", ""),
            customer_name=data["customer_name"],
            given_fields=data["extracted_fields"],
        )
        return Response(presenters.draft_json(draft))


class WorkflowRouteView(WorkflowView):
    """Team, priority and escalation path."""

    @extend_schema(
        operation_id="workflow_route",
        request=WorkflowInput,
        responses=answers.WorkflowRouteAnswer,
    )
    def post(self, request: Request) -> Response:
        """Route."""
        _, result, _ = self.judge(request)
        return Response(presenters.routing_json(result))


class WorkflowProcessView(ClassifierView):
    """The whole way of a ticket in one call; the ticket is stored."""

    @extend_schema(
        operation_id="workflow_process",
        request=WorkflowInput,
        responses={201: answers.WorkflowProcessAnswer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Open, triage, draft, answer."""
        data = _valid(WorkflowInput(data=request.data))
        actor = actor_of(request)
        client = access_client(actor=actor, slug=data["client"])
        taxonomy = caller_taxonomy(client=client, slug=data["taxonomy"])
        ticket = asked_ticket_open(client=client, asked=asked_of(data, taxonomy), actor=actor)
        result = ticket_triage(ticket=ticket)
        if result is None:
            raise serializers.ValidationError(gettext("The ticket was already triaged."))
        draft = draft_if_wanted(ticket=ticket, tone=data["options"].get("tone", ""), actor=actor)
        answer = {
            "ticket_id": ticket.reference,
            **presenters.process_json(result),
            "response_draft": presenters.stored_draft_json(draft) if draft else None,
            "correlation_id": correlation_id(),
        }
        return Response(answer, status=status.HTTP_201_CREATED)
