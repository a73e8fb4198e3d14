"""Vectors of tickets from a server outside, written in the background only (C18, C21)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Final

import numpy as np
import structlog

from classifier.engine.redaction import redact
from classifier.llm.embeddings import MOST_TEXTS, EmbeddingClient, EmbeddingConfig, Vectors
from classifier.llm.types import FailureKind, LlmError
from classifier.models import LlmCall, VectorSpace
from classifier.selectors.spaces import remote_embedding, tickets_for_remote
from classifier.services.providers import layer_settings
from classifier.services.spaces import text_of_ticket
from ticketing.models import Ticket

logger = structlog.get_logger(__name__)
WriteVectors = Callable[[int, Sequence[Ticket], Vectors], None]
"""Keeps the vectors of tickets in a space, named by its key."""

_PROVIDER: Final = "embeddings"
"""Stands in the ledger where a chat model's family would."""
_RUN_SECONDS: Final = 300.0
_TEXT_CHARACTERS: Final = 8_000
"""Models read about 8,000 tokens, and no language has many texts of fewer letters than tokens."""
_FAULTS_OF_A_TEXT: Final = frozenset(
    {FailureKind.BAD_REQUEST, FailureKind.CONTEXT_OVERFLOW, FailureKind.CONTENT_FILTER}
)
"""One text can be the reason: the others of its request are asked for alone."""


def remote_vectors_fill(*, write: WriteVectors, limit: int) -> int:
    """Fetch and keep the vectors that are owed to the remote space, newest tickets first; returns how many.

    Ends at ``limit``, after five minutes or at the first failure of the server: what is missing is still
    owed. Nothing here runs inside a transaction but the writing of rows.
    """
    config = remote_embedding()
    if config is None:
        return 0
    space = _space_ensure(config)
    owed = tickets_for_remote().exclude(vector__space=space.pk).order_by("-pk")
    owed = owed.only("subject", "body", "client_id")
    until, written = time.monotonic() + _RUN_SECONDS, 0
    # One ticket first: a server that is down then costs one line of the ledger a run.
    size, below = 1, None
    with closing(EmbeddingClient(config, timeout_seconds=layer_settings().total_seconds)) as client:
        while written < limit and time.monotonic() < until:
            rows = list((owed if below is None else owed.filter(pk__lt=below))[:size])
            if not rows:
                break
            size, below = MOST_TEXTS, rows[-1].pk
            try:
                kept, vectors = _vectors_of(client, config, rows)
            except LlmError as error:
                logger.warning("embeddings_failed", kind=error.kind.value, reason=error.message)
                break
            write(space.pk, kept, vectors)
            written += len(kept)
    return written


def _space_ensure(config: EmbeddingConfig) -> VectorSpace:
    """The row of the remote space; never the active one, for that is the local."""
    row, _ = VectorSpace.objects.get_or_create(name=config.space, defaults={"artifact": "", "fitted_on": 0})
    return row


def _vectors_of(
    client: EmbeddingClient, config: EmbeddingConfig, rows: Sequence[Ticket]
) -> tuple[list[Ticket], Vectors]:
    """The tickets whose vectors came, and the vectors; a ticket without words has the zero vector.

    Raises LlmError where the server gave nothing for any of them.
    """
    texts = {row.pk: redact(text_of_ticket(row.subject, row.body)).text[:_TEXT_CHARACTERS] for row in rows}
    wordy = [row for row in rows if texts[row.pk].strip()]
    found = {row.pk: np.zeros(config.dimensions, dtype=np.float32) for row in rows if row not in wordy}
    if wordy:
        found |= _asked(client, config, wordy, texts)
    kept = [row for row in rows if row.pk in found]
    return kept, np.array([found[row.pk] for row in kept], dtype=np.float32)


def _asked(
    client: EmbeddingClient, config: EmbeddingConfig, rows: Sequence[Ticket], texts: dict[int, str]
) -> dict[int, Vectors]:
    """Vectors by ticket; where one text may be at fault, those of the texts that are not."""
    try:
        return _request(client, config, rows, texts)
    except LlmError as error:
        if error.kind not in _FAULTS_OF_A_TEXT or len(rows) == 1:
            raise
        first = error
    found: dict[int, Vectors] = {}
    for row in rows:
        try:
            found |= _request(client, config, [row], texts)
        except LlmError as error:
            if error.kind not in _FAULTS_OF_A_TEXT:
                raise
    if not found:
        raise first
    return found


def _request(
    client: EmbeddingClient, config: EmbeddingConfig, rows: Sequence[Ticket], texts: dict[int, str]
) -> dict[int, Vectors]:
    """One request, with a line of the ledger for each ticket before anything leaves (C21)."""
    calls = LlmCall.objects.bulk_create(
        LlmCall(
            client_id=row.client_id,
            ticket_id=row.pk,
            provider=_PROVIDER,
            model=config.model[:120],
            credential=config.credential,
            request=[{"role": "input", "content": texts[row.pk]}],
            outcome="sent",
        )
        for row in rows
    )
    started, outcome = time.monotonic(), "sent"
    try:
        vectors = client.embed([texts[row.pk] for row in rows])
        outcome = "ok"
    except LlmError as error:
        outcome = error.kind.value
        raise
    finally:
        latency_ms = round((time.monotonic() - started) * 1000)
        LlmCall.objects.filter(pk__in=[call.pk for call in calls]).update(
            outcome=outcome, latency_ms=latency_ms
        )
    return {row.pk: vector for row, vector in zip(rows, vectors, strict=True)}
