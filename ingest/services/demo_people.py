"""Who and what the demo starts with: clients, accounts, projects (O1)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction

from common.actors import system_actor
from ingest import samples
from teams.choices import Group
from teams.models import Client, Team, User
from teams.services.users import NewUser, member_set, user_create
from ticketing.choices import ToolScope
from ticketing.models import Macro, Module, Project
from ticketing.services.defaults import client_settings_ensure
from ticketing.services.requesters import RequesterIdentity, requester_resolve
from ticketing.services.tools import tool_save

DEMO_CONTENT = Path(samples.__file__).parent / "demo.yaml"
DEMO_PASSWORD = "switchyard-demo"  # noqa: S105  public: it exists only where DEMO is on
_CAPACITY = 40


def demo_content() -> dict[str, Any]:
    """The demo's own texts."""
    content: dict[str, Any] = yaml.safe_load(DEMO_CONTENT.read_text(encoding="utf-8"))
    return content


@transaction.atomic
def demo_people_ensure() -> list[User]:
    """Make the clients, accounts and projects that are not there yet; returns the accounts.

    The caller has loaded teams and taxonomies and has checked that this is a demo.
    """
    content = demo_content()
    clients = {row["slug"]: _client(row) for row in content["clients"]}
    for row in content["projects"]:
        _project(clients[row["client"]], row)
    for row in content["macros"]:
        _macro(clients[row["client"]], row)
    return [_account(clients, row) for row in content["accounts"]]


def _client(row: Mapping[str, Any]) -> Client:
    client, _ = Client.objects.get_or_create(slug=row["slug"], defaults={"name": row["name"]})
    client_settings_ensure(client=client, taxonomy_slug=row["taxonomy"])
    return client


def _macro(client: Client, row: Mapping[str, Any]) -> None:
    if Macro.objects.filter(client=client, name=row["name"]).exists():
        return
    values = {name: value for name, value in row.items() if name != "client"}
    macro = Macro(client=client, scope=ToolScope.EVERYONE)
    tool_save(tool=macro, values=values, actor=system_actor("Demo"))


def _project(client: Client, row: Mapping[str, Any]) -> None:
    project, _ = Project.objects.get_or_create(
        client=client, slug=row["slug"], defaults={"name": row["name"]}
    )
    for slug, name in row["modules"].items():
        Module.objects.get_or_create(project=project, slug=slug, defaults={"name": name})


def _account(clients: Mapping[str, Client], row: Mapping[str, Any]) -> User:
    actor = system_actor("Demo")
    user: User | None = User.objects.filter(username=row["username"]).first()
    own = [clients[slug] for slug in row["clients"]]
    if user is None:
        new = NewUser(
            username=row["username"],
            password=DEMO_PASSWORD,
            group=Group(row["group"]),
            clients=own,
            email=row.get("email", f"{row['username']}@example.com"),
            first_name=row["first_name"],
            last_name=row["last_name"],
            is_staff=row.get("is_staff", False),
            is_superuser=row.get("is_superuser", False),
        )
        user = user_create(new=new, actor=actor)
        for slug in row.get("teams", []):
            team = Team.objects.get(client=None, slug=slug)
            member_set(team=team, user=user, actor=actor, capacity=_CAPACITY)
    if row["group"] == Group.REQUESTERS:
        identity = RequesterIdentity(user=user, email=user.email, name=user.get_full_name())
        requester_resolve(client=own[0], identity=identity)
    return user
