"""Triage of a file: the ticket is opened and judged before the answer (C1, I1)."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.selectors.taxonomies import caller_taxonomy
from classifier.services.answers import triage_answer
from ingest.api.serializers import ClassifyFileInput
from ingest.services.file_tickets import file_ticket_open
from ingest.services.uploads import upload_take
from teams.api.actors import actor_of
from teams.api.idempotency import idempotent
from teams.api.permissions import IsStaffActor
from teams.choices import Scope
from teams.selectors import access_client
from ticketing.choices import TriageIntent
from ticketing.services.requesters import RequesterIdentity, requester_resolve


class ClassifyFile(APIView):
    """A ticket made of one file, triaged before the answer."""

    permission_classes = (IsStaffActor,)
    read_scope = Scope.CLASSIFY
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="classify_file",
        request=ClassifyFileInput,
        responses={
            201: inline_serializer(
                "ClassifyFileAnswer",
                {
                    "ticket_id": serializers.CharField(),
                    "file_id": serializers.UUIDField(),
                    "category": serializers.CharField(),
                    "confidence": serializers.FloatField(),
                },
            )
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Read, open, triage, answer; 415, 413 or 422 for a file that cannot be taken."""
        form = ClassifyFileInput(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        actor = actor_of(request)
        client = access_client(actor=actor, slug=data["client"])
        taxonomy = caller_taxonomy(client=client, slug=data["taxonomy"])
        upload = upload_take(file=data["file"])
        user_id = "" if data["user_id"] == "anonymous" else data["user_id"]
        ticket = file_ticket_open(
            client=client,
            requester=requester_resolve(client=client, identity=RequesterIdentity(external_id=user_id)),
            upload=upload,
            priority=data["priority"],
            actor=actor,
            intent=TriageIntent.INLINE,
            taxonomy=taxonomy,
        )
        answer = triage_answer(ticket=ticket)
        answer["file_id"] = str(ticket.attachments.values_list("uuid", flat=True)[0])
        return Response(answer, status=status.HTTP_201_CREATED)
