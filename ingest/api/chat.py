"""The chat over the API (C22)."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.models import ChatConvo, ChatMessage
from classifier.selectors.chat import access_convo
from classifier.services.chat import chat_answer, chat_ticket_open, suggested_ticket
from ingest.services.chat import chat_send
from ingest.services.chat_stream import MEDIA_TYPE, chat_events, event
from teams.api.actors import actor_of
from teams.api.idempotency import idempotent
from teams.api.permissions import IsActor
from teams.choices import Scope
from teams.selectors import access_client
from ticketing.api.detail import ticket_json
from ticketing.api.serializers import TicketDetail
from ticketing.models import Ticket
from ticketing.selectors.access import access_ticket
from ticketing.services.doors import loose_files


class EventStreamRenderer(BaseRenderer):
    """Lets a caller ask for a stream; what is answered before it begins is an error."""

    media_type = MEDIA_TYPE
    format = "stream"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> str:
        """The error as the one event."""
        return event("error", json.loads(JSONRenderer().render(data)))


class ChatInput(serializers.Serializer[Any]):
    """A question."""

    message = serializers.CharField(max_length=4_000, required=False, default="", allow_blank=True)
    convo = serializers.UUIDField(required=False, allow_null=True, default=None)
    ticket = serializers.CharField(max_length=40, required=False, default="", allow_blank=True)
    attachments = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=5)
    client = serializers.SlugField(required=False, default="", allow_blank=True)


class SourceOutput(serializers.Serializer[Any]):
    """What an answer rests on."""

    kind = serializers.ChoiceField(choices=["article", "ticket", "resolved"])
    title = serializers.CharField()
    reference = serializers.CharField(allow_blank=True)
    url = serializers.CharField()
    excerpt = serializers.CharField()


class SuggestedTicket(serializers.Serializer[Any]):
    """What ``POST chat/{id}/ticket`` would open."""

    subject = serializers.CharField()
    body = serializers.CharField()


class ChatReply(serializers.Serializer[Any]):
    """The answer."""

    convo = serializers.UUIDField()
    reply = serializers.CharField()
    sources = SourceOutput(many=True)
    suggested_ticket = SuggestedTicket(allow_null=True)
    engine = serializers.CharField()


class ConvoSerializer(serializers.ModelSerializer[ChatConvo]):
    """A conversation in a list."""

    id = serializers.UUIDField(source="uuid")
    client = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    ticket = serializers.SlugRelatedField(slug_field="reference", read_only=True)
    about = serializers.SlugRelatedField(slug_field="reference", read_only=True)

    class Meta:
        model = ChatConvo
        fields = ("id", "title", "client", "audience", "about", "ticket", "created_at", "updated_at")


class MessageLine(serializers.ModelSerializer[ChatMessage]):
    """A question or an answer."""

    id = serializers.UUIDField(source="uuid")
    text = serializers.CharField(source="body")
    sources = SourceOutput(many=True)

    class Meta:
        model = ChatMessage
        fields = ("id", "role", "text", "sources", "engine", "created_at")


class ConvoDetail(ConvoSerializer):
    """A conversation with everything said."""

    messages = MessageLine(many=True)

    class Meta(ConvoSerializer.Meta):
        fields = (*ConvoSerializer.Meta.fields, "messages")


def reply_json(answer: ChatMessage) -> dict[str, Any]:
    """The body of the answer."""
    return {
        "convo": str(answer.convo.uuid),
        "reply": answer.body,
        "sources": answer.sources,
        "suggested_ticket": suggested_ticket(answer=answer),
        "engine": answer.engine,
    }


_ASK = OpenApiExample("Question", value={"message": "The VPN drops every hour."}, request_only=True)
_WHERE = OpenApiExample("Where is my ticket?", value={"message": "How is SW-12?"}, request_only=True)
_REPLY = OpenApiExample(
    "Answer",
    value={
        "convo": "0c5b8f0e-7a38-4b0e-9f6e-3d3c6d1f2a11",
        "reply": "This article may help: “The VPN does not connect or keeps dropping”. If that does not "
        "solve it, turn the conversation into a ticket.",
        "sources": [
            {
                "kind": "article",
                "title": "The VPN does not connect or keeps dropping",
                "reference": "",
                "url": "/portal/articles/5f0a3c1e-1f0b-4c55-8d9b-5f3a2b1c0d9e",
                "excerpt": "Work through the steps in order and stop as soon as the tunnel stays up…",
            }
        ],
        "suggested_ticket": {
            "subject": "The VPN drops every hour.",
            "body": "The VPN drops every hour.\n\n> This article may help: …",
        },
        "engine": "template",
    },
    response_only=True,
    status_codes=["200"],
)


@extend_schema_view(list=extend_schema(operation_id="chat_list"))
class Chats(mixins.ListModelMixin, viewsets.GenericViewSet[ChatConvo]):
    """Questions to the assistant, and the caller's own conversations."""

    queryset = ChatConvo.objects.none()
    serializer_class = ConvoSerializer
    permission_classes = (IsActor,)
    renderer_classes = (JSONRenderer, EventStreamRenderer)
    read_scope = write_scope = Scope.TICKETS_READ
    ordering_fields = {"updated_at": "updated_at"}
    ordering = "-updated_at"

    def get_queryset(self) -> Any:
        """The caller's own."""
        return ChatConvo.objects.visible_to(actor_of(self.request)).for_list()

    @extend_schema(
        operation_id="chat_ask",
        request=ChatInput,
        responses={
            (200, "application/json"): ChatReply,
            (200, MEDIA_TYPE): OpenApiResponse(
                OpenApiTypes.STR,
                description="With `Accept: text/event-stream`: `convo`, `status`, `delta` for each sentence, "
                "then `done` with the JSON answer, or `error`.",
            ),
        },
        examples=[_ASK, _WHERE, _REPLY],
    )
    def create(self, request: Request) -> Any:
        """Ask; the answer rests on what the caller may read and names it."""
        if request.accepted_renderer.media_type == MEDIA_TYPE:
            return self._stream(request)
        return self._answer(request)

    @idempotent
    def _answer(self, request: Request) -> Response:
        return Response(reply_json(chat_answer(question=_ask(request), actor=actor_of(request))))

    def _stream(self, request: Request) -> StreamingHttpResponse:
        question = _ask(request)
        opening = {"convo": str(question.convo.uuid)}
        events = chat_events(question=question, actor=actor_of(request), opening=opening, closing=reply_json)
        return stream_response(events)


def stream_response(events: Any) -> StreamingHttpResponse:
    """A stream that no proxy keeps back or stores."""
    response = StreamingHttpResponse(events, content_type=f"{MEDIA_TYPE}; charset=utf-8")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def _ask(request: Request) -> ChatMessage:
    form = ChatInput(data=request.data)
    form.is_valid(raise_exception=True)
    data, actor = form.validated_data, actor_of(request)
    convo = access_convo(actor=actor, convo_id=data["convo"]) if data["convo"] else None
    about = access_ticket(actor=actor, ref=data["ticket"]) if data["ticket"] else None
    known = convo.client if convo else about.client if about else None
    return chat_send(
        client=known or access_client(actor=actor, slug=data["client"]),
        actor=actor,
        text=data["message"],
        files=loose_files(ids=data.get("attachments", []), actor=actor),
        convo=convo,
        about=about,
    )


class ChatOne(APIView):
    """One conversation."""

    permission_classes = (IsActor,)
    read_scope = Scope.TICKETS_READ

    @extend_schema(operation_id="chat_detail", responses=ConvoDetail)
    def get(self, request: Request, convo_id: UUID) -> Response:
        """Everything said, oldest first."""
        return Response(ConvoDetail(access_convo(actor=actor_of(request), convo_id=convo_id)).data)


class ChatTicket(APIView):
    """A conversation that becomes a ticket."""

    permission_classes = (IsActor,)
    read_scope = write_scope = Scope.TICKETS_WRITE

    @extend_schema(operation_id="chat_ticket", request=None, responses={201: TicketDetail})
    @idempotent
    def post(self, request: Request, convo_id: UUID) -> Response:
        """Open the ticket, or answer 200 with the one it became before."""
        actor = actor_of(request)
        ticket, is_new = chat_ticket_open(convo=access_convo(actor=actor, convo_id=convo_id), actor=actor)
        fresh = Ticket.objects.for_page().get(pk=ticket.pk)
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(ticket_json(ticket=fresh, actor=actor, request=request), status=code)
