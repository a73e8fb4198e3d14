"""Vectors of tickets and examples: written, made up for, searched within one client (C18, C7)."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError
from django.test import TestCase
from django.utils import timezone

from classifier.choices import ExampleSource
from classifier.engine.neighbours import Neighbour
from classifier.models import ExampleVector, LabelledExample, TicketVector, VectorSpace
from classifier.panels import triage_panel
from classifier.selectors import neighbours
from classifier.selectors.neighbours import (
    ExactNeighbours,
    PgvectorNeighbours,
    has_pgvector,
    nearest_confirmed,
    nearest_tickets,
    similar_tickets,
)
from classifier.selectors.similar import confirmed_lines, linked_lines, nearest_lines
from classifier.selectors.spaces import LoadedSpace, active_space
from classifier.services.examples import hash_of
from classifier.services.execution import run_process
from classifier.services.runs import run_request
from classifier.services.spaces import space_ensure
from classifier.services.vectors import ticket_vector_write, vectors_fill
from teams.models import Client
from ticketing.choices import LinkKind, LinkState, Status
from ticketing.models import Category, Ticket, TicketLink
from ticketing.tests.world import World

VPN = "The VPN tunnel drops every few minutes"
LAPTOP = "The laptop screen stays black"


class VectorTestCase(TestCase):
    """Two clients and a space fitted on two dozen shared examples."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        for number in range(12):
            cls.teach(f"vpn router tunnel drops in room {number}", "network")
            cls.teach(f"laptop screen keyboard broken in room {number}", "hardware")
        space_ensure()
        vectors_fill()

    @classmethod
    def teach(cls, text: str, slug: str, *, client: Client | None = None, **more: object) -> LabelledExample:
        """One labelled example."""
        category = Category.objects.get(taxonomy=cls.world.taxonomy, slug=slug)
        return LabelledExample.objects.create(
            taxonomy=cls.world.taxonomy,
            client=client,
            text=text,
            text_hash=hash_of(text),
            category=category,
            source=ExampleSource.REVIEW,
            **more,
        )

    def ticket(self, body: str, *, client: Client | None = None) -> Ticket:
        """A ticket with a vector."""
        ticket = self.world.ticket(body[:60], client=client, body=body)
        ticket_vector_write(ticket=ticket)
        return ticket

    def loaded(self) -> LoadedSpace:
        """The space in use."""
        loaded = active_space()
        assert loaded is not None
        return loaded

    def nearest(self, text: str, **choices: bool) -> list[Neighbour]:
        """The tickets of the first client nearest to a text."""
        loaded = self.loaded()
        vector = loaded.space.embed([text])[0]
        return nearest_tickets(client=self.world.client_a, vector=vector, space_id=loaded.pk, k=5, **choices)


class SpaceTests(VectorTestCase):
    """Fitting and loading."""

    def test_a_space_is_fitted_once_and_again_when_texts_have_doubled(self) -> None:
        """C18: a new space owes every vector again, so it must be worth it."""
        self.assertIsNone(space_ensure())
        for number in range(24):
            self.teach(f"printer toner empty on floor {number}", "hardware")
        first = VectorSpace.objects.get(is_active=True)
        second = space_ensure()
        assert second is not None
        self.assertEqual((second.fitted_on, VectorSpace.objects.filter(is_active=True).count()), (48, 1))
        self.assertNotEqual(first.name, second.name)
        self.assertEqual(vectors_fill(), 48)
        self.assertEqual(set(ExampleVector.objects.values_list("space", flat=True)), {second.pk})

    def test_a_damaged_space_is_left_alone(self) -> None:
        """C18: without a space nothing is written and nothing found; triage goes on."""
        ticket = self.ticket(VPN)
        name = default_storage.save("spaces/damaged.bin", ContentFile(b"not a space"))
        VectorSpace.objects.filter(is_active=True).update(artifact=name, name="another")
        self.assertIsNone(active_space())
        self.assertEqual(similar_tickets(ticket=ticket, k=5), [])
        self.assertFalse(ticket_vector_write(ticket=ticket))
        self.assertEqual(vectors_fill(), 0)


class WritingTests(VectorTestCase):
    """Tickets get their vectors."""

    def test_triage_leaves_a_vector(self) -> None:
        """C18: float32 bytes of the ticket's client and the active space."""
        ticket = self.world.ticket(VPN, body=VPN)
        run_process(run_id=run_request(ticket=ticket).pk)
        row = TicketVector.objects.get(ticket=ticket)
        self.assertEqual((row.client, row.space_id), (self.world.client_a, self.loaded().pk))
        expected = self.loaded().space.embed([VPN])[0]
        self.assertTrue(np.array_equal(np.frombuffer(bytes(row.vector), dtype="<f4"), expected))

    def test_a_vector_that_cannot_be_written_costs_no_run(self) -> None:
        """C18: the sweeper makes up for it."""
        ticket = self.world.ticket(VPN, body=VPN)
        with mock.patch(
            "classifier.services.execution.ticket_vector_write", side_effect=DatabaseError("locked")
        ):
            self.assertTrue(run_process(run_id=run_request(ticket=ticket).pk))
        self.assertEqual(vectors_fill(), 1)
        self.assertTrue(TicketVector.objects.filter(ticket=ticket).exists())
        self.assertEqual(vectors_fill(), 0)

    def test_it_is_written_again_only_when_the_text_has_changed(self) -> None:
        """C18: one vector a ticket."""
        ticket = self.ticket(VPN)
        self.assertFalse(ticket_vector_write(ticket=ticket))
        ticket.body = ticket.subject = LAPTOP
        ticket.save(update_fields=["body", "subject"])
        self.assertTrue(ticket_vector_write(ticket=ticket))
        self.assertEqual([item.key for item in self.nearest(LAPTOP)][:1], [ticket.pk])
        self.assertEqual(TicketVector.objects.filter(ticket=ticket).count(), 1)


class SearchTests(VectorTestCase):
    """Nearest tickets."""

    def test_the_nearest_come_first_and_only_of_the_client(self) -> None:
        """C18: limited to the client before the top k."""
        for _ in range(6):
            self.ticket(VPN, client=self.world.client_b)
        near, far = self.ticket("The VPN tunnel drops again"), self.ticket(LAPTOP)
        found = self.nearest(VPN)
        self.assertEqual([item.key for item in found], [near.pk, far.pk])
        self.assertGreater(found[0].similarity, found[1].similarity + 0.3)

    def test_changes_and_removals_are_seen_at_once(self) -> None:
        """C18: the index follows the rows."""
        first, second = self.ticket(VPN), self.ticket(VPN + " again")
        self.assertEqual({item.key for item in self.nearest(VPN)}, {first.pk, second.pk})
        TicketVector.objects.filter(ticket=first).delete()
        self.assertEqual({item.key for item in self.nearest(VPN)}, {second.pk})
        third = self.ticket(VPN + " at noon")
        self.assertEqual({item.key for item in self.nearest(VPN)}, {second.pk, third.pk})

    def test_what_slipped_by_is_found_by_counting(self) -> None:
        """C18: a transaction may commit long after it was stamped."""
        late, known = self.ticket(VPN), self.ticket(VPN + " again")
        row = TicketVector.objects.get(ticket=late)
        row.delete()
        self.assertEqual({item.key for item in self.nearest(VPN)}, {known.pk})
        TicketVector.objects.bulk_create([row])
        TicketVector.objects.filter(pk=row.pk).update(updated_at=timezone.now() - timedelta(hours=1))
        self.assertEqual({item.key for item in self.nearest(VPN)}, {known.pk})
        with mock.patch.object(neighbours, "_COUNT_SECONDS", -1.0):
            self.assertEqual({item.key for item in self.nearest(VPN)}, {known.pk, late.pk})

    def test_resolved_ones_alone_on_request(self) -> None:
        """C18: the choice comes before the top k."""
        still_open, resolved = (self.ticket(VPN) for _ in range(2))
        Ticket.objects.filter(pk=resolved.pk).update(status=Status.RESOLVED, resolved_at=timezone.now())
        self.assertEqual({i.key for i in self.nearest(VPN, only_resolved=True)}, {resolved.pk})
        self.assertIn(still_open.pk, {i.key for i in self.nearest(VPN)})

    def test_vectors_of_another_space_are_not_compared(self) -> None:
        """C18: spaces never mix."""
        ticket = self.ticket(VPN)
        old = VectorSpace.objects.create(name="old", artifact="x", fitted_on=1)
        TicketVector.objects.filter(ticket=ticket).update(space=old)
        self.assertEqual(self.nearest(VPN), [])
        self.assertEqual(similar_tickets(ticket=ticket, k=3), [])

    def test_a_process_forgets_the_client_asked_least_recently(self) -> None:
        """P8: memory is bounded; what was forgotten is read again."""
        ticket = self.ticket(VPN)
        self.ticket(VPN, client=self.world.client_b)
        vector, space = self.loaded().space.embed([VPN])[0], self.loaded().pk
        with mock.patch.object(neighbours, "_KEPT", 1):
            for client in (self.world.client_a, self.world.client_b, self.world.client_a):
                found = nearest_tickets(client=client, vector=vector, space_id=space, k=3)
                self.assertEqual(len(found), 1)
        self.assertEqual(found[0].key, ticket.pk)

    def test_pgvector_finds_what_the_exact_index_finds(self) -> None:
        """C18: one interface, two ways."""
        if not has_pgvector():
            self.skipTest("This database has no pgvector.")
        self.ticket(VPN, client=self.world.client_b)
        for number in range(8):
            self.ticket(f"{VPN if number % 2 else LAPTOP} in room {number}")
        loaded = self.loaded()
        asked = {
            "client_id": self.world.client_a.pk,
            "space_id": loaded.pk,
            "vector": loaded.space.embed([VPN])[0],
            "k": 8,
            "allowed": Ticket.objects.filter(subject__contains="room"),
        }
        exact, hnsw = ExactNeighbours().nearest(**asked), PgvectorNeighbours().nearest(**asked)
        self.assertEqual({item.key for item in hnsw}, {item.key for item in exact})
        for one, other in zip(exact, hnsw, strict=True):
            self.assertAlmostEqual(one.similarity, other.similarity, places=2)


class ShownTests(VectorTestCase):
    """What people get to see."""

    def test_similar_tickets_leave_out_the_ticket_itself_and_the_unlike(self) -> None:
        """C18."""
        ticket, near, _ = self.ticket(VPN), self.ticket(VPN + " since Monday"), self.ticket(LAPTOP)
        self.assertEqual([item.key for item in similar_tickets(ticket=ticket, k=5)], [near.pk])
        panel = triage_panel([ticket.pk])[ticket.pk]["similar"]
        self.assertEqual([line["ticket"] for line in panel], [near.pk])
        self.assertEqual(triage_panel([ticket.pk, near.pk])[ticket.pk]["similar"], [])

    def test_what_the_actor_may_not_see_is_not_named(self) -> None:
        """Access: an agent sees the team's tickets and those of nobody, here and among the links."""
        ticket, hidden = self.ticket(VPN), self.ticket(VPN + " since Monday")
        Ticket.objects.filter(pk=hidden.pk).update(team=self.world.hardware)
        TicketLink.objects.create(source=ticket, target=hidden, kind=LinkKind.RELATED, score=0.9)
        lead, agent = self.world.actor(self.world.lead), self.world.actor(self.world.agent)
        self.assertEqual(len(linked_lines(ticket=ticket, actor=lead)), 1)
        self.assertEqual(linked_lines(ticket=ticket, actor=agent), [])
        TicketLink.objects.all().delete()
        self.assertEqual(len(nearest_lines(ticket=ticket, actor=lead)), 1)
        self.assertEqual(nearest_lines(ticket=ticket, actor=agent), [])

    def test_a_dismissed_link_is_not_offered_again(self) -> None:
        """C19: a person said that they do not belong together."""
        ticket, other = self.ticket(VPN), self.ticket(VPN + " since Monday")
        lead = self.world.actor(self.world.lead)
        TicketLink.objects.create(
            source=ticket, target=other, kind=LinkKind.RELATED, state=LinkState.DISMISSED
        )
        self.assertEqual(
            (linked_lines(ticket=ticket, actor=lead), nearest_lines(ticket=ticket, actor=lead)), ([], [])
        )

    def test_the_nearest_confirmed_are_the_clients_own_and_the_shared(self) -> None:
        """C7: never another client's, never one taken out of use."""
        own = self.teach("our vpn tunnel drops at noon", "network", client=self.world.client_a)
        foreign = self.teach("our vpn tunnel drops at noon!", "network", client=self.world.client_b)
        unused = self.teach("our vpn tunnel drops at noon?", "network", is_active=False)
        vectors_fill()
        found = nearest_confirmed(
            client=self.world.client_a, taxonomy_id=self.world.taxonomy.pk, text="our vpn tunnel drops", k=5
        )
        texts = [item.text for item in found]
        self.assertEqual((texts[0], found[0].category), (own.text, "network"))
        self.assertTrue({item.category for item in found} == {"network"} and len(found) == 5)
        self.assertFalse({foreign.text, unused.text} & set(texts))
        self.assertEqual(sorted((i.similarity for i in found), reverse=True), [i.similarity for i in found])

    def test_an_examples_new_text_gets_a_new_vector(self) -> None:
        """C7: a later answer replaces the earlier one."""
        example = self.teach("printer toner is empty", "hardware")
        vectors_fill()
        example.text = "vpn certificate has expired"
        example.save()
        self.assertEqual(vectors_fill(), 1)
        found = nearest_confirmed(
            client=self.world.client_a,
            taxonomy_id=self.world.taxonomy.pk,
            text="vpn certificate has expired",
            k=1,
        )
        self.assertAlmostEqual(found[0].similarity, 1.0, places=3)

    def test_an_example_of_a_hidden_ticket_is_not_quoted(self) -> None:
        """Access: its text is the ticket's."""
        ticket, hidden = self.ticket(VPN), self.ticket(VPN + " since Monday")
        Ticket.objects.filter(pk=hidden.pk).update(team=self.world.hardware)
        self.teach(VPN + " since Monday", "network", client=self.world.client_a, ticket=hidden)
        vectors_fill()
        lead, agent = self.world.actor(self.world.lead), self.world.actor(self.world.agent)
        quoted = [line["text"] for line in confirmed_lines(ticket=ticket, actor=lead)]
        self.assertEqual(quoted[0], VPN + " since Monday")
        self.assertNotIn(quoted[0], [line["text"] for line in confirmed_lines(ticket=ticket, actor=agent)])
