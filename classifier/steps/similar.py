"""Which recent tickets tell of the same thing (C19)."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Q

from classifier.engine.similarity import Comparable, Fingerprint, duplicate_score, fingerprint
from classifier.steps.job import Similar, TriageJob
from classifier.steps.record import StepRecord
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
    found: list[Similar] = []
    for row in rows:
        other = _fingerprint(_text(row.subject, row.body), str(row.requester_id), row.created_at)
        score = duplicate_score(mine, other)
        if score.same_requester and score.total >= DUPLICATE_SCORE:
            kind = LinkKind.DUPLICATE
        elif not score.same_requester and score.parts["text"] >= RELATED_TEXT:
            kind = LinkKind.RELATED
        else:
            continue
        found.append(Similar(row.pk, row.reference, str(kind), score.total, score.parts))
    found.sort(key=lambda item: (item.kind != LinkKind.DUPLICATE, -item.score))
    record.input = {"compared": len(rows)}
    record.output = {
        "found": [{"ticket": item.reference, "kind": item.kind, "score": item.score} for item in found]
    }
    return tuple(found[:_KEEP])


@lru_cache(maxsize=500)
def _fingerprint(text: str, requester: str, created_at: datetime) -> Fingerprint:
    """The newest tickets are compared again and again; hashing their n-grams once saves 0.1 s a ticket."""
    return fingerprint(Comparable(text, requester, created_at))


def _text(subject: str, body: str) -> str:
    return f"{subject}\n\n{body}"[:_COMPARED_CHARACTERS]


class _Candidate(NamedTuple):
    """What of another ticket is compared: a hundred rows a ticket, so no models."""

    pk: int
    reference: str
    subject: str
    body: str
    requester_id: int
    created_at: datetime


def _candidates(job: TriageJob, client_id: int) -> list[_Candidate]:
    """The tickets of this client, and of no other, that are worth comparing."""
    since = job.now - timedelta(hours=settings.DUPLICATE_WINDOW_HOURS)
    base = Ticket.objects.filter(client_id=client_id, created_at__gte=since, created_at__lte=job.now)
    base = base.exclude(pk=job.ticket_id) if job.ticket_id else base
    rows = base.order_by("-created_at").values_list(*_Candidate._fields)
    own: list[Any] = []
    if job.requester_id is not None:
        own = list(rows.filter(requester_id=job.requester_id)[:_OWN_LIMIT])
        rows = rows.filter(~Q(requester_id=job.requester_id))
    return [_Candidate(*row) for row in (*own, *rows[:_OTHERS_LIMIT])]
