"""Fitting the embedding space: on the first examples, and again when the texts have doubled (C18)."""

from __future__ import annotations

from uuid import uuid4

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from classifier.engine.embedding import EmbeddingSpace, dump_space
from classifier.models import LabelledExample, VectorSpace
from classifier.services.examples import TEXT_LIMIT
from ticketing.models import Ticket

logger = structlog.get_logger(__name__)
_LEAST_TEXTS = 20
_TICKETS = 10_000
"""The newest tickets that take part; with them a space knows the words people really use."""
_GROWTH = 2
"""Not sooner than at so many times the texts it was fitted on: a new space owes every vector again."""


def space_ensure(*, force: bool = False) -> VectorSpace | None:
    """Fit a space where there is none or the texts have doubled; None where nothing was to be done.

    Slow (seconds to a minute), so nothing here runs inside a transaction but the writing of rows. Labels take
    no part, and the space holds weights of hashed n-grams, no text.
    """
    active = VectorSpace.objects.filter(is_active=True).first()
    examples = LabelledExample.objects.filter(is_active=True)
    count = examples.count() + min(Ticket.objects.count(), _TICKETS)
    if count < _LEAST_TEXTS or (active and not force and count < _GROWTH * active.fitted_on):
        return None
    texts = list(examples.order_by("pk").values_list("text", flat=True))
    newest = Ticket.objects.order_by("-pk")[:_TICKETS]
    texts += [text_of_ticket(subject, body) for subject, body in newest.values_list("subject", "body")]
    space = EmbeddingSpace.fit(texts)
    if active and active.name == space.name:
        return None
    artifact = default_storage.save(f"spaces/{uuid4()}.bin", ContentFile(dump_space(space)))
    return _activate(space, artifact, count)


def text_of_ticket(subject: str, body: str) -> str:
    """The text a ticket's vector is made of: the subject as heading, unless the body begins with it."""
    body = body[:TEXT_LIMIT]
    if not subject or body.startswith(subject.removesuffix("…")):
        return body
    return f"{subject}\n\n{body}".strip()


@transaction.atomic
def _activate(space: EmbeddingSpace, artifact: str, count: int) -> VectorSpace:
    """Two fitters at once end with one active space: the rows in use are locked before they are changed."""
    list(VectorSpace.objects.select_for_update().filter(is_active=True))
    VectorSpace.objects.filter(is_active=True).update(is_active=False)
    row, _ = VectorSpace.objects.update_or_create(
        name=space.name, defaults={"artifact": artifact, "fitted_on": count, "is_active": True}
    )
    logger.info("vector_space_activated", space=space.name, fitted_on=count)
    return row
