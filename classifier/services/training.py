"""Training the local models on labelled examples (C7, C8, C24)."""

from __future__ import annotations

import hashlib
from collections import Counter
from uuid import uuid4

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Max

from classifier.choices import ModelState
from classifier.engine.artifacts import dump_model
from classifier.engine.errors import ModelError
from classifier.engine.linear import FieldModel, snapshot_hash
from classifier.models import LabelledExample, LocalModel, TrainingSet
from classifier.services.promotion import TaughtExample, verdict_apply, verdict_on
from common.actors import Actor, system_actor
from ticketing.models import Taxonomy

logger = structlog.get_logger(__name__)
_TEAM_EXAMPLES = 20
_COLUMNS = {"category": "category__slug", "severity": "severity", "team": "team_slug"}


def models_train(*, taxonomy: Taxonomy, force: bool = False, actor: Actor | None = None) -> list[LocalModel]:
    """Train every field of a taxonomy whose examples changed, and promote what is shown to be better.

    Examples of all clients of a shared taxonomy train its one model. Returns the new rows. Slow (seconds to
    minutes), so nothing here runs inside a transaction but the writing of rows.
    """
    trained = []
    for field, examples in training_sets(taxonomy=taxonomy):
        model = _train(taxonomy, field, examples, force=force, actor=actor or system_actor())
        if model is not None:
            trained.append(model)
    return trained


def training_sets(*, taxonomy: Taxonomy) -> list[tuple[str, list[TaughtExample]]]:
    """Examples in use by field; a team is learned only where the history holds enough of each."""
    rows = list(
        LabelledExample.objects.filter(taxonomy=taxonomy, is_active=True, category__is_active=True)
        .order_by("pk")
        .values("pk", "text", "text_hash", "source", *_COLUMNS.values())
    )
    sets = []
    for field, column in _COLUMNS.items():
        examples = [
            TaughtExample(row["pk"], row["text"], row["text_hash"], row[column], row["source"])
            for row in rows
            if row[column]
        ]
        counts = Counter(example.label for example in examples)
        if field == "team":
            examples = [example for example in examples if counts[example.label] >= _TEAM_EXAMPLES]
        if len({example.label for example in examples}) >= 2:
            sets.append((field, examples))
    return sets


def _train(
    taxonomy: Taxonomy, field: str, examples: list[TaughtExample], *, force: bool, actor: Actor
) -> LocalModel | None:
    texts, labels = [row.text for row in examples], [row.label for row in examples]
    snapshot = snapshot_hash(texts, labels)
    known = LocalModel.objects.filter(taxonomy=taxonomy, field=field, snapshot_hash=snapshot)
    if not force and known.exists():
        return None
    try:
        # On everything, held-out texts included. The comparison below tests this recipe with candidates that
        # were taught less of the same labels, so it does not flatter; what it proves the candidates can, the
        # model with more of the same will hardly do worse, and a tenth kept back from each model for good
        # would cost accuracy every day. What this model has seen is kept with it, so that no later comparison
        # judges it on these texts.
        model = FieldModel.train(texts, labels, with_scope=field == "category")
    except ModelError as error:
        logger.warning("training_refused", taxonomy=taxonomy.slug, field=field, reason=str(error))
        return None
    row = _store(taxonomy, field, model, examples)
    rows = LocalModel.objects.filter(taxonomy=taxonomy, field=field, state=ModelState.ACTIVE)
    verdict = verdict_on(examples=examples, active=rows.select_related("training_set").first())
    return verdict_apply(model=row, verdict=verdict, actor=actor)


def _store(taxonomy: Taxonomy, field: str, model: FieldModel, examples: list[TaughtExample]) -> LocalModel:
    """Write the artifact, then its row: a row never names what is not there."""
    data = dump_model(model)
    name = default_storage.save(f"models/{taxonomy.slug}/{field}-{uuid4()}.bin", ContentFile(data))
    row = LocalModel(
        taxonomy=taxonomy,
        field=field,
        artifact=name,
        artifact_sha256=hashlib.sha256(data).hexdigest(),
        snapshot_hash=model.snapshot,
        example_count=model.quality.examples,
        metrics=model.quality.to_json(),
    )
    return _save(row, examples)


@transaction.atomic
def _save(row: LocalModel, examples: list[TaughtExample]) -> LocalModel:
    """Give the row the next version and its training set; two trainers wait for each other here."""
    Taxonomy.objects.select_for_update(no_key=True).get(pk=row.taxonomy_id)
    rows = LocalModel.objects.filter(taxonomy_id=row.taxonomy_id, field=row.field)
    row.version = (rows.aggregate(latest=Max("version"))["latest"] or 0) + 1
    row.training_set, _ = TrainingSet.objects.get_or_create(
        taxonomy_id=row.taxonomy_id,
        field=row.field,
        snapshot_hash=row.snapshot_hash,
        defaults={"size": len(examples), "rows": [[e.pk, e.text_hash, e.label] for e in examples]},
    )
    row.save()
    return row
