"""The active models of a taxonomy, loaded once a process and swapped when another becomes active (C7)."""

from __future__ import annotations

import threading
from collections import OrderedDict

import structlog
from django.core.files.storage import default_storage

from classifier.choices import ModelState
from classifier.engine.artifacts import load_model
from classifier.engine.errors import ArtifactError
from classifier.engine.local import LocalEngine
from classifier.models import LocalModel

logger = structlog.get_logger(__name__)
_KEPT = 8
_lock = threading.Lock()
_engines: OrderedDict[str, LocalEngine] = OrderedDict()


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
    engine = _load(rows)
    if engine is not None:
        with _lock:
            _engines[key] = engine
            while len(_engines) > _KEPT:
                _engines.popitem(last=False)
    return engine


def _load(rows: list[LocalModel]) -> LocalEngine | None:
    """Read the artifacts; a field whose model is damaged is left to the other engines."""
    models = {}
    for row in rows:
        try:
            with default_storage.open(row.artifact, "rb") as stored:
                models[row.field] = load_model(stored.read(), sha256=row.artifact_sha256)
        except (OSError, ArtifactError):
            logger.exception("local_model_unreadable", model=str(row.uuid), field=row.field)
    if "category" not in models:
        return None
    version = "+".join(f"{row.field}:{row.version}" for row in rows if row.field in models)
    return LocalEngine(models, version)
