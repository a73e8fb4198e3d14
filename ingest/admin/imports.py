"""Importing tickets step by step: upload, name the columns, dry run, import, take back (T12)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from common.actors import Actor, Deed
from common.exceptions import ApplicationError, NotFound
from common.queueing import enqueue
from ingest.choices import ImportState, ImportStep
from ingest.models import ImportJob
from ingest.selectors import access_import
from ingest.services.imports import import_request, import_take
from ingest.services.problems import problems_csv
from ingest.services.uploads import upload_take
from ingest.spreadsheets.tickets import FIELDS, column_samples
from ingest.tasks import run_import
from teams.api.actors import actor_of
from teams.models import Client
from ticketing.choices import ImportTriage

_SHOWN = 30
_PROBLEMS = 20


def importer_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Who may import sees the page, others are told that nothing is there."""

    @login_required
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        actor = actor_of(request)
        if not (actor.is_lead and actor.may(Deed.IMPORT)):
            raise Http404
        return view(request, *args, **kwargs)

    return wrapped


class UploadForm(forms.Form):
    """A sheet and whose tickets it holds."""

    client = forms.ModelChoiceField(
        label=gettext_lazy("Client"),
        queryset=Client.objects.none(),
        empty_label=None,
        widget=UnfoldAdminSelectWidget,
    )
    file = forms.FileField(
        label=gettext_lazy("File"), widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.xlsx"})
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["client"].queryset = Client.objects.visible_to(actor).active()


class MappingForm(forms.Form):
    """Which column holds what; one select a field, with the first values beside each head."""

    system = forms.RegexField(
        r"^[\w .\-]+$",
        max_length=40,
        label=gettext_lazy("Old system"),
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy(
            "A name of yours. One number of one system is imported once, however often the file comes."
        ),
    )
    triage = forms.ChoiceField(
        choices=ImportTriage.choices,
        label=gettext_lazy("Triage"),
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("No language model is ever asked about an import."),
    )
    day_first = forms.TypedChoiceField(
        choices=[("1", "31/12/2026"), ("", "12/31/2026")],
        coerce=bool,
        required=False,
        label=gettext_lazy("Dates with slashes"),
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, job: ImportJob, **kwargs: Any) -> None:
        start = {"system": job.system, "triage": job.triage, "day_first": "1" if job.day_first else ""}
        super().__init__(*args, initial=start, **kwargs)
        columns = [("", _("– not in the file –")), *_columns(job)]
        for field in FIELDS:
            self.fields[field.key] = forms.TypedChoiceField(
                choices=columns,
                coerce=int,
                empty_value=None,
                required=False,
                label=field.label,
                help_text=field.hint,
                initial=job.mapping.get(field.key, ""),
                widget=UnfoldAdminSelectWidget,
            )

    def columns(self) -> list[Any]:
        """The selects, for the page."""
        return [self[field.key] for field in FIELDS]

    def options(self) -> list[Any]:
        """The rest."""
        return [self[name] for name in ("system", "triage", "day_first")]

    def mapping(self) -> dict[str, int]:
        """Field → column, of those that were chosen."""
        chosen = {field.key: self.cleaned_data[field.key] for field in FIELDS}
        return {key: place for key, place in chosen.items() if place is not None}


def _columns(job: ImportJob) -> list[tuple[int, str]]:
    named = []
    for place, head in enumerate(job.header):
        samples = ", ".join(column_samples(job.samples, place))[:70]
        title = head or _("Column %(place)s") % {"place": place + 1}
        named.append((place, f"{title}: {samples}" if samples else title))
    return named


@require_http_methods(["GET", "HEAD", "POST"])
@importer_page
def overview(request: HttpRequest) -> HttpResponse:
    """Earlier imports, and the upload of another."""
    actor = actor_of(request)
    form = UploadForm(request.POST or None, request.FILES or None, actor=actor)
    if request.method == "POST" and form.is_valid():
        try:
            upload = upload_take(file=form.cleaned_data["file"])
            job = import_take(client=form.cleaned_data["client"], upload=upload, actor=actor)
        except ApplicationError as error:
            form.add_error("file", error.sentence)
        else:
            return redirect("imports:detail", job.uuid)
    jobs = ImportJob.objects.visible_to(actor).select_related("client", "attachment", "created_by")
    context = {
        **admin.site.each_context(request),
        "title": _("Imports"),
        "form": form,
        "limit": settings.MAX_UPLOAD_BYTES // 1024 // 1024,
        "jobs": jobs.defer("problems", "report", "samples")[:_SHOWN],
    }
    return render(request, "admin/ingest/imports.html", context, status=422 if form.errors else 200)


def _job_or_404(request: HttpRequest, uuid: UUID) -> ImportJob:
    try:
        return access_import(actor=actor_of(request), job_id=uuid)
    except NotFound as error:
        raise Http404 from error


@require_safe
@importer_page
def detail(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Where an import stands, and what can be done next."""
    return _page(request, _job_or_404(request, uuid))


def _page(request: HttpRequest, job: ImportJob, form: MappingForm | None = None) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": _("Import of %(name)s") % {"name": job.attachment.name},
        "job": job,
        "form": form or MappingForm(job=job),
        "problems": job.problems[:_PROBLEMS],
        "percent": round(100 * job.progress),
        "may_map": job.state in {ImportState.MAPPING, ImportState.CHECKED, ImportState.FAILED}
        and not job.batch,
        "failed": form is not None,
    }
    return render(request, "admin/ingest/import.html", context, status=422 if form else 200)


@require_POST
@importer_page
def step(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Ask for a dry run, the import itself or taking it back."""
    job, actor = _job_or_404(request, uuid), actor_of(request)
    wanted = request.POST.get("step", "")
    if wanted not in ImportStep.values:
        raise Http404
    values: dict[str, Any] = {}
    if wanted == ImportStep.CHECK:
        form = MappingForm(request.POST, job=job)
        if not form.is_valid():
            return _page(request, job, form)
        names = ("system", "triage", "day_first")
        values = {"mapping": form.mapping(), **{name: form.cleaned_data[name] for name in names}}
    try:
        job = import_request(job=job, step=wanted, actor=actor, **values)
    except ApplicationError as error:
        messages.error(request, error.sentence)
    else:
        enqueue(run_import, job.pk)
    return redirect("imports:detail", job.uuid)


@require_safe
@importer_page
def problems(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The rows at fault as a CSV file."""
    job = _job_or_404(request, uuid)
    response = HttpResponse(problems_csv(job=job), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="problems-{job.uuid}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response
