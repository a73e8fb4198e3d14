"""Which recent tickets tell of the same thing (C19)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Q, TextField, Value
from django.db.models.functions import MD5, Cast, Concat

from classifier.engine.similarity import Comparable, Fingerprint, duplicate_score, fingerprint
from classifier.steps.job import Similar, TriageJob
from classifier.steps.record import StepRecord
from common.memory import Newest
from ticketing.choices import LinkKind
from ticketing.models import Ticket

DUPLICATE_SCORE = 0.75
RELATED_TEXT = 0.8
_OWN_LIMIT = 50
_OTHERS_LIMIT = 100
_KEEP = 5
_COMPARED_CHARACTERS = 5_000


def find_similar(job: TriageJob, client_id: int, record: StepRecord) -> tuple[Similar, ...]:
    """Score the requester's own recent tickets and the client's newest ones; nothing is dropped or closed.

    Two requesters with the same words are related; only one requester's tickets can be duplicates.
    """
    rows = _candidates(job, client_id)
    mine = fingerprint(Comparable(_text(job.subject, job.text), job.requester, job.now))
    others = _fingerprints(rows)
    found: list[Similar] = []
    for row in rows:
        if row.pk not in others:
            continue  # Deleted meanwhile.
        reference, other = others[row.pk]
        score = duplicate_score(mine, other)
        if score.same_requester and score.total >= DUPLICATE_SCORE:
            kind = LinkKind.DUPLICATE
        elif not score.same_requester and score.parts["text"] >= RELATED_TEXT:
            kind = LinkKind.RELATED
        else:
            continue
        found.append(Similar(row.pk, reference, str(kind), score.total, score.parts))
    found.sort(key=lambda item: (item.kind != LinkKind.DUPLICATE, -item.score))
    record.input = {"compared": len(rows)}
    record.output = {
        "found": [{"ticket": item.reference, "kind": item.kind, "score": item.score} for item in found]
    }
    return tuple(found[:_KEEP])


_known: Newest[tuple[str, Fingerprint]] = Newest(1_000)
"""The newest tickets are compared again and again; reading and hashing each once saves 0.1 s a ticket."""


def _fingerprints(rows: Sequence[_Candidate]) -> dict[int, tuple[str, Fingerprint]]:
    """Reference and fingerprint of tickets by key; only texts that are not known yet are read."""
    found = {row.pk: known for row in rows if (known := _known.get(row)) is not None}
    missing = [row.pk for row in rows if row.pk not in found]
    if missing:
        columns = ("pk", "digest", "reference", "subject", "body", "requester_id", "created_at")
        texts = Ticket.objects.filter(pk__in=missing).order_by().annotate(digest=_DIGEST)
        for pk, digest, reference, subject, body, requester_id, created_at in texts.values_list(*columns):
            made = fingerprint(Comparable(_text(subject, body), str(requester_id), created_at))
            found[pk] = _known.keep(_Candidate(pk, digest), (reference, made))
    return found


def _text(subject: str, body: str) -> str:
    return f"{subject}\n\n{body}"[:_COMPARED_CHARACTERS]


class _Candidate(NamedTuple):
    """Another ticket that may be alike: a hundred rows a ticket, so neither models nor texts."""

    pk: int
    digest: str


_DIGEST = MD5(
    Concat(
        Cast("requester_id", TextField()),
        Value(" "),
        Cast("created_at", TextField()),
        Value(" "),
        "reference",
        Value(" "),
        "subject",
        Value("\n\n"),
        "body",
        output_field=TextField(),
    )
)
"""Of all that a fingerprint depends on."""


def _candidates(job: TriageJob, client_id: int) -> list[_Candidate]:
    """The tickets of this client, and of no other, that are worth comparing."""
    since = job.now - timedelta(hours=settings.DUPLICATE_WINDOW_HOURS)
    base = Ticket.objects.filter(client_id=client_id, created_at__gte=since, created_at__lte=job.now)
    base = base.exclude(pk=job.ticket_id) if job.ticket_id else base
    rows = base.order_by("-created_at").annotate(digest=_DIGEST).values_list(*_Candidate._fields)
    own: list[Any] = []
    if job.requester_id is not None:
        own = list(rows.filter(requester_id=job.requester_id)[:_OWN_LIMIT])
        rows = rows.filter(~Q(requester_id=job.requester_id))
    return [_Candidate(*row) for row in (*own, *rows[:_OTHERS_LIMIT])]
