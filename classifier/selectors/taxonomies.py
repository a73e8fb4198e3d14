"""Which taxonomy a call means."""

from __future__ import annotations

from django.db.models import F
from django.utils.translation import gettext as _

from common.exceptions import ValidationFailed
from teams.models import Client
from ticketing.models import Taxonomy


def caller_taxonomy(*, client: Client, slug: str) -> Taxonomy | None:
    """The taxonomy a caller names, the client's own before a shared one; None when none is named."""
    if not slug:
        return None
    rows = Taxonomy.objects.for_client(client.pk).filter(slug=slug, is_active=True)
    taxonomy = rows.order_by(F("client_id").asc(nulls_last=True)).first()
    if taxonomy is None:
        raise ValidationFailed(fields={"taxonomy": [_("There is no such taxonomy.")]})
    return taxonomy
