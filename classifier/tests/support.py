"""A small world for triage tests: two clients with the shipped reference data and a way to open tickets."""

from __future__ import annotations

from django.utils.crypto import get_random_string

from common.actors import Actor, ActorKind, Role
from teams.models import Client
from teams.services.defaults import defaults_load as teams_load
from ticketing.choices import TriageIntent
from ticketing.models import Ticket
from ticketing.services.defaults import client_settings_ensure
from ticketing.services.defaults import defaults_load as ticketing_load
from ticketing.services.requesters import RequesterIdentity, requester_resolve
from ticketing.services.tickets import NewTicket, ticket_open


def load_world() -> tuple[Client, Client]:
    """Two clients: one sorts IT support, one customer support."""
    teams_load()
    ticketing_load()
    first = Client.objects.create(slug="first", name="First client")
    second = Client.objects.create(slug="second", name="Second client")
    client_settings_ensure(client=first, taxonomy_slug="it_support")
    client_settings_ensure(client=second, taxonomy_slug="customer_support")
    return first, second


def service_actor(client: Client, *scopes: str) -> Actor:
    """A program with a key of the client."""
    return Actor(
        kind=ActorKind.SERVICE,
        role=Role.SERVICE,
        id=f"key:{get_random_string(6)}",
        label="Test service",
        client_ids=frozenset({client.pk}),
        scopes=frozenset(scopes) if scopes else None,
    )


def open_ticket(
    client: Client,
    body: str = "The VPN does not connect.",
    *,
    subject: str = "",
    requester: str = "u-1",
    intent: str = TriageIntent.NONE,
) -> Ticket:
    """A ticket through its service, without a run unless the intent asks for one."""
    person = requester_resolve(client=client, identity=RequesterIdentity(external_id=requester))
    new = NewTicket(client=client, requester=person, subject=subject, body=body, intent=intent)
    return ticket_open(new=new, actor=service_actor(client))
