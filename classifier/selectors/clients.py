"""Whose client a call is for, and which taxonomy it means."""

from __future__ import annotations

from common.actors import Actor
from common.exceptions import NotFound, ValidationFailed
from teams.models import Client
from teams.selectors import default_client
from ticketing.models import Taxonomy


def caller_client(*, actor: Actor, slug: str = "") -> Client:
    """The client a caller names, else the first it may see. Raises NotFound."""
    rows = Client.objects.visible_to(actor).active()
    client = rows.filter(slug=slug).first() if slug else default_client(actor)
    if client is None or not hasattr(client, "ticketing_settings"):
        raise NotFound("There is no such client.")
    return client


def caller_taxonomy(*, client: Client, slug: str) -> Taxonomy | None:
    """The taxonomy a caller names, the client's own before a shared one; None when none is named."""
    if not slug:
        return None
    rows = Taxonomy.objects.for_client(client.pk).filter(slug=slug, is_active=True)
    taxonomy = rows.order_by("client_id").first()
    if taxonomy is None:
        raise ValidationFailed(fields={"taxonomy": ["There is no such taxonomy."]})
    return taxonomy
