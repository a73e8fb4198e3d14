"""Vectors of a server outside: made in the background, redacted, never mixed with local ones (C18, C21)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import time_machine
from django.core.cache import cache
from django.db import connection
from django.db.models import Sum
from django.test import override_settings
from django.utils import timezone

from classifier.choices import RunState
from classifier.models import LlmCall, LlmProvider, TicketVector, VectorSpace
from classifier.selectors.neighbours import has_pgvector, nearest_confirmed, similar_tickets
from classifier.selectors.spaces import remote_embedding
from classifier.services.execution import run_process
from classifier.services.provider_state import provider_pause, provider_resume, provider_states
from classifier.services.runs import run_request
from classifier.services.vectors import ticket_vector_write, vectors_fill
from classifier.tasks import fill_vectors
from classifier.tests.test_vectors import LAPTOP, VPN, VectorTestCase
from common.actors import system_actor
from teams.models import Alert, Client
from tests.fakes.llm_server import FakeLlmServer, Fault, refused_url, sample_embeddings
from ticketing.choices import DecisionState, TriageField
from ticketing.models import Category, ClientSettings, FieldDecision, Ticket

Body = dict[str, Any]


class RemoteVectorTests(VectorTestCase):
    """One fake server; the first client lets texts out, the second does not."""

    def setUp(self) -> None:
        cache.clear()
        self.server = FakeLlmServer().start()
        self.addCleanup(self.server.stop)
        self.use(self.server.url)
        ClientSettings.objects.filter(client=self.world.client_a).update(allow_external_llm=True)
        ClientSettings.objects.filter(client=self.world.client_b).update(allow_external_llm=False)

    def use(self, url: str, **changes: object) -> None:
        """Set the server up for the rest of the test."""
        values = {
            "EMBEDDING_BASE_URL": f"{url}/v1" if url else "",
            "EMBEDDING_MODEL": "fake-embedder",
            "EMBEDDING_API_KEY": "key-1",
            "EMBEDDING_DIMENSIONS": 64,
            "LLM_ENVIRONMENT": {"LLM_TIMEOUT_SECONDS": "1"},
        }
        changed = override_settings(**{**values, **changes})
        changed.enable()
        self.addCleanup(changed.disable)

    def triaged(self, body: str, *, client: Client | None = None) -> Ticket:
        """A ticket that triage has seen."""
        ticket = self.world.ticket(body[:60], client=client, body=body)
        Ticket.objects.filter(pk=ticket.pk).update(triaged_at=timezone.now())
        return ticket

    def space_of(self, ticket: Ticket) -> str:
        """The name of the space a ticket's vector is of; empty without one."""
        row = TicketVector.objects.filter(ticket=ticket).select_related("space").first()
        return row.space.name if row else ""

    def remote(self) -> str:
        """The name of the remote space."""
        config = remote_embedding()
        assert config is not None
        return config.space

    def local(self) -> str:
        """The name of the local space."""
        return VectorSpace.objects.get(is_active=True).name

    def sent(self) -> list[str]:
        """All texts the server has seen."""
        return [text for request in self.server.requests for text in request.body["input"]]

    def test_tickets_get_the_servers_vectors_in_a_space_of_their_own(self) -> None:
        """C18: nearest among the server's vectors; the local space stays the active one."""
        ticket, near, far = self.triaged(VPN), self.triaged(VPN + " today"), self.triaged(LAPTOP)
        self.assertEqual(vectors_fill(), 3)
        self.assertEqual({self.space_of(row) for row in (ticket, near, far)}, {self.remote()})
        self.assertTrue(self.local().startswith("local"))
        self.assertEqual(similar_tickets(ticket=ticket, k=1)[0].key, near.pk)
        self.assertEqual(len(bytes(TicketVector.objects.get(ticket=ticket).vector)), 64 * 4)
        self.assertEqual(vectors_fill(), 0)
        self.assertEqual([len(request.body["input"]) for request in self.server.requests], [1, 2])

    def test_triage_does_not_wait_for_the_server(self) -> None:
        """C1, C18: the run ends without a vector and without a request; the task makes up for it."""
        self.server.always(Fault.HANG)
        ticket = self.world.ticket(VPN, body=VPN)
        run = run_request(ticket=ticket)
        run_process(run_id=run.pk)
        run.refresh_from_db()
        self.assertEqual((run.state, self.server.requests), (RunState.COMPLETED, []))
        self.assertEqual(self.space_of(ticket), "")
        self.server.always(Fault.NONE)
        fill_vectors()
        self.assertEqual(self.space_of(ticket), self.remote())

    def test_what_leaves_is_redacted_and_in_the_ledger(self) -> None:
        """C21: exactly what was sent, by ticket, before it was."""
        ticket = self.triaged("The VPN drops. Mail jane.roe@example.com, password: hunter2!x")
        vectors_fill()
        call = LlmCall.objects.get(ticket=ticket)
        self.assertEqual([{"role": "user", "content": text} for text in self.sent()], call.request)
        self.assertNotIn("jane.roe", str(call.request))
        self.assertNotIn("hunter2", str(call.request))
        self.assertEqual((call.provider, call.model, call.outcome), ("embeddings", "fake-embedder", "ok"))
        self.assertEqual(call.client, self.world.client_a)

    def test_a_client_that_forbids_it_keeps_the_local_space(self) -> None:
        """C21: nothing is sent, and its tickets are compared as before; so do clients without settings."""
        ticket = self.triaged(VPN, client=self.world.client_b)
        other = self.triaged(VPN + " today", client=self.world.client_b)
        ticket_vector_write(ticket=ticket)
        vectors_fill()
        self.assertEqual(self.sent(), [])
        self.assertEqual({self.space_of(ticket), self.space_of(other)}, {self.local()})
        self.assertEqual([item.key for item in similar_tickets(ticket=ticket, k=5)], [other.pk])
        ClientSettings.objects.filter(client=self.world.client_b).delete()
        self.assertEqual((vectors_fill(), self.sent()), (0, []))

    def test_a_client_with_a_model_of_its_own_is_sent_to_nobody_else(self) -> None:
        """C21: its texts go to its own models only, so the vectors of the house are local ones."""
        model = LlmProvider.objects.create(
            client=self.world.client_a, name="Own", kind="compatible", model="m", base_url="http://own.test"
        )
        ticket = self.triaged(VPN)
        vectors_fill()
        self.assertEqual((self.sent(), self.space_of(ticket)), ([], self.local()))
        model.delete()
        vectors_fill()
        self.assertEqual(self.space_of(ticket), self.remote())

    def test_a_category_that_keeps_its_texts_in_the_house_is_obeyed(self) -> None:
        """C21: decided or only suggested; and nothing is sent before triage has looked."""
        category = Category.objects.get(taxonomy=self.world.taxonomy, slug="network")
        Category.objects.filter(pk=category.pk).update(allow_external_llm=False)
        decided, suggested = self.triaged(VPN), self.triaged(VPN + " today")
        Ticket.objects.filter(pk=decided.pk).update(category=category)
        FieldDecision.objects.create(
            ticket=suggested,
            field=TriageField.CATEGORY,
            value="network",
            state=DecisionState.SUGGESTED,
            source="local",
        )
        unseen = self.world.ticket(VPN, body=VPN)
        self.assertEqual(vectors_fill(), 3)
        self.assertEqual(self.sent(), [])
        self.assertEqual({self.space_of(row) for row in (decided, suggested, unseen)}, {self.local()})

    def test_a_client_that_changes_its_mind_moves_to_the_local_space(self) -> None:
        """C18: spaces never mix on the way."""
        ticket, other = self.triaged(VPN), self.triaged(VPN + " today")
        vectors_fill()
        ClientSettings.objects.filter(client=self.world.client_a).update(allow_external_llm=False)
        ticket_vector_write(ticket=ticket)
        self.assertEqual((self.space_of(ticket), self.space_of(other)), (self.local(), self.remote()))
        self.assertEqual(similar_tickets(ticket=ticket, k=5), [])
        asked = len(self.server.requests)
        vectors_fill()
        self.assertEqual([item.key for item in similar_tickets(ticket=ticket, k=5)], [other.pk])
        self.assertEqual(len(self.server.requests), asked)

    def test_another_model_is_another_space_and_off_is_local_again(self) -> None:
        """C18: vectors of a model no longer configured are not compared, and are made anew."""
        ticket, _ = self.triaged(VPN), self.triaged(VPN + " today")
        vectors_fill()
        self.use(self.server.url, EMBEDDING_MODEL="text-embedding-3-other", EMBEDDING_DIMENSIONS=32)
        self.assertEqual(similar_tickets(ticket=ticket, k=5), [])
        self.assertEqual(vectors_fill(), 2)
        self.assertEqual(
            (self.space_of(ticket), len(similar_tickets(ticket=ticket, k=5))), (self.remote(), 1)
        )
        self.use("")
        self.assertEqual(vectors_fill(), 2)
        self.assertEqual(self.space_of(ticket), self.local())

    def test_a_failing_server_leaves_tickets_without_a_vector_until_it_answers(self) -> None:
        """C18: down, slow or talking nonsense: one ticket is tried a run, and none is lost."""

        def fewer(body: Body) -> Body:
            return {"data": sample_embeddings(body)["data"][1:]}

        def shorter(body: Body) -> Body:
            return sample_embeddings({**body, "dimensions": 63})

        def nan(body: Body) -> Body:
            return {
                "data": [{"index": i, "embedding": [float("nan")] * 64} for i in range(len(body["input"]))]
            }

        tickets = [self.triaged(VPN), self.triaged(LAPTOP)]
        for embed in (fewer, shorter, nan):
            with self.subTest(embed=embed.__name__):
                self.server.embed = embed
                fill_vectors()
        self.server.embed = sample_embeddings
        for fault in (Fault.HTTP_500, Fault.HTTP_401, Fault.HANG, Fault.SLOW_DRIP, Fault.DISCONNECT):
            with self.subTest(fault=fault):
                cache.clear()
                self.server.always(fault)
                fill_vectors()
        cache.clear()
        self.assertFalse(TicketVector.objects.filter(ticket__in=tickets).exists())
        self.assertEqual(len(self.server.requests), 8)
        self.assertFalse(LlmCall.objects.filter(outcome__in=["ok", "sent"]).exists())
        self.assertEqual(similar_tickets(ticket=tickets[0], k=5), [])
        self.server.always(Fault.NONE)
        self.assertEqual(vectors_fill(), 2)

    def test_a_server_that_is_not_there_stops_nothing(self) -> None:
        """C18: the local part of the task is done all the same."""
        self.use(refused_url())
        ticket, inside = self.triaged(VPN), self.triaged(VPN, client=self.world.client_b)
        self.assertEqual(vectors_fill(), 1)
        self.assertEqual((self.space_of(ticket), self.space_of(inside)), ("", self.local()))

    def test_one_text_the_server_refuses_does_not_hold_up_the_others(self) -> None:
        """C18: the texts of its request are asked for one by one."""
        first, bad, last = self.triaged(VPN), self.triaged("poison"), self.triaged(LAPTOP)
        self.triaged("The newest is asked for alone")
        reply = self.server.reply

        def refuse(recorded: Any, fault: Fault) -> Any:
            poisoned = any("poison" in text for text in recorded.body["input"])
            return reply(recorded, Fault.HTTP_400 if poisoned else fault)

        self.server.reply = refuse  # type: ignore[method-assign]
        self.assertEqual(vectors_fill(), 3)
        self.assertEqual(
            [self.space_of(row) for row in (first, bad, last)], [self.remote(), "", self.remote()]
        )
        self.assertEqual(vectors_fill(), 0)

    def test_a_changed_text_loses_its_vector_and_gets_a_new_one(self) -> None:
        """C18: the vector is that of what the ticket now says."""
        ticket = self.triaged(VPN)
        vectors_fill()
        self.assertFalse(ticket_vector_write(ticket=ticket))
        before = bytes(TicketVector.objects.get(ticket=ticket).vector)
        ticket.body = LAPTOP
        ticket.save(update_fields=["body"])
        self.assertFalse(ticket_vector_write(ticket=ticket))
        self.assertEqual((self.space_of(ticket), vectors_fill()), ("", 1))
        self.assertNotEqual(bytes(TicketVector.objects.get(ticket=ticket).vector), before)

    def test_a_ticket_without_words_is_not_sent(self) -> None:
        """C18: it has the zero vector, which is near nothing."""
        ticket = self.triaged(VPN)
        Ticket.objects.filter(pk=ticket.pk).update(subject=" ", body=" \n")
        self.assertEqual((vectors_fill(), self.sent()), (1, []))
        stored = np.frombuffer(bytes(TicketVector.objects.get(ticket=ticket).vector), dtype="<f4")
        self.assertFalse(np.any(stored))

    def test_vectors_are_paid_for_from_the_same_budget(self) -> None:
        """C11, C18: a client whose money is spent is passed over, the others are not."""
        ClientSettings.objects.filter(client=self.world.client_b).update(allow_external_llm=True)
        ClientSettings.objects.filter(client=self.world.client_a).update(llm_daily_budget=Decimal("0.0001"))
        self.use(self.server.url, EMBEDDING_PRICE=Decimal(10))
        mine = [self.triaged(f"{VPN} {place}") for place in range(3)]
        theirs = self.triaged(VPN, client=self.world.client_b)
        self.assertEqual((vectors_fill(), len(self.server.requests)), (1, 1))
        self.assertEqual(self.space_of(theirs), self.remote())
        self.assertFalse(LlmCall.objects.filter(client=self.world.client_a).exists())
        self.assertEqual((vectors_fill(), len(self.server.requests)), (0, 1))
        ClientSettings.objects.filter(client=self.world.client_a).update(llm_daily_budget=Decimal("1"))
        self.assertEqual(vectors_fill(), 3)
        self.assertEqual({self.space_of(row) for row in mine}, {self.remote()})

    def test_a_request_for_several_tickets_shares_its_cost(self) -> None:
        """C11: a row a ticket, and the sum is what the server counted."""
        self.use(self.server.url, EMBEDDING_PRICE=Decimal(1))
        for place in range(4):
            self.triaged(f"{VPN} {place}")
        vectors_fill()
        sums = LlmCall.objects.aggregate(Sum("tokens_in"), Sum("cost"))
        self.assertEqual((sums["tokens_in__sum"], sums["cost__sum"]), (40, Decimal("0.00004")))

    def test_the_breaker_spares_a_server_that_is_down(self) -> None:
        """C11, C18: open after as many failures as for a language model; an alert; then a probe."""
        environment = {"LLM_TIMEOUT_SECONDS": "1", "CIRCUIT_BREAKER_THRESHOLD": "2"}
        self.use(self.server.url, LLM_ENVIRONMENT=environment)
        ticket = self.triaged(VPN)
        self.server.always(Fault.HTTP_500)
        for _ in range(4):
            vectors_fill()
        self.assertEqual(len(self.server.requests), 2)
        alert = Alert.objects.get(rule="llm.provider_paused")
        self.assertIn("server of vectors", alert.message)
        self.server.always(Fault.NONE)
        with time_machine.travel(timezone.now() + timedelta(seconds=45)):
            self.assertEqual(vectors_fill(), 1)
        self.assertEqual(self.space_of(ticket), self.remote())

    def test_the_rate_limit_holds_for_vectors(self) -> None:
        """C11, C18: no token, no request; what is owed waits for the next run."""
        self.use(self.server.url, LLM_ENVIRONMENT={"LLM_RATE_PER_MINUTE": "4"})
        for place in range(40):
            self.triaged(f"{VPN} {place}")
        self.assertEqual((vectors_fill(), len(self.server.requests)), (1, 1))

    def test_a_lead_sees_the_server_and_an_administrator_pauses_it(self) -> None:
        """C9, C18: on the page of language models, with its calls and what it cost."""
        self.use(self.server.url, EMBEDDING_PRICE=Decimal(1))
        self.triaged(VPN)
        vectors_fill()
        (state,) = provider_states(actor=system_actor(), now=timezone.now())
        self.assertEqual((state.key, state.model, state.calls_day), ("embeddings", "fake-embedder", 1))
        self.assertEqual((state.state, state.may_try, state.priced), ("closed", False, True))
        self.assertEqual(state.spent_today, Decimal("0.00001"))
        provider_pause(key="embeddings", actor=system_actor())
        waiting = self.triaged(LAPTOP)
        self.assertEqual((vectors_fill(), self.space_of(waiting)), (0, ""))
        provider_resume(key="embeddings", actor=system_actor())
        self.assertEqual(vectors_fill(), 1)

    def test_pgvectors_column_holds_only_vectors_of_its_size(self) -> None:
        """C18: a ticket that moves to a space of another size leaves nothing of the old one behind."""
        if not has_pgvector():
            self.skipTest("This database has no pgvector.")
        ticket = self.triaged(VPN)
        self.use("")
        vectors_fill()
        self.assertEqual(self.mirrored(), {ticket.pk})
        self.use(self.server.url)
        vectors_fill()
        self.assertEqual((self.space_of(ticket), self.mirrored()), (self.remote(), set()))
        self.use(self.server.url, EMBEDDING_MODEL="text-embedding-3-other", EMBEDDING_DIMENSIONS=512)
        vectors_fill()
        self.assertEqual((self.space_of(ticket), self.mirrored()), (self.remote(), {ticket.pk}))

    def mirrored(self) -> set[int]:
        """The tickets whose vector pgvector would find."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT ticket_id FROM classifier_ticketvector WHERE embedding IS NOT NULL")
            return {row[0] for row in cursor.fetchall()}

    def test_examples_stay_in_the_local_space(self) -> None:
        """C12: a prompt's examples are found without asking a server."""
        found = nearest_confirmed(
            client=self.world.client_a, taxonomy_id=self.world.taxonomy.pk, text="vpn tunnel", k=3
        )
        self.assertEqual((len(found), self.server.requests), (3, []))

    def test_a_set_up_that_makes_no_sense_is_off(self) -> None:
        """O6: half a set-up, or a wrong one, leaves everything local."""
        ticket = self.triaged(VPN)
        for wrong in ({"EMBEDDING_MODEL": ""}, {"EMBEDDING_DIMENSIONS": 0}, {"EMBEDDING_DIMENSIONS": -1}):
            with self.subTest(wrong=wrong):
                self.use(self.server.url, **wrong)
                self.assertIsNone(remote_embedding())
        self.use("ftp://h")
        self.assertEqual((vectors_fill(), self.space_of(ticket)), (1, self.local()))
