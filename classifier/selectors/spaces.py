"""The active embedding space, loaded once a process and swapped when another becomes active (C18)."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import default_storage

from classifier.engine.embedding import EmbeddingSpace, load_space
from classifier.engine.errors import ArtifactError
from classifier.models import VectorSpace

logger = structlog.get_logger(__name__)
_RETRY_SECONDS = 60.0
"""A space that cannot be read is not tried again for every ticket."""


@dataclass(frozen=True, slots=True)
class LoadedSpace:
    """A space and the key of its row."""

    pk: int
    space: EmbeddingSpace


class _Memory:
    """The space of this process and the one that could not be read."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.loaded: LoadedSpace | None = None
        self.failed = ""
        self.failed_until = 0.0


_memory = _Memory()


def active_space() -> LoadedSpace | None:
    """The space in use; None where none was fitted or it cannot be read. One small query when warm."""
    row = VectorSpace.objects.filter(is_active=True).first()
    if row is None:
        return None
    with _memory.lock:
        loaded = _memory.loaded
        if loaded is not None and loaded.pk == row.pk and loaded.space.name == row.name:
            return loaded
        if _memory.failed == row.name and _memory.failed_until > time.monotonic():
            return None
        try:
            space = _read(row)
        except (OSError, BotoCoreError, ClientError, ArtifactError):
            logger.exception("vector_space_unreadable", space=row.name)
            _memory.failed, _memory.failed_until = row.name, time.monotonic() + _RETRY_SECONDS
            return None
        _memory.loaded = LoadedSpace(row.pk, space)
        return _memory.loaded


def _read(row: VectorSpace) -> EmbeddingSpace:
    with default_storage.open(row.artifact, "rb") as stored:
        space = load_space(stored.read())
    if space.name != row.name:
        raise ArtifactError("The stored space is not the one its row names.")
    return space
