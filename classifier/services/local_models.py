"""The active models of a taxonomy, loaded once a process and swapped when another becomes active (C7)."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import default_storage

from classifier.choices import ModelState
from classifier.engine.artifacts import load_model
from classifier.engine.errors import ArtifactError
from classifier.engine.linear import FieldModel
from classifier.engine.local import LocalEngine
from classifier.models import LocalModel

logger = structlog.get_logger(__name__)
_KEPT = 8
_lock = threading.Lock()
_engines: OrderedDict[str, LocalEngine] = OrderedDict()
_challengers: OrderedDict[str, FieldModel] = OrderedDict()
_failed: dict[str, float] = {}
_RETRY_SECONDS = 60.0
"""A model that cannot be read is not tried again for every ticket."""


def local_engine(*, taxonomy_id: int) -> LocalEngine | None:
    """The engine of the active models; None where nothing is trained or nothing can be read.

    One small query tells whether the models are still the active ones, so a promotion takes effect with the
    next ticket in every process.
    """
    rows = list(
        LocalModel.objects.filter(taxonomy_id=taxonomy_id, state=ModelState.ACTIVE)
        .order_by("field")
        .only("uuid", "field", "version", "artifact", "artifact_sha256")
    )
    if not rows:
        return None
    key = f"{taxonomy_id}:" + ",".join(str(row.uuid) for row in rows)
    with _lock:
        if key in _engines:
            _engines.move_to_end(key)
            return _engines[key]
    if _failed.get(key, 0.0) > time.monotonic():
        return None
    engine = _load(rows)
    if engine is None:
        _failed[key] = time.monotonic() + _RETRY_SECONDS
    else:
        with _lock:
            _engines[key] = engine
            while len(_engines) > _KEPT:
                _engines.popitem(last=False)
    return engine


def challenger_model(*, row: LocalModel) -> FieldModel | None:
    """The model of a row, loaded once a process; None where it cannot be read, for a minute."""
    key = str(row.uuid)
    with _lock:
        if key in _challengers:
            _challengers.move_to_end(key)
            return _challengers[key]
    if _failed.get(key, 0.0) > time.monotonic():
        return None
    model = field_model(row=row)
    if model is None:
        _failed[key] = time.monotonic() + _RETRY_SECONDS
        return None
    with _lock:
        _challengers[key] = model
        while len(_challengers) > _KEPT:
            _challengers.popitem(last=False)
    return model


def field_model(*, row: LocalModel) -> FieldModel | None:
    """The stored model of one row, read anew; None where the artifact is gone or damaged."""
    try:
        with default_storage.open(row.artifact, "rb") as stored:
            return load_model(stored.read(), sha256=row.artifact_sha256 or "missing")
    except (OSError, BotoCoreError, ClientError, ArtifactError):
        logger.exception("local_model_unreadable", model=str(row.uuid), field=row.field)
        return None


def _load(rows: list[LocalModel]) -> LocalEngine | None:
    """Read the artifacts; a field whose model is damaged is left to the other engines."""
    found = {row.field: field_model(row=row) for row in rows}
    models = {name: model for name, model in found.items() if model is not None}
    if "category" not in models:
        return None
    version = "+".join(f"{row.field}:{row.version}" for row in rows if row.field in models)
    return LocalEngine(models, version)
