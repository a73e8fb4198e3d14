"""Clients, people and callers for ingest's tests, made through services."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from common.actors import Actor, system_actor
from teams.choices import Group, Scope
from teams.models import Client, User
from teams.selectors import actor_for_key, actor_for_user
from teams.services.defaults import defaults_load as teams_load
from teams.services.keys import IssuedKey, api_key_issue
from teams.services.users import NewUser, user_create
from ticketing.models import Ticket
from ticketing.services.defaults import client_settings_ensure
from ticketing.services.defaults import defaults_load as ticketing_load
from ticketing.services.requesters import RequesterIdentity, requester_resolve
from ticketing.services.tickets import NewTicket, ticket_open

SYSTEM = system_actor()
PASSWORD = "a long enough password"


def make_client(slug: str, taxonomy: str = "it_support") -> Client:
    """A client with its ticketing settings; the shipped reference data is loaded once."""
    teams_load()
    ticketing_load()
    client = Client.objects.create(slug=slug, name=slug.title())
    client_settings_ensure(client=client, taxonomy_slug=taxonomy)
    return client


def make_user(username: str, group: Group, client: Client) -> User:
    """A person of one client."""
    new = NewUser(username=username, password=PASSWORD, group=group, clients=[client])
    return user_create(new=new, actor=SYSTEM)


def make_key(client: Client, *scopes: str) -> IssuedKey:
    """An API key of a client, for files unless other scopes are named."""
    return api_key_issue(client=client, name="Key", scopes=scopes or [Scope.FILES], actor=SYSTEM)


def key_actor(issued: IssuedKey) -> Actor:
    """The actor behind a key."""
    return actor_for_key(issued.key)


def as_user(user: User) -> APIClient:
    """A test client logged in as a person."""
    caller = APIClient()
    caller.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return caller


def as_key(issued: IssuedKey) -> APIClient:
    """A test client that sends a key."""
    caller = APIClient()
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {issued.secret}")
    return caller


def make_ticket(client: Client, user: User, **values: Any) -> Ticket:
    """A ticket of a person with a log-in."""
    requester = requester_resolve(client=client, identity=RequesterIdentity(user=user))
    new = NewTicket(client=client, requester=requester, subject="Help", body="It is broken.", **values)
    return ticket_open(new=new, actor=actor_for_user(user))
