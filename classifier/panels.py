"""What triage offers to pages composed of several apps' data: the panel "triage" of a ticket."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from classifier.choices import Purpose, RunState
from classifier.models import ExtractedField, LlmCall, ResponseDraft, WorkflowRun
from classifier.selectors.neighbours import similar_tickets
from common.registries import Panel, ticket_panels
from ticketing.choices import TriageField
from ticketing.models import Category, FieldDecision, Ticket

WAITS_AFTER: Final = timedelta(seconds=20)
"""A run that nobody has begun for this long waits for a worker."""

_SIMILAR: Final = 5

_STEP_WORDS: Final = {
    "classify_llm": gettext_lazy("The language model did not answer; the local engine decided."),
    "classify_local": gettext_lazy("The local engine could not be asked; rules decided."),
    "extract": gettext_lazy("Reading order numbers and the like failed."),
    "similar": gettext_lazy("Looking for similar tickets failed."),
    "route": gettext_lazy("Routing failed; the ticket went to the fallback team."),
    "draft": gettext_lazy("No reply could be suggested."),
}


def register() -> None:
    """Offer the panel; called once when the app is ready."""
    ticket_panels.register("triage", Panel(load=triage_panel, order=10))
    ticket_panels.register("extracted_fields", Panel(load=extracted_panel, order=20))
    left = Panel(load=left_panel, template="classifier/_left.html", order=40)
    ticket_panels.register("what_left_the_house", left)


def triage_panel(ticket_ids: Sequence[int]) -> Mapping[int, dict[str, Any]]:
    """State of the latest run, draft, extracted fields and missing ones, for all tickets in five queries.

    Similar tickets are looked for where one ticket alone is asked for: a list does not show them.
    """
    now = timezone.now()
    runs = latest_runs(ticket_ids)
    drafts = {row.ticket_id: row for row in ResponseDraft.objects.proposed().filter(ticket__in=ticket_ids)}
    found = extracted_fields(ticket_ids)
    required = required_fields(ticket_ids)
    similar = similar_lines(ticket_ids)
    return {
        pk: {
            "ai": run_state(runs.get(pk), now=now),
            "draft": draft_line(drafts[pk]) if pk in drafts else None,
            "extracted": [_extracted_line(row) for row in found[pk]],
            "missing": _missing(required.get(pk, []), found[pk], runs.get(pk)),
            "similar": similar[pk],
        }
        for pk in ticket_ids
    }


def similar_lines(ticket_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """The nearest tickets of the client, for one ticket; the page leaves out what its reader may not see."""
    lines: dict[int, list[dict[str, Any]]] = {pk: [] for pk in ticket_ids}
    if len(ticket_ids) == 1:
        ticket = Ticket.objects.select_related("client").get(pk=ticket_ids[0])
        found = similar_tickets(ticket=ticket, k=_SIMILAR)
        lines[ticket.pk] = [{"ticket": item.key, "score": item.similarity} for item in found]
    return lines


def extracted_panel(ticket_ids: Sequence[int]) -> Mapping[int, list[dict[str, Any]]]:
    """The extracted fields of all tickets as the API gives them, in one query."""
    found = extracted_fields(ticket_ids)
    return {
        pk: [
            {
                "name": row.name,
                "value": row.value,
                "normalized": row.normalized,
                "confidence": row.confidence,
                "source": row.source,
                "origin": row.origin,
                "place": row.place,
                "source_span": {"start": row.start, "end": row.end, "text": row.value},
                "rejected": row.rejected_reason or None,
            }
            for row in found[pk]
        ]
        for pk in ticket_ids
    }


def left_panel(ticket_ids: Sequence[int]) -> Mapping[int, list[dict[str, Any]]]:
    """Every call to a language model about each ticket, newest first, in one query (C21)."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in LlmCall.objects.filter(ticket__in=ticket_ids).order_by("-created_at", "-pk"):
        found[row.ticket_id or 0].append(
            {
                "at": row.created_at,
                "provider": row.provider,
                "model": row.model,
                "prompt_version": row.prompt_version,
                "outcome": gettext("Answered")
                if row.outcome == "ok"
                else row.outcome.replace("_", " ").capitalize(),
                "answered": row.outcome == "ok",
                "tokens_in": row.tokens_in,
                "tokens_out": row.tokens_out,
                "cost": row.cost,
                "latency_ms": row.latency_ms,
                "sent": row.request,
            }
        )
    return found


def latest_runs(ticket_ids: Sequence[int]) -> dict[int, WorkflowRun]:
    """The newest triage run of each ticket."""
    newest = WorkflowRun.objects.filter(ticket=OuterRef("ticket"), purpose=Purpose.TRIAGE).exclude(
        state=RunState.SUPERSEDED
    )
    rows = WorkflowRun.objects.filter(
        ticket__in=ticket_ids, pk=Subquery(newest.order_by("-generation", "-pk").values("pk")[:1])
    )
    return {row.ticket_id: row for row in rows}


def run_state(run: WorkflowRun | None, *, now: datetime) -> dict[str, Any]:
    """The latest run in the words of the ticket page: off, waiting, running, degraded or done."""
    if run is None:
        return {"state": "off", "text": "", "run_url": ""}
    if run.state == RunState.STUCK:
        text = gettext(
            "Triage failed several times. The ticket is safe; a person has to sort it or start triage again."
        )
        return {"state": "degraded", "text": text, "run_url": ""}
    if run.state == RunState.COMPLETED:
        state = "degraded" if run.degraded_steps else "done"
        return {"state": state, "text": _degraded_text(run.degraded_steps), "run_url": ""}
    waiting = run.state == RunState.PENDING and run.created_at < now - WAITS_AFTER
    return {"state": "waiting" if waiting else "running", "text": "", "run_url": ""}


def _degraded_text(steps: Sequence[str]) -> str:
    known = [str(_STEP_WORDS[name]) for name in steps if name in _STEP_WORDS]
    if known:
        return " ".join(known)
    return gettext("These steps of triage failed: %(steps)s.") % {"steps": ", ".join(steps)} if steps else ""


def draft_line(draft: ResponseDraft) -> dict[str, Any]:
    """A draft as the composer shows it."""
    return {
        "uuid": draft.uuid,
        "body": draft.content,
        "tone": draft.tone,
        "engine": draft.source,
        "requires_escalation": draft.requires_escalation,
        "sources": [
            {
                "title": row["title"],
                "url": row.get("url", ""),
                "reference": row.get("reference", ""),
                "kind": "ticket" if row.get("reference") else "article",
            }
            for row in draft.sources
        ],
    }


def extracted_fields(ticket_ids: Sequence[int]) -> dict[int, list[ExtractedField]]:
    """What was found in the texts, surest first; a value found twice is shown once."""
    rows = ExtractedField.objects.filter(ticket__in=ticket_ids).order_by("name", "-confidence", "pk")
    found: dict[int, list[ExtractedField]] = defaultdict(list)
    seen: set[tuple[int, str, str]] = set()
    for row in rows:
        key = (row.ticket_id, row.name, row.normalized or row.value)
        if key not in seen:
            seen.add(key)
            found[row.ticket_id].append(row)
    return found


def _extracted_line(row: ExtractedField) -> dict[str, Any]:
    return {
        "label": row.name.replace("_", " ").capitalize(),
        "value": row.value,
        "valid": not row.rejected_reason,
        "reason": row.rejected_reason,
        "place": row.place,
        "url": "",
    }


def required_fields(ticket_ids: Sequence[int]) -> dict[int, list[str]]:
    """The fields each ticket's category needs; a suggested category counts as one."""
    rows = FieldDecision.objects.filter(ticket__in=ticket_ids, field=TriageField.CATEGORY).values_list(
        "ticket_id", "value", "ticket__taxonomy_id"
    )
    wanted = {pk: (taxonomy, slug) for pk, slug, taxonomy in rows}
    categories = Category.objects.filter(
        taxonomy__in={taxonomy for taxonomy, _ in wanted.values()},
        slug__in={slug for _, slug in wanted.values()},
    )
    needs = {(row.taxonomy_id, row.slug): list(row.required_fields) for row in categories}
    return {pk: needs.get(key, []) for pk, key in wanted.items()}


def _missing(required: Sequence[str], found: Sequence[ExtractedField], run: WorkflowRun | None) -> list[str]:
    """Required fields nobody found, once a run has looked for them."""
    if run is None or run.state != RunState.COMPLETED:
        return []
    names = {row.name for row in found if not row.rejected_reason}
    return [name.replace("_", " ").capitalize() for name in required if name not in names]
