"""The chat without a model: grounded, own things only, kept, limited, turned into a ticket once (C22)."""

from __future__ import annotations

from django.test import TestCase, override_settings

from classifier.models import ChatConvo, ChatMessage, LlmCall
from classifier.selectors.chat import access_convo
from classifier.services.chat import (
    Question,
    chat_answer,
    chat_ask,
    chat_erase,
    chat_export,
    chat_ticket_open,
    suggested_ticket,
)
from classifier.services.examples import starter_examples_load
from classifier.services.spaces import space_ensure
from classifier.services.vectors import ticket_vector_write
from classifier.tests.support import load_world, open_ticket
from common.actors import Actor
from common.exceptions import NotFound, TooMany, ValidationFailed
from common.registries import personal_data
from teams.choices import Group
from teams.models import Client, User
from teams.selectors import actor_for_user
from ticketing.models import Article, Message, Taxonomy, Ticket
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.requesters import RequesterIdentity, requester_resolve
from ticketing.services.tickets import NewTicket, status_change, ticket_open
from ticketing.tests.world import make_user

VPN = "My VPN drops every hour since the update"


def ticket_of(user: User, client: Client, subject: str, body: str) -> Ticket:
    """A ticket a person asked for."""
    requester = requester_resolve(client=client, identity=RequesterIdentity(user=user))
    new = NewTicket(client=client, requester=requester, subject=subject, body=body, intent="none")
    return ticket_open(new=new, actor=actor_for_user(user))


class ChatWorld(TestCase):
    """Two clients with the shipped articles, two requesters and an agent of the first."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.client_row, cls.other_row = load_world()
        cls.user = make_user("rita", Group.REQUESTERS, cls.client_row)
        cls.rita = actor_for_user(cls.user)
        cls.otto_user = make_user("otto", Group.REQUESTERS, cls.client_row)
        cls.otto = actor_for_user(cls.otto_user)
        cls.lead = actor_for_user(make_user("lead", Group.LEADS, cls.client_row))

    def ask(self, text: str, actor: Actor | None = None, convo: ChatConvo | None = None) -> ChatMessage:
        """The answer to a question."""
        actor = actor or self.rita
        question = chat_ask(client=self.client_row, question=Question(text=text), actor=actor, convo=convo)
        return chat_answer(question=question, actor=actor)


class TemplateTests(ChatWorld):
    """Without a model: what was found, and nothing else."""

    def test_an_article_that_helps_is_named_with_its_address(self) -> None:
        """C22: grounded in public articles, with sources; no model was asked."""
        answer = self.ask(VPN)
        article = Article.objects.get(slug="vpn-does-not-connect")
        self.assertIn(article.title, answer.body)
        self.assertEqual(answer.sources[0]["url"], f"/portal/articles/{article.uuid}")
        self.assertEqual((answer.engine, LlmCall.objects.count()), ("template", 0))

    def test_where_nothing_is_known_nothing_is_invented(self) -> None:
        """C22: a question outside of the articles is offered a ticket."""
        answer = self.ask("What is the capital of France?")
        self.assertEqual(answer.sources, [])
        self.assertIn("found nothing", answer.body)
        proposal = suggested_ticket(answer=answer)
        self.assertIsNotNone(proposal)
        self.assertIn("capital of France", proposal["body"] if proposal else "")

    def test_the_own_ticket_is_told_and_no_other(self) -> None:
        """C22, T10: a reference of somebody else reads as one that does not exist."""
        mine = ticket_of(self.user, self.client_row, "Broken printer", "It is broken.")
        theirs = ticket_of(self.otto_user, self.client_row, "A secret matter", "Nobody may know.")
        answer = self.ask(f"Where is my ticket {mine.reference.lower()}?")
        self.assertIn("Broken printer", answer.body)
        self.assertEqual(answer.sources[0]["url"], f"/portal/tickets/{mine.uuid}")
        other = self.ask(f"Where is {theirs.reference}?")
        missing = self.ask("Where is SW-99999?")
        self.assertEqual(other.body.replace(theirs.reference, "X"), missing.body.replace("SW-99999", "X"))
        self.assertNotIn("secret", other.body)
        self.assertEqual(other.sources, [])

    def test_all_open_tickets_are_told(self) -> None:
        """C22: status of the own tickets, finished ones left out."""
        first = ticket_of(self.user, self.client_row, "Broken printer", "It is broken.")
        done = ticket_of(self.user, self.client_row, "Solved thing", "It works.")
        status_change(ticket=done, status="resolved", actor=self.lead)
        ticket_of(self.otto_user, self.client_row, "Not mine", "No.")
        answer = self.ask("Where are my open tickets?")
        self.assertIn(first.reference, answer.body)
        for hidden in (done.reference, "Not mine"):
            self.assertNotIn(hidden, answer.body)

    def test_a_requester_never_hears_of_internal_articles(self) -> None:
        """C22: internal articles are for agents."""
        question = "The disk of the server is full"
        self.assertNotIn("Runbook", str(self.ask(question).sources))
        agent = self.ask(question, self.lead)
        self.assertIn("Runbook: a server's disk is full", str(agent.sources))
        self.assertTrue(agent.sources[0]["url"].startswith("/desk/articles/"))

    def test_agents_hear_of_resolved_tickets_of_the_client(self) -> None:
        """C22, T10: with the answer; never of another client, and not to requesters."""
        starter_examples_load(taxonomy=Taxonomy.objects.get(slug="it_support"))
        space_ensure()
        found = {}
        for client in (self.client_row, self.other_row):
            ticket = open_ticket(client, VPN, subject="VPN drops", requester="u-9")
            ticket_vector_write(ticket=ticket)
            lead = actor_for_user(make_user(f"lead-{client.slug}", Group.LEADS, client))
            message_add(ticket=ticket, new=NewMessage(body="Reset the adapter."), actor=lead)
            found[client.slug] = status_change(ticket=ticket, status="resolved", actor=lead)
        answer = self.ask(VPN, self.lead)
        references = [line["reference"] for line in answer.sources if line["kind"] == "resolved"]
        self.assertEqual(references, [found["first"].reference])
        self.assertEqual([row["kind"] for row in self.ask(VPN).sources], ["article"])

    def test_greeting_and_thanks_need_no_search(self) -> None:
        """C22: small talk gets a short answer and no ticket."""
        for text in ("Hello!", "thanks a lot"):
            answer = self.ask(text)
            self.assertEqual((answer.sources, answer.suggests_ticket), ([], False))


class HistoryTests(ChatWorld):
    """Kept per person and client, limited, erased and exported."""

    def test_a_conversation_is_its_callers_alone(self) -> None:
        """C22: neither another requester nor the same person's other role sees it."""
        convo = self.ask(VPN).convo
        self.assertEqual(access_convo(actor=self.rita, convo_id=convo.uuid), convo)
        for stranger in (self.otto, self.lead):
            with self.assertRaises(NotFound):
                access_convo(actor=stranger, convo_id=convo.uuid)

    def test_what_was_asked_as_an_agent_is_hidden_from_the_requester_role(self) -> None:
        """C22: internal sources do not survive the loss of a role."""
        user = make_user("changer", Group.LEADS, self.client_row)
        convo = self.ask("The disk of the server is full", actor_for_user(user)).convo
        user.groups.clear()
        self.assertFalse(ChatConvo.objects.visible_to(actor_for_user(user)).filter(pk=convo.pk).exists())

    def test_a_short_question_is_about_what_was_asked_before(self) -> None:
        """C22: history counts."""
        convo = self.ask("My printer is shown as offline").convo
        answer = self.ask("And at home?", convo=convo)
        self.assertIn("printer", str(answer.sources))

    @override_settings(CHAT_QUESTIONS_PER_MINUTE=2)
    def test_questions_are_limited_per_person(self) -> None:
        """C22: over the limit nothing is kept; others are not concerned."""
        for _ in range(2):
            self.ask("hello")
        with self.assertRaises(TooMany) as caught:
            self.ask("hello")
        self.assertGreater(caught.exception.retry_after_seconds or 0, 0)
        self.assertEqual(ChatMessage.objects.asked().count(), 2)
        self.ask("hello", self.otto)

    def test_empty_and_endless_questions_are_refused(self) -> None:
        """C22: with the field at fault."""
        for text in ("  ", "x" * 4_001):
            with self.assertRaises(ValidationFailed):
                self.ask(text)

    def test_erasure_and_export_reach_the_conversations(self) -> None:
        """O4: registered, for the requester's own and no others."""
        ticket_of(self.user, self.client_row, "Printer", "It is broken.")
        self.ask(VPN)
        kept = self.ask(VPN, self.otto).convo
        requester = requester_resolve(client=self.client_row, identity=RequesterIdentity(user=self.user))
        self.assertIn(VPN, str(chat_export(requester.pk)))
        self.assertEqual(chat_erase(requester.pk), 2)
        self.assertEqual(list(ChatConvo.objects.all()), [kept])
        self.assertIs(personal_data.get("classifier.ChatMessage").erase, chat_erase)


class TicketTests(ChatWorld):
    """From conversation to ticket."""

    def test_a_conversation_becomes_one_ticket(self) -> None:
        """C22: with everything said, by the person, through the chat channel; twice is the same ticket."""
        answer = self.ask(VPN)
        self.ask("It started on Monday and happens at home.", convo=answer.convo)
        ticket, is_new = chat_ticket_open(convo=answer.convo, actor=self.rita)
        again, second = chat_ticket_open(convo=answer.convo, actor=self.rita)
        self.assertEqual((is_new, second, again.pk), (True, False, ticket.pk))
        self.assertEqual((ticket.channel, ticket.subject), ("chat", VPN))
        self.assertEqual(ticket.requester.user, self.user)
        self.assertIn("It started on Monday", ticket.body)
        self.assertNotIn("This article may help", ticket.body)
        note = ticket.messages.get(is_public=False)
        self.assertIn("> This article may help", note.body)
        answer.convo.refresh_from_db()
        self.assertIsNone(suggested_ticket(answer=answer))
        self.assertEqual(Message.objects.filter(ticket=ticket, is_public=True).count(), 1)
