"""Two clients with people, teams and categories: the ground that page tests stand on."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import uuid4

from django.contrib.auth.models import Group as AuthGroup
from django.contrib.auth.models import Permission
from django.db import transaction

from common.actors import Actor
from teams.choices import DEEDS_OF_GROUP, Group
from teams.models import Client, NotificationTarget, Team, TeamMember, User
from teams.selectors import actor_for_user
from teams.services.targets import target_save
from ticketing.choices import TriageIntent
from ticketing.models import Category, ClientSettings, Requester, Taxonomy, Ticket
from ticketing.services.requesters import RequesterIdentity, requester_resolve
from ticketing.services.tickets import NewTicket, ticket_lock, ticket_open
from ticketing.services.triage import FieldOutcome, TriageOutcome, triage_apply

PASSWORD = "for-tests-only"


def group_of(group: Group) -> AuthGroup:
    """The group with its permissions. Made by a migration; tests that empty the database take it away."""
    row, made = AuthGroup.objects.get_or_create(name=group.value)
    if made:
        row.permissions.set(Permission.objects.filter(codename__in=DEEDS_OF_GROUP[group]))
    return row


def make_user(name: str, group: Group, *clients: Client) -> User:
    """A person with a role at clients."""
    user = User.objects.create_user(name, f"{name}@example.org", PASSWORD, first_name=name.title())
    user.groups.add(group_of(group))
    user.clients.set(clients)
    return user


@dataclass
class World:
    """Client A with a lead, an agent of the network team, and a requester; client B with a lead."""

    taxonomy: Taxonomy = field(init=False)
    network: Team = field(init=False)
    hardware: Team = field(init=False)

    def __post_init__(self) -> None:
        self.network = Team.objects.create(slug="network_team", name="Network")
        self.hardware = Team.objects.create(slug="hardware_team", name="Hardware")
        self.taxonomy = Taxonomy.objects.create(slug="it", name="IT")
        for slug, team in (("network", self.network), ("hardware", self.hardware)):
            Category.objects.create(taxonomy=self.taxonomy, slug=slug, name=slug.title(), default_team=team)
        self.client_a = Client.objects.create(slug="a", name="Client A")
        self.client_b = Client.objects.create(slug="b", name="Client B")
        for client in (self.client_a, self.client_b):
            ClientSettings.objects.create(client=client, taxonomy=self.taxonomy)
        self.lead = make_user("lead", Group.LEADS, self.client_a)
        self.agent = make_user("agent", Group.AGENTS, self.client_a)
        self.requester = make_user("rita", Group.REQUESTERS, self.client_a)
        self.other_requester = make_user("otto", Group.REQUESTERS, self.client_a)
        self.stranger = make_user("stranger", Group.LEADS, self.client_b)
        TeamMember.objects.create(team=self.network, user=self.agent)

    def actor(self, user: User) -> Actor:
        """The actor behind a user."""
        return actor_for_user(user)

    def mail_target(self, team: Team, address: str) -> NotificationTarget:
        """An address that is told of what concerns a team."""
        return target_save(target=NotificationTarget(team=team, address=address))

    def ticket(
        self,
        subject: str = "VPN drops",
        *,
        user: User | None = None,
        client: Client | None = None,
        body: str = "The VPN drops after the update.",
        intent: str = TriageIntent.NONE,
    ) -> Ticket:
        """A ticket opened through the service; without triage unless asked for."""
        client = client or self.client_a
        user = user or self.requester
        requester: Requester = requester_resolve(client=client, identity=RequesterIdentity(user=user))
        new = NewTicket(client=client, requester=requester, subject=subject, body=body, intent=intent)
        return ticket_open(new=new, actor=self.actor(user))

    def triage(
        self, ticket: Ticket, *, category: str = "network", state: str = "suggested", confidence: float = 0.7
    ) -> Ticket:
        """What a run would have said of the ticket."""
        common = {"state": state, "confidence": confidence}
        fields = [
            FieldOutcome(
                field="category",
                value=category,
                source="local",
                reasoning="The words point there.",
                alternatives=[{"value": "hardware", "confidence": 0.2}],
                evidence=[{"text": "VPN", "weight": 0.6}],
                **common,
            ),
            FieldOutcome(field="severity", value="high", source="rules", **common),
            FieldOutcome(field="team", value=f"{category}_team", source="routing", **common),
        ]
        outcome = TriageOutcome(run_uuid=uuid4(), fields=fields, needs_review=state != "applied")
        with transaction.atomic():
            return triage_apply(ticket=ticket_lock(ticket_id=ticket.pk), outcome=outcome)
