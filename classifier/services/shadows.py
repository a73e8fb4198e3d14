"""Challengers: models that are asked beside the one in use, and that no ticket follows (C24, C25)."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import Q

from classifier.choices import ModelState
from classifier.engine.errors import ModelError
from classifier.engine.linear import FieldPrediction
from classifier.models import LocalModel, ShadowAnswer, WorkflowRun
from classifier.services.local_models import challenger_model
from classifier.steps.job import TriageResult
from classifier.steps.record import StepRecord
from common.memory import ShortMemory
from common.metrics import shadow_answers_total

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A challenger and the model in use it is compared with."""

    challenger: LocalModel
    champion_id: int
    champion_mark: str
    """How the local step names the champion among its models."""


_pairs: ShortMemory[tuple[_Pair, ...]] = ShortMemory()


def shadow_answers_keep(*, run: WorkflowRun, result: TriageResult) -> int:
    """Ask the taxonomy's challengers what the local models were asked, and keep both answers; how many.

    For a run that is kept already: neither ticket nor run changes, and a failure is logged and counted. A
    second call for the same run adds nothing.
    """
    step = next((r for r in result.steps if r.name == "classify_local" and r.output), None)
    if step is None or run.ticket.taxonomy_id is None:
        return 0
    try:
        key = (str(connection.settings_dict["NAME"]), run.ticket.taxonomy_id)
        pairs = _pairs.get(key, lambda: _found(key[1]))
        if not pairs:
            return 0
        rows = [_answer(run, result.seen.text, step, pair) for pair in pairs]
        kept = [row for row in rows if row is not None]
        with transaction.atomic():
            ShadowAnswer.objects.bulk_create(kept, ignore_conflicts=True)
    except (DatabaseError, ModelError, ValueError):
        shadow_answers_total.labels(outcome="failed").inc()
        logger.exception("shadow_failed", run=str(run.uuid))
        return 0
    shadow_answers_total.labels(outcome="kept").inc(len(kept))
    return len(kept)


def _found(taxonomy_id: int) -> tuple[_Pair, ...]:
    """The challengers of a taxonomy, each with the model in use of its field."""
    rows = LocalModel.objects.filter(
        Q(state=ModelState.ACTIVE) | Q(challenger_since__isnull=False), taxonomy_id=taxonomy_id
    ).only("uuid", "field", "version", "state", "artifact", "artifact_sha256")
    active = {row.field: row for row in rows if row.state == ModelState.ACTIVE}
    return tuple(
        _Pair(row, active[row.field].pk, f"{row.field}:{active[row.field].version}")
        for row in rows
        if row.state != ModelState.ACTIVE and row.field in active
    )


def _answer(run: WorkflowRun, text: str, step: StepRecord, pair: _Pair) -> ShadowAnswer | None:
    """Both answers; None where the model in use gave none, is another by now, or the challenger is gone."""
    said = step.output.get(pair.challenger.field)
    if said is None or pair.champion_mark not in step.model.split("+"):
        return None
    model = challenger_model(row=pair.challenger)
    if model is None:
        shadow_answers_total.labels(outcome="unreadable").inc()
        return None
    found: FieldPrediction = model.predict([text])[0]
    return ShadowAnswer(
        run=run,
        ticket_id=run.ticket_id,
        challenger=pair.challenger,
        champion_id=pair.champion_id,
        challenger_value=found.value[:200],
        challenger_confidence=found.confidence,
        champion_value=said["value"][:200],
        champion_confidence=said["confidence"] or 0.0,
    )
