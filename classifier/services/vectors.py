"""Writing the vectors of tickets and labelled examples; what is missing is found and made up for (C18)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from django.db import connection, transaction
from django.db.models import F, Q

from classifier.engine.embedding import SIZE, Vectors
from classifier.models import ExampleVector, LabelledExample, TicketVector
from classifier.selectors.neighbours import has_pgvector, vector_literal
from classifier.selectors.spaces import LoadedSpace, active_space, tickets_for_remote
from classifier.services.remote_vectors import remote_vectors_fill
from classifier.services.spaces import text_of_ticket
from ticketing.models import Ticket

_BATCH = 500


def ticket_vector_write(*, ticket: Ticket) -> bool:
    """Compute and keep the vector of what a ticket says; False where there is no space or no change.

    A vector that a server has to give is left to ``vectors_fill``, for nobody waits for a server here; one of
    an earlier text is dropped. The vector is computed outside any transaction. Repeating is safe: the text's
    hash says it is done.
    """
    text = text_of_ticket(ticket.subject, ticket.body)
    text_hash = _hash_of(text)
    if tickets_for_remote().filter(pk=ticket.pk).exists():
        TicketVector.objects.filter(ticket=ticket).exclude(text_hash=text_hash).delete()
        return False
    loaded = active_space()
    if loaded is None:
        return False
    if TicketVector.objects.filter(ticket=ticket, space_id=loaded.pk, text_hash=text_hash).exists():
        return False
    _tickets_keep(loaded.pk, [ticket], loaded.vector(text)[np.newaxis])
    return True


def vectors_fill(*, limit: int = 5_000) -> int:
    """Write missing vectors, and again those of a space no longer in use; returns how many.

    Stops at the batch that passes ``limit``, once for the local space and once for a remote one. Repeating is
    safe: what is written is owed no more.
    """
    loaded = active_space()
    local = _local_fill(loaded, limit) if loaded is not None else 0
    return local + remote_vectors_fill(write=_tickets_keep, limit=limit)


def _local_fill(loaded: LoadedSpace, limit: int) -> int:
    """Write what is owed to the local space: all examples, and the tickets no server gives vectors of."""
    tickets = Ticket.objects.exclude(vector__space=loaded.pk).order_by("-pk")
    tickets = tickets.exclude(pk__in=tickets_for_remote().values("pk"))
    changed = Q(updated_at__gt=F("vector__updated_at"))
    examples = LabelledExample.objects.filter(~Q(vector__space=loaded.pk) | changed, is_active=True).order_by(
        "pk"
    )
    written = 0
    while written < limit:
        rows = list(examples[:_BATCH])
        if not rows:
            break
        _examples_write(loaded, rows)
        written += len(rows)
    while written < limit:
        missing = list(tickets.only("subject", "body", "client_id")[:_BATCH])
        if not missing:
            break
        _tickets_write(loaded, missing)
        written += len(missing)
    return written


def _tickets_write(loaded: LoadedSpace, rows: Sequence[Ticket]) -> None:
    texts = [text_of_ticket(row.subject, row.body) for row in rows]
    _tickets_keep(loaded.pk, rows, loaded.space.embed(texts))


def _tickets_keep(space_id: int, rows: Sequence[Ticket], vectors: Vectors) -> None:
    """Keep the vectors (rows × size of the space) of tickets, in place of those they had."""
    made = [
        TicketVector(
            ticket_id=row.pk,
            client_id=row.client_id,
            space_id=space_id,
            vector=vector.astype("<f4").tobytes(),
            text_hash=_hash_of(text_of_ticket(row.subject, row.body)),
        )
        for row, vector in zip(rows, vectors, strict=True)
    ]
    with transaction.atomic():
        TicketVector.objects.bulk_create(
            made,
            update_conflicts=True,
            unique_fields=["ticket"],
            update_fields=["client", "space", "vector", "text_hash", "updated_at"],
        )
        if has_pgvector():
            _mirror([row.pk for row in rows], vectors)


def _mirror(ticket_ids: Sequence[int], vectors: Vectors) -> None:
    """Copy the vectors to the column pgvector searches.

    A zero vector is near nothing and stays out; one of another size has no place there.
    """
    rows = [
        (vector_literal(vector) if len(vector) == SIZE and np.any(vector) else None, ticket_id)
        for ticket_id, vector in zip(ticket_ids, vectors, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE classifier_ticketvector SET embedding = %s::halfvec WHERE ticket_id = %s", rows
        )


def _examples_write(loaded: LoadedSpace, rows: Sequence[LabelledExample]) -> None:
    vectors = loaded.space.embed([row.text for row in rows])
    ExampleVector.objects.bulk_create(
        [
            ExampleVector(
                example_id=row.pk,
                client_id=row.client_id,
                space_id=loaded.pk,
                vector=vector.astype("<f4").tobytes(),
                text_hash=row.text_hash,
            )
            for row, vector in zip(rows, vectors, strict=True)
        ],
        update_conflicts=True,
        unique_fields=["example"],
        update_fields=["client", "space", "vector", "text_hash", "updated_at"],
    )


def _hash_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
