"""Training, promoting and rolling back the local models (C7, C8)."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any
from uuid import uuid4

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from classifier.choices import ModelState
from classifier.engine.artifacts import dump_model
from classifier.engine.errors import ModelError
from classifier.engine.linear import FieldModel, snapshot_hash
from classifier.models import LabelledExample, LocalModel
from common.actors import Actor, system_actor
from common.exceptions import Conflict
from ticketing.models import Taxonomy

logger = structlog.get_logger(__name__)
_TEAM_EXAMPLES = 20
_MARGIN = 0.01
"""A new model is promoted unless its macro F1 is lower than the active one's by more than this."""


def models_train(*, taxonomy: Taxonomy, force: bool = False) -> list[LocalModel]:
    """Train every field of a taxonomy whose examples changed, and promote what is not worse.

    Examples of all clients of a shared taxonomy train its one model. Returns the new rows. Slow (seconds to
    minutes), so nothing here runs inside a transaction but the writing of rows.
    """
    rows = list(
        LabelledExample.objects.filter(taxonomy=taxonomy, is_active=True, category__is_active=True)
        .order_by("pk")
        .values_list("text", "category__slug", "severity", "team_slug")
    )
    trained = []
    for field, texts, labels in _training_sets(rows):
        model = _train(taxonomy, field, texts, labels, force=force)
        if model is not None:
            trained.append(model)
    return trained


def _training_sets(rows: list[tuple[str, str, str, str]]) -> list[tuple[str, list[str], list[str]]]:
    """Texts and labels by field; a team is learned only where the history holds enough of each."""
    sets = []
    for field, column in (("category", 1), ("severity", 2), ("team", 3)):
        pairs = [(row[0], row[column]) for row in rows if row[column]]
        if field == "team":
            enough = {
                label for label, count in Counter(p[1] for p in pairs).items() if count >= _TEAM_EXAMPLES
            }
            pairs = [pair for pair in pairs if pair[1] in enough]
        if len({label for _, label in pairs}) >= 2:
            sets.append((field, [text for text, _ in pairs], [label for _, label in pairs]))
    return sets


def _train(
    taxonomy: Taxonomy, field: str, texts: list[str], labels: list[str], *, force: bool
) -> LocalModel | None:
    snapshot = snapshot_hash(texts, labels)
    known = LocalModel.objects.filter(taxonomy=taxonomy, field=field, snapshot_hash=snapshot)
    if not force and known.exists():
        return None
    try:
        model = FieldModel.train(texts, labels)
    except ModelError as error:
        logger.warning("training_refused", taxonomy=taxonomy.slug, field=field, reason=str(error))
        return None
    data = dump_model(model)
    name = default_storage.save(f"models/{taxonomy.slug}/{field}-{uuid4()}.bin", ContentFile(data))
    row = _store(taxonomy, field, model, name, hashlib.sha256(data).hexdigest())
    active = LocalModel.objects.filter(taxonomy=taxonomy, field=field, state=ModelState.ACTIVE).first()
    better, evidence = _compare(row, active)
    LocalModel.objects.filter(pk=row.pk).update(evidence=evidence)
    if better:
        model_promote(model=row, actor=system_actor())
    row.refresh_from_db()
    return row


@transaction.atomic
def _store(taxonomy: Taxonomy, field: str, model: FieldModel, name: str, sha256: str) -> LocalModel:
    """The row of a stored artifact with the next version; two trainers wait for each other here."""
    Taxonomy.objects.select_for_update(no_key=True).get(pk=taxonomy.pk)
    rows = LocalModel.objects.filter(taxonomy=taxonomy, field=field)
    latest = rows.aggregate(latest=Max("version"))["latest"] or 0
    return LocalModel.objects.create(
        taxonomy=taxonomy,
        field=field,
        version=latest + 1,
        artifact=name,
        artifact_sha256=sha256,
        snapshot_hash=model.snapshot,
        example_count=model.quality.examples,
        metrics=model.quality.to_json(),
    )


def _compare(row: LocalModel, active: LocalModel | None) -> tuple[bool, dict[str, Any]]:
    """Whether the new model may replace the active one, with the figures that decided."""
    new = float(row.metrics["macro_f1"])
    if active is None:
        return True, {"decision": "promoted", "reason": "There was no model.", "macro_f1": new}
    old = float(active.metrics.get("macro_f1", 0.0))
    better = new >= old - _MARGIN
    reason = f"Macro F1 {new:.3f} against {old:.3f}, measured out of fold on each model's own examples."
    decision = "promoted" if better else "kept as candidate"
    return better, {"decision": decision, "reason": reason, "macro_f1": new, "before": old}


@transaction.atomic
def model_promote(*, model: LocalModel, actor: Actor) -> LocalModel:
    """Make a model the active one of its field; the one before is retired and can be rolled back to.

    Two promotions at once end with one active model: they wait for each other at the taxonomy's row. Raises
    Conflict for a model without a readable artifact.
    """
    Taxonomy.objects.select_for_update(no_key=True).get(pk=model.taxonomy_id)
    if not model.artifact:
        raise Conflict("The model has no stored artifact.")
    rows = LocalModel.objects.filter(taxonomy_id=model.taxonomy_id, field=model.field)
    rows.filter(state=ModelState.ACTIVE).exclude(pk=model.pk).update(state=ModelState.RETIRED)
    rows.filter(pk=model.pk).update(state=ModelState.ACTIVE, promoted_at=timezone.now())
    model.refresh_from_db()
    logger.info("model_promoted", model=str(model), by=actor.label)
    return model


@transaction.atomic
def model_rollback(*, model: LocalModel, actor: Actor) -> LocalModel:
    """Take an active model out of use and make the one before it active again.

    The model that was taken back becomes a candidate, so that a second roll-back goes further back and not
    forth. Raises Conflict when the model is not the active one, or there is none before it.
    """
    Taxonomy.objects.select_for_update(no_key=True).get(pk=model.taxonomy_id)
    rows = LocalModel.objects.filter(taxonomy_id=model.taxonomy_id, field=model.field)
    if not rows.filter(pk=model.pk, state=ModelState.ACTIVE).exists():
        raise Conflict("Only the model in use can be rolled back.")
    retired = rows.filter(state=ModelState.RETIRED, promoted_at__isnull=False)
    before = retired.order_by("-promoted_at").first()
    if before is None:
        raise Conflict("There is no earlier model to go back to.")
    promoted = model_promote(model=before, actor=actor)
    rows.filter(pk=model.pk).update(state=ModelState.CANDIDATE)
    return promoted
