"""Imports of sheets over the API (T12)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from common.queueing import enqueue
from ingest.choices import ImportKind, ImportStep
from ingest.models import ImportJob
from ingest.selectors import access_attachment, access_import
from ingest.services.imports import import_open, import_request
from ingest.services.problems import problems_csv
from ingest.tasks import run_import
from teams.api.actors import actor_of
from teams.api.idempotency import idempotent
from teams.api.permissions import IsStaffActor
from teams.choices import Scope
from ticketing.choices import ImportTriage


class ImportInput(serializers.Serializer[Any]):
    """A stored file and how to read it. Columns that are not named are recognised by their heads."""

    kind = serializers.ChoiceField(choices=ImportKind.choices)
    file_id = serializers.UUIDField(help_text="From files/upload.")
    mapping = serializers.DictField(
        child=serializers.IntegerField(min_value=0),
        required=False,
        help_text="Field to place of its column, from 0.",
    )
    system = serializers.CharField(required=False, default="", max_length=40, allow_blank=True)
    triage = serializers.ChoiceField(choices=ImportTriage.choices, required=False, default=ImportTriage.NONE)
    day_first = serializers.BooleanField(required=False, default=True)
    dry_run = serializers.BooleanField(required=False, default=False)


class ImportAnswer(serializers.ModelSerializer[ImportJob]):
    """How far an import has come."""

    import_id = serializers.UUIDField(source="uuid")
    status = serializers.CharField(source="state")
    dry_run = serializers.SerializerMethodField()
    progress = serializers.FloatField(help_text="The share of rows looked at, from 0 to 1.")
    errors_url = serializers.SerializerMethodField()

    class Meta:
        model = ImportJob
        fields = [
            "import_id", "kind", "status", "dry_run", "rows_total", "rows_ok", "rows_known", "rows_failed",
            "progress", "errors_url", "error", "mapping", "header", "created_at", "finished_at",
        ]  # fmt: skip

    def get_dry_run(self, job: ImportJob) -> bool:
        """Whether nothing is written."""
        return job.step == ImportStep.CHECK

    def get_errors_url(self, job: ImportJob) -> str | None:
        """Where the rows at fault are, when there are any."""
        if not job.problems:
            return None
        return reverse("api:import-errors", args=[job.uuid], request=self.context.get("request"))


class Imports(APIView):
    """Start an import."""

    permission_classes = (IsStaffActor,)
    read_scope = Scope.TICKETS_WRITE

    @extend_schema(
        request=ImportInput,
        responses={202: ImportAnswer},
        examples=[
            OpenApiExample(
                "Dry run",
                value={
                    "kind": "tickets",
                    "file_id": "4f6f0a4e-6f0c-4d7e-9f5b-1f5f3b2a1c0d",
                    "mapping": {"subject": 2, "body": 3, "external_id": 0},
                    "dry_run": True,
                },
                request_only=True,
            )
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Owe the work and answer; GET says what became of it. 403 without the permission to import."""
        form = ImportInput(data=request.data)
        form.is_valid(raise_exception=True)
        data, actor = form.validated_data, actor_of(request)
        attachment = access_attachment(actor=actor, file_id=data["file_id"])
        job = import_request(
            job=import_open(attachment=attachment, actor=actor),
            step=ImportStep.CHECK if data["dry_run"] else ImportStep.WRITE,
            actor=actor,
            mapping=data.get("mapping"),
            system=data["system"],
            triage=data["triage"],
            day_first=data["day_first"],
        )
        enqueue(run_import, job.pk)
        answer = ImportAnswer(job, context={"request": request})
        return Response(answer.data, status=status.HTTP_202_ACCEPTED)


class ImportDetail(APIView):
    """One import."""

    permission_classes = (IsStaffActor,)
    read_scope = Scope.TICKETS_WRITE

    @extend_schema(responses=ImportAnswer)
    def get(self, request: Request, job_id: UUID) -> Response:
        """How far it has come."""
        job = access_import(actor=actor_of(request), job_id=job_id)
        return Response(ImportAnswer(job, context={"request": request}).data)


class ImportErrors(APIView):
    """The rows at fault."""

    permission_classes = (IsStaffActor,)
    read_scope = Scope.TICKETS_WRITE

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, job_id: UUID) -> HttpResponse:
        """As a CSV file: row, column, value, problem."""
        job = access_import(actor=actor_of(request), job_id=job_id)
        return HttpResponse(problems_csv(job=job), content_type="text/csv; charset=utf-8")
