"""Finding a conversation: somebody else's looks like none at all."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from classifier.models import ChatConvo
from common.actors import Actor
from common.exceptions import NotFound


def access_convo(*, actor: Actor, convo_id: UUID) -> ChatConvo:
    """The caller's own conversation. Raises NotFound."""
    rows = ChatConvo.objects.visible_to(actor).select_related(
        "client__ticketing_settings", "about__category", "ticket", "user"
    )
    convo: ChatConvo | None = rows.filter(uuid=convo_id).first()
    if convo is None:
        raise NotFound(_("There is no such conversation."))
    return convo
