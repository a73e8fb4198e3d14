"""Saved views and macros: lists, forms, removal (T9)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.exceptions import ApplicationError
from teams.api.actors import actor_of
from teams.selectors import default_client
from ticketing.forms import MacroForm, ToolForm, ViewForm
from ticketing.models import Macro, SavedView
from ticketing.selectors import desk
from ticketing.services.tools import may_change_tool, tool_delete, tool_save
from ticketing.views.access import staff_page

_VIEW_FIELDS = ("name", "scope", "team", "client", "query")
_MACRO_FIELDS = (
    "name", "scope", "team", "client", "body", "is_public", "status", "priority", "severity", "move_to",
    "assign_to_me",
)  # fmt: skip


@require_safe
@staff_page
def views(request: HttpRequest) -> HttpResponse:
    """The saved views of the person, the person's teams and everyone."""
    actor, base = actor_of(request), reverse("desk:queue")
    choices = desk.filter_choices(actor)
    rows = [
        {
            "tool": row,
            "words": desk.view_words(wanted, choices),
            "url": base + wanted.query,
            "may_change": may_change_tool(tool=row, actor=actor),
        }
        for row, wanted in desk.saved_views(actor, choices)
    ]
    return render(request, "ticketing/desk_views.html", {"section": "queue", "rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page
def view_new(request: HttpRequest) -> HttpResponse:
    """Keep the filters of the address under a name."""
    choices = desk.filter_choices(actor_of(request))
    query = desk.filter_read(request.GET, choices).query.removeprefix("?")
    return _edit(request, SavedView(query=query))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page
def view_edit(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Rename or share a view."""
    return _edit(request, _own(request, SavedView, uuid))


@require_POST
@staff_page
def view_delete(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Remove a view; no ticket changes."""
    tool_delete(tool=_own(request, SavedView, uuid), actor=actor_of(request))
    messages.success(request, _("The view is removed."))
    return redirect("desk:views")


@require_safe
@staff_page
def macros(request: HttpRequest) -> HttpResponse:
    """The macros of the person, the person's teams and everyone."""
    actor = actor_of(request)
    found = Macro.objects.visible_to(actor).select_related("move_to")
    rows = [{"tool": row, "may_change": may_change_tool(tool=row, actor=actor)} for row in found]
    return render(request, "ticketing/desk_macros.html", {"section": "macros", "rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page
def macro_new(request: HttpRequest) -> HttpResponse:
    """Write a macro."""
    return _edit(request, Macro())


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page
def macro_edit(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Change a macro."""
    return _edit(request, _own(request, Macro, uuid))


@require_POST
@staff_page
def macro_delete(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Remove a macro; tickets keep what it did."""
    tool_delete(tool=_own(request, Macro, uuid), actor=actor_of(request))
    messages.success(request, _("The macro is removed."))
    return redirect("desk:macros")


def _own(request: HttpRequest, model: Any, uuid: UUID) -> Any:
    """A row the person may change; what may only be used looks like what is not there."""
    actor = actor_of(request)
    row = model.objects.visible_to(actor).filter(uuid=uuid).first()
    if row is None or not may_change_tool(tool=row, actor=actor):
        raise Http404
    return row


def _edit(request: HttpRequest, tool: Any) -> HttpResponse:
    """The form of a view or a macro, and what is sent with it."""
    form = _form(request, tool)
    if request.method == "POST" and form.is_valid():
        try:
            tool = tool_save(tool=tool, values=form.cleaned_data, actor=actor_of(request))
        except ApplicationError as error:
            form.explain(error)
        else:
            messages.success(request, _("“%(name)s” is saved.") % {"name": tool.name})
            return redirect(_after(tool))
    is_view = isinstance(tool, SavedView)
    context: dict[str, Any] = {
        "section": "queue" if is_view else "macros",
        "form": form,
        "tool": tool,
        "is_view": is_view,
        "words": _words(request, tool) if is_view else "",
        "back_url": reverse("desk:views" if is_view else "desk:macros"),
    }
    return render(request, "ticketing/desk_tool_form.html", context, status=422 if form.errors else 200)


def _form(request: HttpRequest, tool: Any) -> ToolForm:
    actor = actor_of(request)
    is_view = isinstance(tool, SavedView)
    names = _VIEW_FIELDS if is_view else _MACRO_FIELDS
    initial = {name: getattr(tool, name) for name in names if not name.startswith("client")}
    initial["client"] = tool.client_id or getattr(default_client(actor), "pk", None)
    if not is_view:
        initial["add_tags"] = ", ".join(tool.add_tags)
    kind = ViewForm if is_view else MacroForm
    data = request.POST if request.method == "POST" else None
    return kind(data, initial=initial, actor=actor, teams=desk.teams_of(actor))


def _words(request: HttpRequest, tool: SavedView) -> str:
    choices = desk.filter_choices(actor_of(request))
    query = request.POST.get("query", tool.query)
    return desk.view_words(desk.filter_read(QueryDict(query).dict(), choices), choices)


def _after(tool: SavedView | Macro) -> str:
    if isinstance(tool, SavedView):
        return reverse("desk:queue") + (f"?{tool.query}" if tool.query else "")
    return reverse("desk:macros")
