"""When a language model returns: probing it, and judging anew what was decided without it (C11)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db.models import Exists, OuterRef, QuerySet
from pydantic import BaseModel

from classifier.choices import ProviderStep, Purpose, RunState, StepStatus
from classifier.llm.breaker import BreakerState
from classifier.llm.config import ProviderConfig
from classifier.llm.deadline import Deadline
from classifier.llm.types import CLASS_OF, FailureClass, FailureKind, LlmError, Message
from classifier.models import WorkflowRun, WorkflowStep
from classifier.services.llm import LedgerRows, breaker_of, client_with
from classifier.services.providers import provider_chain
from classifier.services.runs import BULK, run_request
from teams.models import Client
from ticketing.choices import PERSON_STATES, TriageField
from ticketing.models import ClientSettings, FieldDecision

logger = structlog.get_logger(__name__)
PROBE: Final = "probe"
_WITHIN: Final = timedelta(hours=24)
_TIMES: Final = 3
"""A ticket is judged anew so often; a model that comes and goes must not cost more than it gives."""
_PAUSE: Final = timedelta(minutes=1)
_BATCH: Final = 100
_PASSING: Final = [
    kind.value
    for kind in FailureKind
    if CLASS_OF[kind] is not FailureClass.TICKET
    and kind not in {FailureKind.BLOCKED_BY_CLIENT, FailureKind.BAD_REQUEST, FailureKind.NO_PROVIDER}
]
"""Failures that say nothing of the ticket: the same text may get an answer tomorrow."""


class _Alive(BaseModel):
    """The shortest answer there is."""

    ok: bool


def providers_probe(*, now: datetime) -> int:
    """Ask each model whose pause is over whether it is there; returns how many answered.

    Tickets would find out too, but only when the next unsure one comes, which may be tomorrow.
    """
    answered = 0
    for client, config in _asked_for_somebody():
        record = breaker_of(config).snapshot().record
        if record.state is not BreakerState.CLOSED and record.until <= now.timestamp():
            answered += _probe(client, config)
    return answered


def _asked_for_somebody() -> list[tuple[Client, ProviderConfig]]:
    """Each model with the first client whose tickets go to it, in whose name it may be probed."""
    found: dict[str, tuple[Client, ProviderConfig]] = {}
    for own in ClientSettings.objects.filter(client__is_active=True).select_related("client").order_by("pk"):
        chain = provider_chain(client_id=own.client_id, step=ProviderStep.TRIAGE)
        for config in (*chain.primary, *chain.advanced):
            if own.allow_external_llm or config.internal:
                found.setdefault(config.key, (own.client, config))
    return list(found.values())


def _probe(client: Client, config: ProviderConfig) -> bool:
    """One short call through every layer: the breaker counts it, the ledger keeps it."""
    question = Message(role="user", before='Answer with the JSON object {"ok": true} and nothing else.')
    try:
        client_with(config, LedgerRows()).complete(
            [question],
            _Alive,
            client=str(client.pk),
            deadline=Deadline.after(config.timeout_seconds),
            prompt_version=PROBE,
        )
    except LlmError as error:
        logger.info("llm_probe_failed", model=config.model, kind=error.kind.value)
        return False
    return True


def returned_runs_request(*, now: datetime) -> list[int]:
    """Owe a new run for each ticket that waits for a person because no model answered, and one does now.

    Returns the ids of the new runs. What a person decided in the meantime stays and is not judged anew.
    """
    requested: list[int] = []
    for client in Client.objects.active().filter(runs__steps__in=_left_alone(now)).distinct():
        requested += _requested_of(client, now)
    if requested:
        logger.info("llm_returned", tickets=len(requested))
    return requested


def _requested_of(client: Client, now: datetime) -> list[int]:
    """The runs of one client: another's model that is away holds nobody up."""
    due = [
        step.run
        for step in _left_alone(now).filter(run__client=client)[: _BATCH * _TIMES]
        if _is_due(step.run, now)
    ][:_BATCH]
    if not due or not _answers(client):
        return []
    return [
        run_request(
            ticket=run.ticket, again=True, parameters={"after_return": _times(run) + 1, BULK: True}
        ).pk
        for run in due
    ]


def _times(run: WorkflowRun) -> int:
    return int(run.parameters.get("after_return", 0))


def _is_due(run: WorkflowRun, now: datetime) -> bool:
    times = _times(run)
    waited = run.finished_at is None or run.finished_at <= now - _PAUSE * 2**times
    return times < _TIMES and waited


def _left_alone(now: datetime) -> QuerySet[WorkflowStep]:
    """The failed calls of the newest runs of tickets that wait for a person, oldest first."""
    newer = WorkflowRun.objects.filter(
        ticket=OuterRef("run__ticket"), purpose=Purpose.TRIAGE, pk__gt=OuterRef("run")
    )
    decided = FieldDecision.objects.filter(
        ticket=OuterRef("run__ticket"), field=TriageField.CATEGORY, state__in=PERSON_STATES
    )
    rows = WorkflowStep.objects.filter(
        name="classify_llm",
        status=StepStatus.DEGRADED,
        error_kind__in=_PASSING,
        created_at__gte=now - _WITHIN,
        run__state=RunState.COMPLETED,
        run__ticket__needs_review=True,
    )
    rows = rows.exclude(Exists(newer)).exclude(Exists(decided))
    return rows.select_related("run__client", "run__ticket__client", "run__ticket__taxonomy").order_by("pk")


def _answers(client: Client) -> bool:
    """Whether a model of the client answers now, within the client's own budget.

    It is asked: what others got from it says nothing of this client's money, key or limits.
    """
    chain = provider_chain(client_id=client.pk, step=ProviderStep.TRIAGE).primary
    return any(_probe(client, config) for config in chain)
