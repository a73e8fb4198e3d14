"""What became of a draft once a reply was sent (C16)."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from classifier.choices import DraftState
from classifier.models import ResponseDraft
from classifier.services.drafts import draft_decide
from common.actors import Actor
from ticketing.models import Ticket


@transaction.atomic
def draft_settle(*, ticket: Ticket, draft_uuid: UUID, body: str, actor: Actor) -> ResponseDraft | None:
    """Record that a reply was made from a draft: accepted word for word, or edited; None when it is gone."""
    draft = ResponseDraft.objects.proposed().filter(ticket=ticket, uuid=draft_uuid).first()
    if draft is None:
        return None
    same = " ".join(body.split()) == " ".join(draft.content.split())
    state = DraftState.ACCEPTED if same else DraftState.EDITED
    return draft_decide(draft=draft, state=state, actor=actor)
