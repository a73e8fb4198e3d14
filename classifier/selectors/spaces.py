"""The embedding spaces in use: the active local one, loaded once a process, and a remote one (C18)."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from classifier.engine.embedding import EmbeddingSpace, Vectors, load_space
from classifier.engine.errors import ArtifactError
from classifier.llm.config import ConfigurationError
from classifier.llm.embeddings import EmbeddingConfig
from classifier.models import LlmProvider, VectorSpace
from common.memory import Newest, ShortMemory
from ticketing.choices import TriageField
from ticketing.models import Category, ClientSettings, FieldDecision, Ticket

logger = structlog.get_logger(__name__)
_RETRY_SECONDS = 60.0
"""A space that cannot be read is not tried again for every ticket."""
_KEPT_VECTORS = 256


@dataclass(frozen=True, slots=True)
class LoadedSpace:
    """A space and the key of its row."""

    pk: int
    space: EmbeddingSpace

    def vector(self, text: str) -> Vectors:
        """The vector of one text, of length ``SIZE``; not to be written to.

        A run needs its ticket's twice, to find examples and to keep it, with the answer of a language model
        in between; so the newest are remembered.
        """
        return _memory.vector(self.space, text)


class _Memory:
    """The space of this process and the one that could not be read."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.loaded: LoadedSpace | None = None
        self.failed = ""
        self.failed_until = 0.0
        self._vectors: Newest[Vectors] = Newest(_KEPT_VECTORS)

    def vector(self, space: EmbeddingSpace, text: str) -> Vectors:
        """The vector of a text in a space, computed outside the lock."""
        key = (space.name, text)
        known = self._vectors.get(key)
        if known is not None:
            return known
        computed: Vectors = space.embed([text])[0]
        computed.flags.writeable = False
        return self._vectors.keep(key, computed)


_memory = _Memory()
_rows: ShortMemory[VectorSpace | None] = ShortMemory()


def active_space() -> LoadedSpace | None:
    """The space in use; None where none was fitted or it cannot be read. One small query when warm."""
    row = _rows.get(
        str(connection.settings_dict["NAME"]), lambda: VectorSpace.objects.filter(is_active=True).first()
    )
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


def remote_embedding() -> EmbeddingConfig | None:
    """The server that gives vectors; None where address, model or size is missing or makes no sense."""
    if not (settings.EMBEDDING_BASE_URL and settings.EMBEDDING_MODEL and settings.EMBEDDING_DIMENSIONS):
        return None
    try:
        return EmbeddingConfig(
            base_url=settings.EMBEDDING_BASE_URL,
            model=settings.EMBEDDING_MODEL,
            dimensions=settings.EMBEDDING_DIMENSIONS,
            api_key=settings.EMBEDDING_API_KEY,
            price=settings.EMBEDDING_PRICE,
        )
    except ConfigurationError as error:
        logger.warning("embeddings_misconfigured", reason=str(error))
        return None


def space_in_use(*, space_id: int) -> bool:
    """Whether vectors of a space may be compared now: it is the active local one or the configured remote."""
    loaded = active_space()
    if loaded is not None and loaded.pk == space_id:
        return True
    remote = remote_embedding()
    return remote is not None and VectorSpace.objects.filter(pk=space_id, name=remote.space).exists()


def tickets_for_remote() -> QuerySet[Ticket]:
    """The tickets whose text may be sent for a vector (C21); none where no server is configured.

    Triage has come first, so that a category that keeps its texts in the house is known, be it decided or
    only suggested; a client without settings has not agreed to anything.
    """
    if remote_embedding() is None:
        return Ticket.objects.none()
    kept_in = Category.objects.filter(taxonomy=OuterRef("ticket__taxonomy"), allow_external_llm=False)
    suggested = FieldDecision.objects.filter(
        ticket=OuterRef("pk"), field=TriageField.CATEGORY, value__in=kept_in.values("slug")
    )
    willing = ClientSettings.objects.filter(allow_external_llm=True)
    # With models of its own a client is sent to nobody else, for vectors neither.
    own = LlmProvider.objects.filter(client__isnull=False).values("client")
    return (
        Ticket.objects.filter(client__in=willing.values("client"), triaged_at__isnull=False)
        .exclude(client__in=own)
        .exclude(category__allow_external_llm=False)
        .exclude(Exists(suggested))
    )


def _read(row: VectorSpace) -> EmbeddingSpace:
    with default_storage.open(row.artifact, "rb") as stored:
        space = load_space(stored.read())
    if space.name != row.name:
        raise ArtifactError("The stored space is not the one its row names.")
    return space
