"""The nearest tickets and examples: always of one client, and of one space, before the top k (C18).

Two ways behind one interface: every vector compared in this process, which is exact, and pgvector's HNSW
where PostgreSQL has it and a client has more vectors than a process should hold.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final, Protocol

import numpy as np
from django.db import connection, transaction
from django.db.models import FloatField, QuerySet
from django.db.models.expressions import RawSQL
from numpy.typing import NDArray

from classifier.engine.embedding import SIZE
from classifier.engine.neighbours import ExactIndex, Neighbour
from classifier.models import ExampleVector, TicketVector
from classifier.selectors.spaces import active_space, space_in_use
from common.memory import ShortMemory
from teams.models import Client
from ticketing.models import Ticket
from ticketing.querysets import statuses_in

Vector = NDArray[np.float32]
_Owner = tuple[str, int | None, int]
"""Database, client (None: shared by all), space."""

SIMILAR_FROM: Final = 0.40
"""In the demo three of four pairs above this are of one category, and fewer than half of those below."""
HNSW_FROM: Final = 20_000
"""From so many vectors of a client on pgvector answers, where it is there: 40 MB a client and process."""
_KEPT: Final = 200_000
"""Vectors of all clients that one process holds, about 400 MB; the client asked least recently goes first."""
_OVERLAP: Final = timedelta(minutes=2)
"""Rows are read again this long, for a transaction may commit after one that was stamped later."""
_COUNT_SECONDS: Final = 60.0
_CHUNK: Final = 5_000
_EF_SEARCH: Final = 200
"""pgvector's own 40 finds too few of the nearest among a million; much more costs more than P8 allows."""


class Neighbours(Protocol):
    """Finds the nearest tickets of a client in a space."""

    def nearest(
        self, *, client_id: int, space_id: int, vector: Vector, k: int, allowed: QuerySet[Ticket] | None
    ) -> list[Neighbour]:
        """At most ``k`` tickets by key, nearest first; only ``allowed`` ones where they are given."""
        ...


@dataclass(frozen=True, slots=True)
class _Seen:
    """Up to when an owner's rows had been read, and when they were last counted (monotonic seconds)."""

    latest: datetime | None
    counted_at: float


class VectorStore:
    """Rows of vectors mirrored in an exact index, by owner; reads only what changed since last asked.

    New and changed rows are found by their time, rows that are gone by asking for those that were found, and
    what slips through both by counting now and then: counting 100,000 rows costs more than comparing them.
    """

    def __init__(self, model: type[TicketVector | ExampleVector], key: str, size: int = SIZE) -> None:
        self._model, self._key, self._size = model, key, size
        self._index = ExactIndex(size)
        self._seen: OrderedDict[_Owner, _Seen] = OrderedDict()
        self._lock = threading.Lock()

    def search(
        self,
        *,
        client_id: int | None,
        space_id: int,
        vector: Vector,
        k: int,
        allowed: NDArray[np.int64] | None,
    ) -> list[Neighbour]:
        """The nearest of one owner; ``client_id`` None asks for what all clients share."""
        owner = (str(connection.settings_dict["NAME"]), client_id, space_id)
        rows = _owned(self._model._default_manager.filter(space_id=space_id), client_id)
        with self._lock:
            self._refresh(owner, rows)
        while True:
            found = self._index.search(owner, vector, k, allowed=allowed)
            present = self._present(owner, [item.key for item in found])
            gone = [item.key for item in found if item.key not in present]
            if not gone:
                return found
            self._index.remove(owner, gone)

    def _present(self, owner: _Owner, keys: Sequence[int]) -> set[int]:
        """Which of the keys still are the owner's.

        Asked by key alone: a planner without statistics would otherwise walk through all rows of the owner.
        """
        rows = self._model._default_manager.filter(**{f"{self._key}__in": keys})
        return {
            key
            for key, client_id, space_id in rows.values_list(self._key, "client_id", "space_id")
            if (client_id, space_id) == owner[1:]
        }

    def _refresh(self, owner: _Owner, rows: QuerySet[Any]) -> None:
        """Bring the index up to date."""
        now, before = time.monotonic(), self._seen.get(owner)
        latest = rows.order_by("-updated_at").values_list("updated_at", flat=True).first()
        counted_at = before.counted_at if before else now
        if before is None:
            self._index.clear(owner)
            self._read(owner, rows)
        elif before.latest != latest and before.latest is not None:
            self._read(owner, rows.filter(updated_at__gte=before.latest - _OVERLAP))
        elif before.latest != latest:
            self._read(owner, rows)
        if before and now - counted_at > _COUNT_SECONDS:
            counted_at = now
            if self._index.count(owner) != rows.count():
                self._index.clear(owner)
                self._read(owner, rows)
        self._seen[owner] = _Seen(latest, counted_at)
        self._seen.move_to_end(owner)
        while len(self._seen) > 1 and sum(map(self._index.count, self._seen)) > _KEPT:
            oldest, _ = self._seen.popitem(last=False)
            self._index.clear(oldest)

    def _read(self, owner: _Owner, rows: QuerySet[Any]) -> None:
        chunk: list[tuple[int, bytes]] = []
        for key, stored in rows.values_list(self._key, "vector").iterator(chunk_size=_CHUNK):
            chunk.append((key, bytes(stored)))
            if len(chunk) == _CHUNK:
                self._add(owner, chunk)
                chunk = []
        self._add(owner, chunk)

    def _add(self, owner: _Owner, chunk: Sequence[tuple[int, bytes]]) -> None:
        if chunk:
            stacked = np.frombuffer(b"".join(stored for _, stored in chunk), dtype="<f4")
            self._index.add(owner, [key for key, _ in chunk], stacked.reshape(len(chunk), self._size))


def _owned(rows: QuerySet[Any], client_id: int | None) -> QuerySet[Any]:
    """Rows of one client, or those that all share."""
    return rows.filter(client__isnull=True) if client_id is None else rows.filter(client_id=client_id)


@lru_cache(maxsize=4)
def _tickets_of(size: int) -> VectorStore:
    """The vectors of tickets in spaces of one size; a remote space may have another one than the local."""
    return VectorStore(TicketVector, "ticket_id", size)


_examples = VectorStore(ExampleVector, "example_id")


class ExactNeighbours:
    """Compares with every vector of the client, in this process."""

    def nearest(
        self, *, client_id: int, space_id: int, vector: Vector, k: int, allowed: QuerySet[Ticket] | None
    ) -> list[Neighbour]:
        """Exact on every database."""
        keys = None
        if allowed is not None:
            keys = np.fromiter(allowed.values_list("pk", flat=True), dtype=np.int64)
        tickets = _tickets_of(len(vector))
        return tickets.search(client_id=client_id, space_id=space_id, vector=vector, k=k, allowed=keys)


class PgvectorNeighbours:
    """Asks the HNSW index and goes on until ``k`` rows of the client are found."""

    def nearest(
        self, *, client_id: int, space_id: int, vector: Vector, k: int, allowed: QuerySet[Ticket] | None
    ) -> list[Neighbour]:
        """Approximate among all vectors; the client's alone are counted."""
        rows = TicketVector.objects.filter(client_id=client_id, space_id=space_id)
        if allowed is not None:
            rows = rows.filter(ticket__in=allowed)
        distance = RawSQL("embedding <#> %s::halfvec", [vector_literal(vector)], output_field=FloatField())
        asked = rows.annotate(distance=distance).order_by("distance").values_list("ticket_id", "distance")
        with transaction.atomic(), connection.cursor() as cursor:
            # Without it a filter applied after the index would leave fewer than k rows of the client.
            cursor.execute("SET LOCAL hnsw.iterative_scan = strict_order")
            cursor.execute(f"SET LOCAL hnsw.ef_search = {_EF_SEARCH}")
            return [Neighbour(key, -float(far)) for key, far in asked[:k] if far is not None]


def vector_literal(vector: Vector) -> str:
    """A vector as pgvector reads it."""
    return "[" + ",".join(f"{value:.6g}" for value in vector.tolist()) + "]"


def has_pgvector() -> bool:
    """Whether this database has the column the migration adds where pgvector is there."""
    return connection.vendor == "postgresql" and _has_column(str(connection.settings_dict["NAME"]))


@lru_cache(maxsize=8)
def _has_column(database: str) -> bool:
    """Asked once a process and database: the column comes and goes with migrations only."""
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, TicketVector._meta.db_table)
    return any(column.name == "embedding" for column in columns)


def neighbours_for(*, client_id: int, space_id: int, size: int = SIZE) -> Neighbours:
    """The way to find a client's nearest tickets; pgvector's column holds vectors of the local size alone."""
    if size == SIZE and has_pgvector():
        count = TicketVector.objects.filter(client_id=client_id, space_id=space_id)[:HNSW_FROM].count()
        if count >= HNSW_FROM:
            return PgvectorNeighbours()
    return ExactNeighbours()


def nearest_tickets(
    *,
    client: Client,
    vector: Vector,
    space_id: int,
    k: int,
    only_resolved: bool = False,
) -> list[Neighbour]:
    """The client's tickets nearest to a vector of the space, nearest first.

    ``only_resolved`` leaves out open ones.
    """
    allowed: QuerySet[Ticket] | None = None
    if only_resolved:
        allowed = Ticket.objects.filter(client=client, status__in=statuses_in("resolved", "closed"))
    way = neighbours_for(client_id=client.pk, space_id=space_id, size=len(vector))
    return way.nearest(client_id=client.pk, space_id=space_id, vector=vector, k=k, allowed=allowed)


def similar_tickets(*, ticket: Ticket, k: int, only_resolved: bool = False) -> list[Neighbour]:
    """The tickets of the same client most like this one, without itself; none where it has no vector yet.

    Only tickets of the same space are compared. What is less alike than ``SIMILAR_FROM`` is left out.
    """
    own = TicketVector.objects.filter(ticket=ticket).first()
    if own is None or not space_in_use(space_id=own.space_id):
        return []
    vector = np.frombuffer(bytes(own.vector), dtype="<f4")
    found = nearest_tickets(
        client=ticket.client, vector=vector, space_id=own.space_id, k=k + 1, only_resolved=only_resolved
    )
    return [item for item in found if item.key != ticket.pk and item.similarity >= SIMILAR_FROM][:k]


@dataclass(frozen=True, slots=True)
class ConfirmedExample:
    """A text whose category is certain, and how alike it is to the one asked about, in [0, 1]."""

    text: str
    category: str
    similarity: float
    ticket_id: int | None


_allowed: ShortMemory[NDArray[np.int64]] = ShortMemory()
"""Which examples may be shown; what was found is asked again by key, so none is shown that no longer may."""


def _example_ids(rows: QuerySet[ExampleVector]) -> NDArray[np.int64]:
    return np.fromiter(rows.values_list("example_id", flat=True), dtype=np.int64)


def nearest_confirmed(
    *, client: Client, taxonomy_id: int, text: str, k: int, leaving: bool = False
) -> list[ConfirmedExample]:
    """The labelled examples nearest to a text, nearest first: the client's own and the shared ones.

    For prompts (few examples beside the question) and for explaining a category. Never another client's.
    ``leaving`` ones are sent out: those of categories that keep their texts in the house are left out.
    """
    loaded = active_space()
    if loaded is None:
        return []
    rows = ExampleVector.objects.filter(
        space_id=loaded.pk,
        example__taxonomy_id=taxonomy_id,
        example__is_active=True,
        example__category__is_active=True,
    )
    if leaving:
        rows = rows.filter(example__category__allow_external_llm=True)
    vector = loaded.vector(text)
    found: list[Neighbour] = []
    for owner in (client.pk, None):
        allowed = _allowed.get(
            (str(connection.settings_dict["NAME"]), owner, loaded.pk, taxonomy_id, leaving),
            partial(_example_ids, _owned(rows, owner)),
        )
        if len(allowed):
            found += _examples.search(
                client_id=owner, space_id=loaded.pk, vector=vector, k=k, allowed=allowed
            )
    found = sorted(found, key=lambda item: (-item.similarity, item.key))[:k]
    kept = rows.filter(example__in=[item.key for item in found]).values_list(
        "example_id", "example__text", "example__category__slug", "example__ticket_id"
    )
    known = {pk: (text, slug, ticket) for pk, text, slug, ticket in kept}
    return [
        ConfirmedExample(
            known[item.key][0], known[item.key][1], max(item.similarity, 0.0), known[item.key][2]
        )
        for item in found
        if item.key in known
    ]
