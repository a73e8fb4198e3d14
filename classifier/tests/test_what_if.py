"""Trying a change before it is used (C25)."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock
from uuid import uuid4

from django.core.cache import cache
from django.test import TestCase, override_settings
from django.urls import reverse
from django.utils import timezone

from classifier.llm.prompts import load_prompt
from classifier.models import LlmCall, LocalModel, PromptVersion, WhatIfTrial
from classifier.services.examples import starter_examples_load
from classifier.services.execution import run_process
from classifier.services.runs import run_request
from classifier.services.training import models_train
from classifier.services.trials import (
    due_trials,
    old_trials_delete,
    trial_comparison,
    trial_process,
    trial_request,
)
from classifier.services.what_if import Change, Comparison, replay, what_if
from classifier.tests.support import load_world, open_ticket, service_actor
from common.exceptions import ApplicationError, NotFound
from teams.choices import Group
from teams.models import Team
from teams.selectors import actor_for_user
from tests.fakes.llm_server import FakeLlmServer, sample_answer
from ticketing.models import RoutingRule, Taxonomy, Ticket, TicketEvent
from ticketing.services.triage import ticket_confirm
from ticketing.tests.world import make_user

SURE = "The Wi-Fi in the meeting room is slow."
UNSURE = "Something has been odd since yesterday, could somebody please have a look?"


class WhatIfTests(TestCase):
    """A client with a sure and an unsure ticket."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.one, cls.two = load_world()
        cls.taxonomy = Taxonomy.objects.get(slug="it_support")
        starter_examples_load(taxonomy=cls.taxonomy)
        models_train(taxonomy=cls.taxonomy)
        cls.lead_user = make_user("what-if-lead", Group.LEADS, cls.one)
        cls.sure, cls.unsure = open_ticket(cls.one, SURE), open_ticket(cls.one, UNSURE, requester="u-2")
        for ticket in (cls.sure, cls.unsure):
            run_process(run_id=run_request(ticket=ticket).pk)

    def setUp(self) -> None:
        cache.clear()
        self.lead = actor_for_user(self.lead_user)

    def tried(self, **change: object) -> Comparison:
        """The comparison of a change."""
        return what_if(client=self.one, change=Change(**change), last=50, actor=self.lead)  # type: ignore[arg-type]

    def test_a_bound_is_tried_and_nothing_changes(self) -> None:
        """C25: the differences before activating."""
        before = TicketEvent.objects.count(), Ticket.objects.get(pk=self.sure.pk).version
        comparison = self.tried(accept=1.0)
        self.assertEqual((comparison.tickets, comparison.before.applied, comparison.after.applied), (2, 1, 0))
        (category,) = [
            row for row in comparison.differences if row.field == "category" and row.ticket.pk == self.sure.pk
        ]
        self.assertEqual((category.before.state, category.after.state), ("applied", "suggested"))
        self.assertEqual((TicketEvent.objects.count(), Ticket.objects.get(pk=self.sure.pk).version), before)

    def test_what_people_decided_says_which_side_is_right(self) -> None:
        """C25: a decided ticket is judged as if nobody had."""
        ticket_confirm(ticket=self.sure, decisions={"category": "hardware"}, actor=service_actor(self.one))
        comparison = self.tried(accept=0.5)
        self.assertEqual((comparison.before.applied_known, comparison.before.applied_right), (1, 0))

    def test_a_rule_is_tried_both_ways(self) -> None:
        """C25: one that is off as if it were on, and the other way round."""
        team = Team.objects.exclude(slug="network_team").filter(is_active=True).first()
        rule = RoutingRule.objects.create(
            client=self.one, slug="r", name="Wi-Fi", team=team, conditions={"keywords": ["wi-fi"]}, order=1,
            is_active=False,
        )  # fmt: skip
        (found,) = [row for row in self.tried(rule=rule).differences if row.field == "team"]
        self.assertEqual((found.ticket.pk, found.after.value), (self.sure.pk, team.slug))
        RoutingRule.objects.update(is_active=True)
        (back,) = [row for row in self.tried(rule=rule).differences if row.field == "team"]
        self.assertEqual(back.before.value, team.slug)

    def test_another_model_is_tried(self) -> None:
        """C25: a candidate beside the model in use."""
        model = LocalModel.objects.get(taxonomy=self.taxonomy, field="category")
        self.assertEqual(self.tried(model=model).differences, [])

    def test_a_prompt_is_tried_with_the_real_model_and_kept_in_the_ledger(self) -> None:
        """C25, C12: the unsure ticket is asked about with the new words."""
        words = load_prompt("fused")
        prompt = PromptVersion.objects.create(
            client=self.one, name="new", system=words.system + "\nNew words.", before=words.before,
            after=words.after,
        )  # fmt: skip
        with FakeLlmServer(sample_answer) as server:
            environment = {
                "LLM_PROVIDER": "compatible", "LLM_MODEL": "m", "OPENAI_BASE_URL": server.url,
                "LLM_CACHE_SECONDS": "0",
            }  # fmt: skip
            with override_settings(LLM_ENVIRONMENT=environment):
                self.tried(prompt=prompt)
            sent = [str(request.body) for request in server.requests]
        self.assertEqual(len([text for text in sent if "New words." in text]), 1)
        self.assertEqual(LlmCall.objects.filter(prompt_version=prompt.prompt.version).count(), 1)

    def test_nothing_foreign_is_tried(self) -> None:
        """T10: neither client nor rule nor prompt of another client; nothing to change is an error."""
        rule = RoutingRule.objects.create(client=self.two, slug="r", name="R", team=Team.objects.first())
        with self.assertRaises(NotFound):
            self.tried(rule=rule)
        with self.assertRaises(NotFound):
            what_if(client=self.two, change=Change(accept=0.5), last=5, actor=self.lead)
        with self.assertRaises(ApplicationError):
            self.tried()

    def test_a_replay_shows_what_would_be_decided_today(self) -> None:
        """C25: the same again, until something has changed."""
        run = self.sure.runs.get(purpose="triage")
        self.assertEqual(replay(run=run), [])
        self.taxonomy.categories.filter(slug="network").update(accept_threshold=1.0)
        self.assertIn("category", [row.field for row in replay(run=run)])

    def test_the_pages(self) -> None:
        """C25: a lead compares and replays; strangers and agents find nothing."""
        self.client.force_login(self.lead_user)
        address, run = reverse("review:what_if"), self.sure.runs.get(purpose="triage")
        answer = self.client.post(address, {"client": self.one.pk, "last": 50, "accept": 1.0})
        trial = WhatIfTrial.objects.get()
        shown = reverse("review:what_if_trial", args=[trial.uuid])
        self.assertRedirects(answer, shown, fetch_redirect_response=False)
        waiting = self.client.get(shown)
        self.assertContains(waiting, "It begins in a moment")
        self.assertEqual(waiting["Refresh"], "2")
        self.assertTrue(trial_process(trial_id=trial.pk))
        page = self.client.get(shown)
        self.assertContains(page, self.sure.reference)
        self.assertNotIn("Refresh", page)
        self.assertContains(self.client.get(address), "applied from 1")
        self.assertContains(self.client.get(reverse("review:replay", args=[run.uuid])), "The same again")
        self.client.force_login(make_user("what-if-stranger", Group.LEADS, self.two))
        self.assertEqual(self.client.get(reverse("review:replay", args=[run.uuid])).status_code, 404)
        answer = self.client.post(address, {"client": self.one.pk, "last": 50, "accept": 1.0})
        self.assertEqual(WhatIfTrial.objects.count(), 1)
        self.assertNotContains(answer, "applied from 1")
        self.assertEqual(self.client.get(shown).status_code, 404)
        self.client.force_login(make_user("what-if-agent", Group.AGENTS, self.one))
        self.assertEqual(self.client.get(address).status_code, 404)
        self.assertEqual(self.client.get(shown).status_code, 404)

    def owed(self, **change: object) -> WhatIfTrial:
        """A trial that waits."""
        return trial_request(
            client=self.one,
            change=Change(**change),
            last=50,
            actor=self.lead,
            user=self.lead_user,  # type: ignore[arg-type]
        )

    def test_a_trial_is_a_job_with_a_lease(self) -> None:
        """C25, FACTS 6: judged once; what a killed worker left is found by the sweeper and done again."""
        trial = self.owed(accept=1.0)
        now = timezone.now()
        self.assertEqual(due_trials(now=now), [trial.pk])
        WhatIfTrial.objects.update(
            state="running", attempts=1, lease_token=uuid4(), lease_until=now + timedelta(minutes=1)
        )
        self.assertEqual(due_trials(now=now), [])
        self.assertFalse(trial_process(trial_id=trial.pk))
        WhatIfTrial.objects.update(lease_until=now - timedelta(seconds=1))
        self.assertEqual(due_trials(now=now), [trial.pk])
        self.assertTrue(trial_process(trial_id=trial.pk))
        self.assertFalse(trial_process(trial_id=trial.pk))
        trial.refresh_from_db()
        self.assertEqual((trial.state, trial.total, trial.attempts), ("completed", 2, 2))
        stored = trial_comparison(trial=trial, actor=self.lead)
        self.assertEqual(
            stored, what_if(client=self.one, change=Change(accept=1.0), last=50, actor=self.lead)
        )

    def test_who_lost_the_lease_writes_nothing(self) -> None:
        """C2: another worker took it over while this one was judging."""
        trial = self.owed(accept=1.0)

        def taken(*_: object) -> object:
            WhatIfTrial.objects.update(lease_token=uuid4())
            return mock.DEFAULT

        with mock.patch("classifier.services.what_if.differences", side_effect=taken, return_value=[]):
            self.assertFalse(trial_process(trial_id=trial.pk))
        trial.refresh_from_db()
        self.assertEqual((trial.state, trial.result), ("running", {}))

    def test_a_trial_that_cannot_be_done_says_why(self) -> None:
        """C25: what was deleted meanwhile, and what died twice."""
        rule = RoutingRule.objects.create(client=self.one, slug="r", name="R", team=Team.objects.first())
        gone = self.owed(rule=rule)
        rule.delete()
        self.assertFalse(trial_process(trial_id=gone.pk))
        gone.refresh_from_db()
        self.assertEqual((gone.state, "deleted" in gone.error), ("failed", True))
        dead = self.owed(accept=1.0)
        WhatIfTrial.objects.filter(pk=dead.pk).update(
            state="running", attempts=2, lease_until=timezone.now() - timedelta(seconds=1)
        )
        self.assertEqual(due_trials(now=timezone.now()), [])
        dead.refresh_from_db()
        self.assertEqual(dead.state, "failed")
        self.assertEqual(old_trials_delete(now=timezone.now() + timedelta(days=31)), 2)
