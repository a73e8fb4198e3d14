"""Keeping what an evaluation measured (C25)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.db import transaction

from classifier.models import EvaluationRecord
from classifier.services.evaluation import Report
from common.actors import Actor
from teams.models import Client
from ticketing.models import Taxonomy

_PRECISION: Final = 0.95
_MICRO: Final = Decimal("0.000001")


@transaction.atomic
def evaluation_record(
    *, taxonomy: Taxonomy, client: Client | None, report: Report, actor: Actor
) -> EvaluationRecord:
    """Keep a report's figures. They are the client's who paid, else those of the taxonomy's client.

    Of a shared taxonomy the texts of all clients are judged where nobody pays: that is for administrators.
    """
    measured, spent = report.evaluation, report.spending
    payer = client if spent else None
    at_precision = {row.precision: row.measured for row in measured.coverage}
    record = EvaluationRecord(
        taxonomy=taxonomy,
        client_id=payer.pk if payer else taxonomy.client_id,
        engine=report.engine,
        prompt_version=report.prompt_version,
        source=report.source[:300],
        protocol=report.protocol,
        texts=measured.quality.examples,
        accuracy=measured.quality.accuracy,
        macro_f1=measured.quality.macro_f1,
        ece=measured.quality.ece,
        coverage=at_precision[_PRECISION],
        latency_median_ms=measured.latency.median_ms,
        latency_p95_ms=measured.latency.p95_ms,
        cost=spent.cost.quantize(_MICRO) if spent else None,
        failures=sum(spent.failures.values()) if spent else 0,
        result=report.to_json(),
        actor_kind=actor.kind.value,
        actor_label=actor.label or actor.kind.value,
    )
    record.full_clean()
    record.save()
    return record
