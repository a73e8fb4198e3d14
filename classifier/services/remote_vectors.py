"""Vectors of tickets from a server outside, written in the background only (C18, C21)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from typing import Final

import numpy as np
import structlog

from classifier.engine.redaction import redact
from classifier.llm.breaker import Breaker
from classifier.llm.config import ProviderConfig
from classifier.llm.deadline import Deadline
from classifier.llm.embeddings import (
    MOST_TEXTS,
    Embedded,
    EmbeddingClient,
    EmbeddingCompleter,
    EmbeddingConfig,
    Vectors,
)
from classifier.llm.stack import Surroundings, breaker_for, limited
from classifier.llm.types import (
    Completer,
    Departure,
    FailureKind,
    LlmError,
    LlmRequest,
    Message,
    Settlement,
    Usage,
)
from classifier.models import VectorSpace
from classifier.selectors.spaces import remote_embedding, tickets_for_remote
from classifier.services.llm import LedgerRows, surroundings, vectors_breaker_changed
from classifier.services.providers import layer_settings
from classifier.services.spaces import text_of_ticket
from ticketing.models import Ticket

logger = structlog.get_logger(__name__)
WriteVectors = Callable[[int, Sequence[Ticket], Vectors], None]
"""Keeps the vectors of tickets in a space, named by its key."""

PROVIDER: Final = "embeddings"
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

    Ends at ``limit``, after five minutes, when the rate is used up or at the first failure of the server:
    what is missing is still owed. A client whose budget is spent is passed over. Nothing here runs inside a
    transaction but the writing of rows.
    """
    config = remote_embedding()
    if config is None:
        return 0
    space = _space_ensure(config)
    owed = tickets_for_remote().exclude(vector__space=space.pk).order_by("-pk")
    owed = owed.only("subject", "body", "client_id", "reference")
    until, written = time.monotonic() + _RUN_SECONDS, 0
    # One ticket first: a server that is down then costs one line of the ledger a run.
    size, below = 1, None
    with closing(EmbeddingClient(config, timeout_seconds=layer_settings().total_seconds)) as client:
        server = _Server(client, config)
        while written < limit and time.monotonic() < until:
            rows = list((owed if below is None else owed.filter(pk__lt=below))[:size])
            if not rows:
                break
            size, below = MOST_TEXTS, rows[-1].pk
            try:
                for kept, vectors in _vectors_by_client(server, rows):
                    write(space.pk, kept, vectors)
                    written += len(kept)
            except LlmError as error:
                logger.warning("embeddings_failed", kind=error.kind.value, reason=error.message)
                break
            if server.spent:
                owed = owed.exclude(client__in=server.spent)
    return written


def embedding_provider(*, config: EmbeddingConfig) -> ProviderConfig:
    """The server as budget, rate limit and breaker know it."""
    return config.provider(timeout_seconds=layer_settings().total_seconds)


def embedding_breaker(*, config: EmbeddingConfig) -> Breaker:
    """The breaker of the server, as all workers share it."""
    return breaker_for(embedding_provider(config=config), _surroundings())


def _surroundings() -> Surroundings:
    return replace(surroundings(), on_breaker_change=vectors_breaker_changed)


class _Server:
    """One server for one run, with its layers, and the clients whose money is spent."""

    def __init__(self, client: EmbeddingClient, config: EmbeddingConfig) -> None:
        self.dimensions = config.dimensions
        self.provider = embedding_provider(config=config)
        self.layers: Completer = limited(
            EmbeddingCompleter(client, self.provider), self.provider, _surroundings()
        )
        self.spent: set[int] = set()


def _vectors_by_client(server: _Server, rows: Sequence[Ticket]) -> Iterator[tuple[list[Ticket], Vectors]]:
    """What came of each client's tickets: every client has a budget of its own, so each has its request."""
    ordered = sorted(rows, key=lambda row: (row.client_id, -row.pk))
    for client_id, group in groupby(ordered, key=lambda row: row.client_id):
        try:
            yield _vectors_of(server, list(group))
        except LlmError as error:
            if error.kind is not FailureKind.BUDGET_SPENT:
                raise
            logger.info("embeddings_budget_spent", client=client_id)
            server.spent.add(client_id)


def _space_ensure(config: EmbeddingConfig) -> VectorSpace:
    """The row of the remote space; never the active one, for that is the local."""
    row, _ = VectorSpace.objects.get_or_create(name=config.space, defaults={"artifact": "", "fitted_on": 0})
    return row


def _vectors_of(server: _Server, rows: Sequence[Ticket]) -> tuple[list[Ticket], Vectors]:
    """The tickets whose vectors came, and the vectors; a ticket without words has the zero vector.

    Raises LlmError where the server gave nothing for any of them.
    """
    texts = {row.pk: redact(text_of_ticket(row.subject, row.body)).text[:_TEXT_CHARACTERS] for row in rows}
    wordy = [row for row in rows if texts[row.pk].strip()]
    found = {row.pk: np.zeros(server.dimensions, dtype=np.float32) for row in rows if row not in wordy}
    if wordy:
        found |= _asked(server, wordy, texts)
    kept = [row for row in rows if row.pk in found]
    return kept, np.array([found[row.pk] for row in kept], dtype=np.float32)


def _asked(server: _Server, rows: Sequence[Ticket], texts: dict[int, str]) -> dict[int, Vectors]:
    """Vectors by ticket; where one text may be at fault, those of the texts that are not."""
    try:
        return _request(server, rows, texts)
    except LlmError as error:
        if error.kind not in _FAULTS_OF_A_TEXT or len(rows) == 1:
            raise
        first = error
    found: dict[int, Vectors] = {}
    for row in rows:
        try:
            found |= _request(server, [row], texts)
        except LlmError as error:
            if error.kind not in _FAULTS_OF_A_TEXT:
                raise
    if not found:
        raise first
    return found


def _request(server: _Server, rows: Sequence[Ticket], texts: dict[int, str]) -> dict[int, Vectors]:
    """One request, with a line of the ledger for each ticket before anything leaves (C21).

    The texts are redacted one by one before: a vector must not depend on who stood beside its text.
    """
    ledger = LedgerRows()
    messages = tuple(Message("user", texts[row.pk], reference=row.reference) for row in rows)
    departure = Departure(
        client=str(rows[0].client_id),
        reference="",
        provider=PROVIDER,
        model=server.provider.model[:120],
        prompt_version="",
        messages=messages,
        placeholders=(),
        credential=server.provider.credential,
    )
    request = LlmRequest(
        messages,
        Embedded,
        client=departure.client,
        deadline=Deadline.after(server.provider.timeout_seconds),
        on_leave=lambda: ledger.left(departure),
    )
    started = time.monotonic()
    try:
        done = server.layers.send(request)
    except LlmError as error:
        elapsed_ms = round((time.monotonic() - started) * 1000)
        ledger.settled(Settlement(departure, error.kind, error.usage or Usage(), error.cost, elapsed_ms))
        raise
    ledger.settled(Settlement(departure, None, done.usage, done.cost, done.latency_ms))
    return {row.pk: vector for row, vector in zip(rows, done.parsed.vectors, strict=True)}
