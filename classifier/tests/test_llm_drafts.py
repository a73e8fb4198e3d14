"""Drafts by a language model over real HTTP: grounded, checked, never able to stop a ticket (C16)."""

from __future__ import annotations

from typing import Any
from unittest import mock

from django.core.cache import cache
from django.test import TestCase, override_settings

from classifier.models import LlmCall, ResponseDraft, WorkflowRun
from classifier.services.draft_words import draft_compose
from classifier.services.drafts import draft_make
from classifier.services.examples import starter_examples_load
from classifier.services.execution import run_process
from classifier.services.runs import run_request
from classifier.services.spaces import space_ensure
from classifier.services.vectors import ticket_vector_write
from classifier.tests.support import load_world, open_ticket, service_actor
from teams.choices import Group
from teams.selectors import actor_for_user
from tests.fakes.llm_server import FakeLlmServer, Fault
from ticketing.models import Article, ClientSettings, Taxonomy, Ticket
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.tickets import status_change
from ticketing.tests.world import make_user

TEXT = "The VPN drops every hour since the update. Call me: +1 202 555 0143, ann@example.org"
WORDS: dict[str, Any] = {
    "acknowledgment": "Your VPN drops every hour since the update.",
    "explanation": "The article says that the profile has to be installed again. We look into [EMAIL_1].",
    "action_items": ["Install the profile again."],
    "used_sources": [1],
}


class DraftTests(TestCase):
    """One ticket, one server that answers drafts with given words."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.client_row, cls.other_row = load_world()
        cls.agent = actor_for_user(make_user("draft-lead", Group.LEADS, cls.client_row))
        starter_examples_load(taxonomy=Taxonomy.objects.get(slug="it_support"))
        space_ensure()
        cls.article = Article.objects.create(
            title="VPN drops after an update", slug="vpn", body="Install the VPN profile again.",
            is_published=True, visibility="public",
        )  # fmt: skip

    def setUp(self) -> None:
        cache.clear()
        self.words = dict(WORDS)
        self.server = FakeLlmServer(lambda body: self.words).__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        environment = {
            "LLM_PROVIDER": "compatible", "LLM_MODEL": "m", "OPENAI_BASE_URL": self.server.url,
            "LLM_TIMEOUT_SECONDS": "2", "LLM_CACHE_SECONDS": "0",
        }  # fmt: skip
        changed = override_settings(LLM_ENVIRONMENT=environment)
        changed.enable()
        self.addCleanup(changed.disable)

    def drafted(self, ticket: Ticket | None = None) -> tuple[ResponseDraft, WorkflowRun]:
        """The draft of a ticket's draft run."""
        ticket = ticket or open_ticket(self.client_row, TEXT, subject="VPN drops")
        ticket_vector_write(ticket=ticket)
        run = run_request(ticket=ticket, purpose="draft")
        self.assertTrue(run_process(run_id=run.pk))
        run.refresh_from_db()
        return ResponseDraft.objects.get(ticket=ticket, state="proposed"), run

    def sent(self) -> str:
        """Everything the server was sent."""
        return str([request.body for request in self.server.requests])

    def resolved(self, client: Any, secret: str) -> Ticket:
        """A resolved ticket that reads alike, with an agent's answer."""
        ticket = open_ticket(client, f"The VPN drops every hour since the update. {secret}", requester="u-9")
        ticket_vector_write(ticket=ticket)
        lead = actor_for_user(make_user(f"lead-of-{client.slug}", Group.LEADS, client))
        answer = NewMessage(body=f"Reset the VPN adapter, {secret}.", is_public=True)
        message_add(ticket=ticket, new=answer, actor=lead)
        return status_change(ticket=ticket, status="resolved", actor=lead)

    def test_the_models_words_stand_between_our_greeting_and_closing(self) -> None:
        """C16: sources shown, placeholders restored for the agent, the reference is ours."""
        draft, run = self.drafted()
        self.assertIn("Your VPN drops every hour", draft.content)
        self.assertIn("We look into ann@example.org.", draft.content)
        self.assertIn(draft.ticket.reference, draft.content)
        self.assertEqual([row["title"] for row in draft.sources], [self.article.title])
        self.assertEqual((draft.source, run.decided_by), ("llm", "llm"))
        self.assertTrue(run.steps.get(name="draft").prompt_version.startswith("draft@"))

    def test_nothing_personal_leaves(self) -> None:
        """C21: neither of the ticket nor of the sources; the ledger holds the call."""
        self.resolved(self.client_row, "bob@example.net")
        self.drafted()
        for value in ("ann@example.org", "555 0143", "bob@example.net"):
            self.assertNotIn(value, self.sent())
        self.assertEqual(LlmCall.objects.get().outcome, "ok")

    def test_resolved_tickets_of_the_client_and_of_no_other_are_sources(self) -> None:
        """C16, T10: shown to the agent, named to nobody else."""
        own = self.resolved(self.client_row, "own")
        self.resolved(self.other_row, "foreign")
        self.words["used_sources"] = [1, 2, 7, -1]
        draft, _ = self.drafted()
        self.assertIn("Reset the VPN adapter, own.", self.sent())
        self.assertNotIn("foreign", self.sent())
        self.assertEqual([row["reference"] for row in draft.sources], ["", own.reference])
        self.assertNotIn(own.reference, draft.content)

    def test_a_draft_the_model_made_up_is_refused(self) -> None:
        """FACTS 17, C16: a placeholder nobody issued, a link or number nobody gave."""
        for words in (
            "Write to [EMAIL_7].",
            "See https://evil.example.com/login for help.",
            "Call +49 30 1234567 now.",
            "Write to support@evil.example.com.",
            "Log in at secure-login.evil.example/reset first.",
            "Enter the code 482913.",
            "Write to ann@example.organic instead.",
        ):
            with self.subTest(words=words):
                self.words["explanation"] = words
                draft, run = self.drafted()
                self.assertEqual((draft.source, run.degraded_steps), ("template", ["draft"]))
                self.assertEqual(run.steps.get(name="draft").model, "compatible m")
                self.assertNotIn("evil", draft.content)
                ResponseDraft.objects.all().delete()

    def test_a_model_that_fails_leaves_the_template(self) -> None:
        """C1: the run completes and says which step fell back."""
        for fault in (Fault.HTTP_503, Fault.REFUSAL, Fault.LENGTH, Fault.HANG, Fault.CHOICES_NULL):
            with self.subTest(fault=fault):
                self.server.faults(fault)
                draft, run = self.drafted()
                self.assertEqual((draft.source, run.state), ("template", "completed"))
                self.assertEqual(run.steps.get(name="draft").status, "degraded")
                ResponseDraft.objects.all().delete()
                cache.clear()

    def test_a_category_or_client_that_keeps_its_texts_is_not_sent(self) -> None:
        """C21: enforced for drafts as for triage."""
        ticket = open_ticket(self.client_row, TEXT)
        ticket.taxonomy.categories.update(allow_external_llm=False)
        ticket.category = ticket.taxonomy.categories.get(slug="network")
        ticket.save(update_fields=["category"])
        self.drafted(ticket)
        ClientSettings.objects.filter(client=self.client_row).update(allow_external_llm=False)
        self.drafted()
        ClientSettings.objects.filter(client=self.client_row).update(allow_external_llm=True)
        with override_settings(ENABLE_LLM_DRAFTS=False):
            self.drafted()
        self.assertEqual(self.server.requests, [])

    def test_a_draft_that_somebody_asked_for_meanwhile_stands(self) -> None:
        """C16: the background run was slower than the agent."""
        ticket = open_ticket(self.client_row, TEXT)
        asked: list[ResponseDraft] = []

        def slow(body: Any) -> Any:
            if not asked:
                with override_settings(LLM_ENVIRONMENT={}):
                    asked.append(draft_make(ticket=ticket, tone="formal", actor=self.agent))
            return WORDS

        run = run_request(ticket=ticket, purpose="draft")
        with mock.patch("classifier.services.drafts.draft_compose", side_effect=self.composing(slow)):
            self.assertTrue(run_process(run_id=run.pk))
        self.assertEqual(ResponseDraft.objects.get(ticket=ticket, state="proposed"), asked[0])

    @staticmethod
    def composing(first: Any) -> Any:
        """The real thing, with something that happens while it is at work."""
        done: list[bool] = []

        def compose(*, job: Any) -> Any:
            if not done:
                done.append(True)
                first(None)
            return draft_compose(job=job)

        return compose

    def test_an_agent_asks_for_another_tone_and_gets_it_at_once(self) -> None:
        """C16: the tone reaches the model."""
        ticket = open_ticket(self.client_row, TEXT)
        draft = draft_make(ticket=ticket, tone="technical", actor=service_actor(self.client_row))
        self.assertEqual((draft.tone, draft.source), ("technical", "llm"))
        self.assertIn('"tone": "technical"', self.server.requests[0].body["messages"][1]["content"])
