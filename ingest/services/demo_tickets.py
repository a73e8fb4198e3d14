"""The demo's tickets: the sample files through the file door, and some mails of a shop's customers (C28)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from common.actors import Actor, ActorKind, Role
from ingest.samples.samples import ManifestEntry, write_samples
from ingest.services.demo_people import demo_content
from ingest.services.file_tickets import file_ticket_open
from ingest.services.uploads import Upload
from teams.models import Client
from ticketing.choices import Channel
from ticketing.models import Requester, Ticket
from ticketing.services.requesters import RequesterIdentity, requester_resolve
from ticketing.services.tickets import NewTicket, ticket_open

SAMPLE_CLIENT = "harbour"
SAMPLE_KEY = "sample"
"""Key in a ticket's metadata that names the file or text it was made of; labels are never stored."""


def sample_entries(*, folder: Path, limit: int | None = None) -> tuple[ManifestEntry, ...]:
    """Write the sample files and return their manifest."""
    return write_samples(folder).entries[:limit]


def demo_tickets() -> dict[str, Ticket]:
    """The demo's tickets that are there, by the name of their sample."""
    rows = Ticket.objects.filter(metadata__has_key=SAMPLE_KEY).order_by("pk")
    return {str(ticket.metadata[SAMPLE_KEY]): ticket for ticket in rows}


def sample_tickets_open(*, folder: Path, entries: tuple[ManifestEntry, ...]) -> Iterator[Ticket]:
    """Open a ticket for each sample file that has none, as the person who sent it; yields each.

    Triage follows in the background. Safe to repeat after an interruption.
    """
    client = Client.objects.get(slug=SAMPLE_CLIENT)
    present = demo_tickets()
    for entry in entries:
        if entry.file in present:
            continue
        requester = _requester(client, entry.requester["name"], entry.requester["email"])
        yield file_ticket_open(
            client=client,
            requester=requester,
            upload=Upload(name=entry.file, content=(folder / entry.file).read_bytes()),
            priority="",
            actor=_as_requester(requester),
            metadata={SAMPLE_KEY: entry.file},
        )


def customer_tickets_open() -> Iterator[Ticket]:
    """Open the shop customers' tickets that are not there yet; yields each."""
    present = demo_tickets()
    for number, row in enumerate(demo_content()["tickets"], start=1):
        name = f"{row['client']}-{number:02d}"
        if name in present:
            continue
        client = Client.objects.get(slug=row["client"])
        requester = _requester(client, row["requester"]["name"], row["requester"]["email"])
        new = NewTicket(
            client=client,
            requester=requester,
            subject=row["subject"],
            body=row["body"],
            channel=Channel.WEB,
            metadata={SAMPLE_KEY: name},
        )
        yield ticket_open(new=new, actor=_as_requester(requester))


def _requester(client: Client, name: str, email: str) -> Requester:
    return requester_resolve(client=client, identity=RequesterIdentity(name=name, email=email))


def _as_requester(requester: Requester) -> Actor:
    return Actor(
        kind=ActorKind.REQUESTER,
        role=Role.REQUESTER,
        id=str(requester.uuid),
        label=str(requester),
        user_id=requester.user_id,
        client_ids=frozenset({requester.client_id}),
    )
