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
from classifier.models import LlmCall, LlmProvider, WorkflowRun, WorkflowStep
from classifier.services.llm import LedgerRows, breaker_of, client_with
from classifier.services.providers import environment_providers, provider_chain, provider_config_or_none
from classifier.services.runs import run_request
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
    """Each model with a client in whose name it may be probed."""
    open_to_all = ClientSettings.objects.filter(allow_external_llm=True, client__is_active=True)
    first = open_to_all.select_related("client").order_by("pk").first()
    pairs = [(first.client, config) for config in environment_providers()] if first else []
    for row in LlmProvider.objects.active().select_related("client", "credential"):
        client, config = row.client or (first.client if first else None), provider_config_or_none(row=row)
        if client is not None and config is not None:
            pairs.append((client, config))
    return pairs


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
    back: dict[int, bool] = {}
    for step in _left_alone(now)[:_BATCH]:
        run = step.run
        times = int(run.parameters.get("after_return", 0))
        if times >= _TIMES or (run.finished_at and run.finished_at > now - _PAUSE * 2**times):
            continue
        if run.client_id not in back:
            back[run.client_id] = _is_back(run.client, since=step.created_at)
        if back[run.client_id]:
            again = run_request(ticket=run.ticket, again=True, parameters={"after_return": times + 1})
            requested.append(again.pk)
    if requested:
        logger.info("llm_returned", tickets=len(requested))
    return requested


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


def _is_back(client: Client, *, since: datetime) -> bool:
    """Whether a model of the client has answered since, or answers now."""
    for config in provider_chain(client_id=client.pk, step=ProviderStep.TRIAGE).primary:
        calls = LlmCall.objects.filter(credential=config.credential, model=config.model, outcome="ok")
        if calls.filter(created_at__gt=since).exists() or _probe(client, config):
            return True
    return False
