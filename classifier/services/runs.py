"""Runs: owed in the transaction that causes them, claimed with a lease, finished once (C2, FACTS 6)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Q
from django.utils import timezone

from classifier.choices import Purpose, RunState
from classifier.models import WorkflowRun
from classifier.selectors.configuration import configuration_hash
from common.correlation import correlation_id
from common.wording import recorded
from teams.choices import AlertSeverity
from teams.services.alerts import alert_raise
from ticketing.models import Ticket, TicketBatch
from ticketing.services.triage import needs_review_set

logger = structlog.get_logger(__name__)
BULK = "bulk"
"""The parameter that marks a run as one of many, which may be asked about together (C10)."""
T = TypeVar("T")
WITHOUT_LLM = "without_llm"
"""The parameter of a run that may ask no language model, whatever is configured."""
_BACKOFF_SECONDS = 15
_INLINE_MARGIN = timedelta(seconds=20)


@transaction.atomic(savepoint=False)
def run_request(
    *,
    ticket: Ticket,
    purpose: str = Purpose.TRIAGE,
    again: bool = False,
    inline: bool = False,
    follows: WorkflowRun | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> WorkflowRun:
    """Owe a run for what the ticket now says. Asking twice for the same content gives the same run.

    ``again`` raises the generation: the same content is judged anew. A draft ``follows`` the triage it
    answers and carries its generation, content and configuration. ``inline`` runs are born leased to the
    request that waits for them; when that request dies, the lease runs out and the sweeper takes over.
    """
    now = timezone.now()
    content = follows.content_hash if follows else content_hash(ticket=ticket)
    configuration = follows.configuration_hash if follows else configuration_hash(ticket=ticket)
    generation = follows.generation if follows else _latest_generation(ticket, purpose)
    if again:
        _supersede(ticket, purpose)
        generation += 1
    lease = (
        {
            "state": RunState.RUNNING,
            "lease_token": uuid4(),
            "lease_until": now + _inline_lease(),
            "attempts": 1,
        }
        if inline
        else {}
    )
    run, _ = WorkflowRun.objects.get_or_create(
        ticket=ticket,
        purpose=purpose,
        generation=generation,
        content_hash=content,
        configuration_hash=configuration,
        defaults={
            "client_id": ticket.client_id,
            "correlation_id": correlation_id(),
            "parameters": dict(parameters or {}),
            "is_inline": inline,
            "next_at": now,
            "started_at": now if inline else None,
            **lease,
        },
    )
    return run


@transaction.atomic
def runs_request_of_import(*, batch: TicketBatch) -> int:
    """Owe the open tickets of an import a run without a language model each; returns how many.

    Written in bulk and told to nobody: the sweeper hands them to the workers beside the tickets of the day.
    """
    configuration = ""
    owed = 0
    tickets = Ticket.objects.filter(imported_from__batch=batch).open().order_by("pk")
    for chunk in batched(tickets.only("subject", "body", "client", "taxonomy").iterator(chunk_size=500), 500):
        configuration = configuration or configuration_hash(ticket=chunk[0])
        runs = [
            WorkflowRun(
                ticket=ticket,
                client_id=ticket.client_id,
                purpose=Purpose.TRIAGE,
                generation=1,
                content_hash=_hash_of(ticket),
                configuration_hash=configuration,
                correlation_id=str(batch.uuid),
                parameters={WITHOUT_LLM: True},
            )
            for ticket in chunk
        ]
        WorkflowRun.objects.bulk_create(runs, ignore_conflicts=True)
        owed += len(runs)
    return owed


def batched(rows: Iterator[T], size: int) -> Iterator[list[T]]:
    """Lists of at most ``size`` rows; itertools has it from Python 3.12 on."""
    while chunk := list(islice(rows, size)):
        yield chunk


def _latest_generation(ticket: Ticket, purpose: str) -> int:
    runs = WorkflowRun.objects.filter(ticket=ticket, purpose=purpose)
    latest: int | None = runs.aggregate(latest=Max("generation"))["latest"]
    return latest or 1


def _inline_lease() -> timedelta:
    return timedelta(seconds=settings.INLINE_DEADLINE_SECONDS) + _INLINE_MARGIN


def _supersede(ticket: Ticket, purpose: str) -> None:
    """A run that nobody has begun is replaced by the newer generation."""
    WorkflowRun.objects.filter(ticket=ticket, purpose=purpose, state=RunState.PENDING).update(
        state=RunState.SUPERSEDED, finished_at=timezone.now()
    )


def content_hash(*, ticket: Ticket) -> str:
    """Names what a run judges: subject, body and the bytes of the attached files."""
    return _hash_of(ticket, ticket.attachments.order_by("pk").values_list("sha256", flat=True))


def _hash_of(ticket: Ticket, files: Iterable[str] = ()) -> str:
    text = "\x1f".join([ticket.subject, ticket.body, *files])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def run_claim(*, run_id: int, now: datetime) -> UUID | None:
    """Take the right to execute a run; None when it is done, held by somebody else or not due.

    The attempt is counted and committed before the slow work begins; after the last one nobody gets another.
    """
    token = uuid4()
    free = Q(state=RunState.PENDING) | Q(state=RunState.RUNNING, lease_until__lt=now)
    claimed = WorkflowRun.objects.filter(
        free, pk=run_id, next_at__lte=now, attempts__lt=settings.RUN_MAX_ATTEMPTS
    ).update(
        state=RunState.RUNNING,
        lease_token=token,
        lease_until=now + timedelta(seconds=settings.RUN_LEASE_SECONDS),
        attempts=F("attempts") + 1,
        started_at=now,
    )
    return token if claimed else None


def run_release(*, run_id: int, token: UUID, next_at: datetime, counts: bool = True) -> bool:
    """Give a run back to be done later; ``counts=False`` takes the attempt back (waiting is no failure)."""
    changes: dict[str, Any] = {"attempts": F("attempts") - 1} if not counts else {}
    return bool(
        WorkflowRun.objects.filter(pk=run_id, lease_token=token).update(
            state=RunState.PENDING, lease_token=None, lease_until=None, next_at=next_at, **changes
        )
    )


def run_failed(*, run_id: int, token: UUID, error: str, now: datetime) -> None:
    """Keep the error and try again later; after the last attempt a person is told.

    The run is not dropped: it stays ``stuck`` until somebody asks for it again.
    """
    run = WorkflowRun.objects.filter(pk=run_id, lease_token=token).select_related("ticket").first()
    if run is None:
        return
    if run.attempts >= settings.RUN_MAX_ATTEMPTS:
        stop_stuck(run=run, error=error, now=now)
        return
    delay = timedelta(seconds=_BACKOFF_SECONDS * 2 ** (run.attempts - 1))
    WorkflowRun.objects.filter(pk=run_id, lease_token=token).update(error=error[:500])
    run_release(run_id=run_id, token=token, next_at=now + delay)


@transaction.atomic
def stop_stuck(*, run: WorkflowRun, error: str, now: datetime) -> None:
    """Hand a run that failed too often to a person: state, ticket flag and alert."""
    mine = WorkflowRun.objects.filter(pk=run.pk, lease_token=run.lease_token)
    updated = mine.filter(state__in=[RunState.PENDING, RunState.RUNNING]).update(
        state=RunState.STUCK, lease_token=None, lease_until=None, error=error[:500], finished_at=now
    )
    if updated:
        if run.purpose == Purpose.TRIAGE:
            needs_review_set(ticket_id=run.ticket_id)
        purpose = recorded(Purpose(run.purpose).label)
        alert_raise(
            rule="classifier.run_stuck",
            subject=run.ticket.reference,
            severity=AlertSeverity.CRITICAL,
            client=run.ticket.client,
            message=f"{purpose} of {run.ticket.reference} failed {run.attempts} times.",
            now=now,
        )


def due_runs(*, now: datetime, limit: int = 500) -> list[int]:
    """Ids of runs that are owed and that nobody holds, oldest first."""
    return list(
        WorkflowRun.objects.due(now=now).order_by("next_at", "pk").values_list("pk", flat=True)[:limit]
    )


def worn_out_stop(*, now: datetime) -> int:
    """Stop runs whose every attempt died without a word (a process that is killed reports nothing)."""
    worn = WorkflowRun.objects.due(now=now).filter(attempts__gte=settings.RUN_MAX_ATTEMPTS)
    rows = list(worn.select_related("ticket")[:100])
    for run in rows:
        stop_stuck(run=run, error=run.error or "Every attempt ended without a result.", now=now)
    return len(rows)


def missing_runs_request(*, now: datetime, limit: int = 200) -> list[int]:
    """Owe the runs that a failed receiver left out: tickets that never had one."""
    since, until = now - timedelta(days=7), now - timedelta(minutes=1)
    rows = Ticket.objects.filter(
        runs=None, triaged_at=None, created_at__gte=since, created_at__lte=until
    ).exclude(channel="import")[:limit]
    return [run_request(ticket=ticket).pk for ticket in rows]


def runs_nudge(*, ticket_id: int) -> list[int]:
    """Make the waiting runs of a ticket due now, because its files have been read; returns their ids."""
    rows = WorkflowRun.objects.filter(ticket_id=ticket_id, state=RunState.PENDING)
    rows.update(next_at=timezone.now())
    return list(rows.values_list("pk", flat=True))
