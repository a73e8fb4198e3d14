"""Challengers on live tickets: asked beside the model in use, followed by nobody (C24, C25)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

from django.db import DatabaseError, connection
from django.test import TestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from classifier.choices import ExampleSource, ModelAction, ModelState, RunState
from classifier.engine.errors import ModelError
from classifier.models import LabelledExample, LocalModel, ModelChange, ReviewItem, ShadowAnswer, TrainingSet
from classifier.selectors.shadows import ShadowFigures, challenger_of, shadow_figures
from classifier.services import local_models, shadows
from classifier.services.examples import hash_of
from classifier.services.execution import run_process
from classifier.services.promotion import model_promote, model_shadow, model_shadow_end
from classifier.services.runs import WITHOUT_LLM, run_request
from classifier.services.training import models_train
from classifier.tests.support import load_world, open_ticket, service_actor
from common.exceptions import Conflict
from common.memory import ShortMemory
from teams.choices import Group
from ticketing.models import Category, ClientSettings, Taxonomy, Ticket
from ticketing.services.triage import ticket_confirm
from ticketing.tests.world import make_user

WORDS = {"network": "vpn wifi router cable", "hardware": "laptop screen keyboard battery"}


class ShadowCase(TestCase):
    """A client with a taxonomy of its own, a model in use, and a challenger that calls all hardware."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.one, cls.two = load_world()
        cls.taxonomy = Taxonomy.objects.create(client=cls.one, slug="own", name="Own")
        for slug in WORDS:
            Category.objects.create(taxonomy=cls.taxonomy, slug=slug, name=slug.upper())
        ClientSettings.objects.filter(client=cls.one).update(taxonomy=cls.taxonomy)
        for number in range(20):
            for slug, words in WORDS.items():
                cls.teach(slug, f"{words} is broken in room {number}")
        (cls.champion,) = models_train(taxonomy=cls.taxonomy)
        for number in range(100, 160):
            cls.teach("hardware", f"{WORDS['network']} is broken in room {number}")
        (cls.challenger,) = models_train(taxonomy=cls.taxonomy)
        cls.actor = service_actor(cls.one)

    @classmethod
    def teach(cls, slug: str, text: str) -> None:
        """One labelled example."""
        LabelledExample.objects.create(
            taxonomy=cls.taxonomy,
            text=text,
            text_hash=hash_of(text),
            category=Category.objects.get(taxonomy=cls.taxonomy, slug=slug),
            source=ExampleSource.REVIEW,
        )

    def setUp(self) -> None:
        self.one.refresh_from_db()
        local_models._challengers.clear()
        local_models._failed.clear()

    def triaged(self, text: str = "the vpn router is broken", **parameters: Any) -> Ticket:
        """A ticket after its triage."""
        ticket = open_ticket(self.one, text)
        self.assertTrue(run_process(run_id=run_request(ticket=ticket, parameters=parameters).pk))
        ticket.refresh_from_db()
        return ticket

    def decide(self, ticket: Ticket, category: str) -> None:
        """A person's word."""
        ticket_confirm(ticket=ticket, decisions={"category": category}, actor=self.actor)

    def figures(self) -> ShadowFigures:
        """The comparison of the two."""
        found = shadow_figures(model=self.challenger, actor=self.actor)
        assert found is not None
        return found


class RunTests(ShadowCase):
    """What a run keeps."""

    def test_both_answers_are_kept_and_the_ticket_follows_the_model_in_use(self) -> None:
        """C25: the challenger says hardware, and nothing of the ticket or the run shows it."""
        self.assertEqual((self.champion.state, self.challenger.state), (ModelState.ACTIVE, ModelState.SHADOW))
        ticket = self.triaged()
        row = ShadowAnswer.objects.get()
        self.assertEqual((row.champion_value, row.challenger_value), ("network", "hardware"))
        self.assertEqual((row.champion, row.challenger), (self.champion, self.challenger))
        self.assertEqual(ticket.decisions.get(field="category").value, "network")
        run = ticket.runs.get(purpose="triage")
        told = [*run.predictions.values_list("value", "alternatives"), *run.steps.values_list("output")]
        with mock.patch("classifier.services.execution.shadow_answers_keep"):
            other = self.triaged()
        again = other.runs.get(purpose="triage")
        plain = [*again.predictions.values_list("value", "alternatives"), *again.steps.values_list("output")]
        self.assertEqual(len(told), len(plain))
        self.assertEqual(ShadowAnswer.objects.count(), 1)
        self.assertEqual(
            list(ticket.decisions.order_by("field").values_list("field", "value", "state", "confidence")),
            list(other.decisions.order_by("field").values_list("field", "value", "state", "confidence")),
        )

    def test_tickets_without_similar_ones_and_of_imports_are_answered_too(self) -> None:
        """C25: a run without a language model is a run like any other."""
        self.triaged(**{WITHOUT_LLM: True})
        ticket = open_ticket(self.one, "a laptop screen")
        Ticket.objects.filter(pk=ticket.pk).update(channel="import")
        run_process(run_id=run_request(ticket=ticket).pk)
        self.assertEqual(ShadowAnswer.objects.count(), 2)

    def test_the_same_run_twice_is_one_answer(self) -> None:
        """C2: at least once."""
        ticket = self.triaged()
        run = ticket.runs.get(purpose="triage")
        result = mock.Mock(seen=mock.Mock(text="vpn"), steps=[self.step()])
        self.assertEqual(shadows.shadow_answers_keep(run=run, result=result), 1)
        self.assertEqual(ShadowAnswer.objects.count(), 1)

    def step(self, version: int = 1) -> mock.Mock:
        """What the local step recorded."""
        output = {"category": {"value": "network", "confidence": 0.9}}
        step = mock.Mock(output=output, model=f"category:{version}+severity:7")
        step.name = "classify_local"
        return step

    def test_an_answer_of_another_model_is_not_compared(self) -> None:
        """C25: one that went out of use while the run was at work."""
        run = run_request(ticket=open_ticket(self.one, "vpn"))
        result = mock.Mock(seen=mock.Mock(text="vpn"), steps=[self.step(version=11)])
        self.assertEqual(shadows.shadow_answers_keep(run=run, result=result), 0)

    def test_a_broken_challenger_costs_nothing(self) -> None:
        """C25: artifact gone, a model that cannot answer, a database that refuses: the run is kept."""
        broken = (
            mock.patch("classifier.engine.linear.FieldModel.predict", side_effect=ModelError("x")),
            mock.patch.object(ShadowAnswer.objects, "bulk_create", side_effect=DatabaseError("x")),
        )
        for number, failure in enumerate(broken):
            with self.subTest(number=number), failure, self.assertLogs("classifier.services.shadows"):
                ticket = self.triaged(f"the vpn router {number}")
                self.assertEqual(ticket.runs.get(purpose="triage").state, RunState.COMPLETED)
        local_models._challengers.clear()
        with mock.patch("classifier.services.local_models.field_model", return_value=None) as read:
            self.assertIsNotNone(self.triaged().triaged_at)
            self.triaged("another vpn")
        read.assert_called_once()
        self.assertEqual(ShadowAnswer.objects.count(), 0)

    def test_without_a_challenger_a_warm_run_asks_nothing_more(self) -> None:
        """C25: there being none is remembered; one costs its row and no more."""
        self.triaged()
        with override_settings(CONFIGURATION_CACHE_SECONDS=60):
            with mock.patch.object(shadows, "_pairs", ShortMemory()):
                with_one = self.statements()
            LocalModel.objects.update(challenger_since=None)
            with mock.patch.object(shadows, "_pairs", ShortMemory()):
                without = self.statements()
        self.assertEqual(without, [])
        self.assertEqual([sql.split()[0] for sql in with_one if "shadowanswer" in sql], ["INSERT"])
        self.assertEqual(
            [sql for sql in with_one if "SAVEPOINT" not in sql and "shadowanswer" not in sql], []
        )

    def statements(self) -> list[str]:
        """What the second of two runs says to the database on behalf of challengers."""
        result = mock.Mock(seen=mock.Mock(text="vpn"), steps=[self.step()])
        runs = [run_request(ticket=open_ticket(self.one, f"vpn {place}")) for place in range(2)]
        shadows.shadow_answers_keep(run=runs[0], result=result)
        with CaptureQueriesContext(connection) as captured:
            shadows.shadow_answers_keep(run=runs[1], result=result)
        return [query["sql"] for query in captured]


class FigureTests(ShadowCase):
    """The comparison."""

    def test_people_say_who_is_right(self) -> None:
        """C24: paired on tickets decided after the run; agreement needs nobody."""
        self.assertIsNone(shadow_figures(model=self.challenger, actor=self.actor))
        tickets = [self.triaged(f"the vpn router fails {place}") for place in range(4)]
        for ticket, category in zip(tickets, ("network", "network", "hardware"), strict=False):
            self.decide(ticket, category)
        self.decide(self.triaged("the laptop screen flickers"), "hardware")
        figures = self.figures()
        self.assertEqual((figures.answered, figures.agreed, figures.taught), (5, 1, 0))
        judged = figures.judged
        self.assertEqual((judged.judged, judged.new_right, judged.old_right), (4, 2, 3))
        self.assertEqual((judged.gained, judged.lost, judged.p_two_sided), (1, 2, 1.0))
        self.assertEqual((judged.both_right, figures.blind.both_right, figures.blind.judged), (1, 0, 0))

    def test_tickets_of_other_clients_are_not_counted(self) -> None:
        """T10: a lead of one client learns nothing of another's tickets from a model both are served by."""
        self.decide(self.triaged(), "network")
        stranger = replace(self.actor, client_ids=frozenset({self.two.pk}))
        everyone = replace(self.actor, client_ids=None)
        self.assertIsNone(shadow_figures(model=self.challenger, actor=stranger))
        found = shadow_figures(model=self.challenger, actor=everyone)
        assert found is not None
        self.assertEqual((found.answered, found.judged.judged), (1, 1))

    def test_the_newest_answer_of_a_ticket_counts_once(self) -> None:
        """C25: a ticket that is judged again is one ticket."""
        ticket = self.triaged()
        run_process(run_id=run_request(ticket=ticket, again=True).pk)
        self.assertEqual((ShadowAnswer.objects.count(), self.figures().answered), (2, 1))

    def test_what_was_decided_before_the_answers_is_no_truth(self) -> None:
        """C25: the word of a person that the run was told."""
        ticket = open_ticket(self.one, "the vpn router")
        self.decide(ticket, "network")
        run_process(run_id=run_request(ticket=ticket).pk)
        self.assertEqual((self.figures().answered, self.figures().judged.judged), (1, 0))

    def test_what_taught_either_model_is_left_out(self) -> None:
        """C24: by the example, by its text, and by the time of a model from before sets were kept."""
        tickets = [self.triaged(f"the vpn router fails {place}") for place in range(3)]
        for ticket in tickets:
            self.decide(ticket, "network")
        self.assertEqual(self.figures().judged.judged, 3)
        examples = [ticket.examples.get() for ticket in tickets]
        rows = [[examples[0].pk, "x", "network"], [0, examples[1].text_hash, "network"]]
        taught = TrainingSet.objects.create(
            taxonomy=self.taxonomy, field="category", snapshot_hash="s", size=2, rows=rows
        )
        LocalModel.objects.filter(pk=self.challenger.pk).update(training_set=taught)
        self.challenger.refresh_from_db()
        self.assertEqual((self.figures().judged.judged, self.figures().taught), (1, 2))
        LocalModel.objects.filter(pk=self.champion.pk).update(
            training_set=None, created_at=examples[2].created_at
        )
        self.assertEqual((self.figures().judged.judged, self.figures().taught), (0, 3))

    def test_the_blind_sample_is_counted_apart(self) -> None:
        """C4: drawn before anybody looked."""
        tickets = [self.triaged(f"the vpn router fails {place}") for place in range(2)]
        for ticket in tickets:
            self.decide(ticket, "network")
        ReviewItem.objects.filter(ticket=tickets[0]).delete()
        ReviewItem.objects.create(ticket=tickets[0], client=self.one, state="accepted", is_blind=True)
        self.assertEqual((self.figures().judged.judged, self.figures().blind.judged), (2, 1))


class SwitchTests(ShadowCase):
    """Putting a model beside the one in use, and taking it away."""

    def test_one_challenger_a_field_and_never_the_model_in_use(self) -> None:
        """C24: the newest word of a lead; each is recorded."""
        for number in range(200, 205):
            self.teach("hardware", f"{WORDS['hardware']} is broken in room {number}")
        (third,) = models_train(taxonomy=self.taxonomy)
        self.assertEqual(
            (third.challenger_since, challenger_of(model=self.champion)), (None, self.challenger)
        )
        model_shadow(model=third, actor=self.actor, reason="Newer.")
        self.assertEqual(challenger_of(model=self.champion), third)
        for model in (third, self.champion):
            with self.assertRaises(Conflict):
                model_shadow(model=model, actor=self.actor, reason="Again.")
        model_shadow_end(model=third, actor=self.actor, reason="Enough.")
        with self.assertRaises(Conflict):
            model_shadow_end(model=third, actor=self.actor, reason="Enough.")
        self.assertIsNone(challenger_of(model=self.champion))
        actions = list(ModelChange.objects.filter(model=third).values_list("action", flat=True))
        self.assertEqual(actions, [ModelAction.UNSHADOWED, ModelAction.SHADOWED, ModelAction.KEPT])

    def test_a_promotion_ends_the_comparison(self) -> None:
        """C24: the challenger is in use now, and nothing answers beside it."""
        promoted = model_promote(model=self.challenger, actor=self.actor, reason="Better.")
        self.assertEqual((promoted.state, promoted.challenger_since), (ModelState.ACTIVE, None))
        self.triaged()
        self.assertEqual(ShadowAnswer.objects.count(), 0)

    def url(self) -> str:
        """The challenger's page."""
        return f"{reverse('admin:classifier_localmodel_changelist')}{self.challenger.pk}/evaluation/"

    def staff(self, name: str, group: Group, client: Any) -> None:
        """Somebody logged in."""
        user = make_user(name, group, client)
        user.is_staff = True
        user.save()
        self.client.force_login(user)

    def test_the_page_shows_the_figures_and_a_lead_switches(self) -> None:
        """C25: beside the button that promotes."""
        self.decide(self.triaged(), "network")
        self.staff("lead-one", Group.LEADS, self.one)
        page = self.client.get(self.url())
        for words in ("Tickets both answered", "Blind sample", "Ask it no more", "Use this model"):
            self.assertContains(page, words)
        self.client.post(self.url(), {"do": "unshadow", "reason": "Seen enough."})
        self.challenger.refresh_from_db()
        self.assertIsNone(self.challenger.challenger_since)
        self.client.post(self.url(), {"do": "shadow", "reason": "Once more."})
        self.challenger.refresh_from_db()
        self.assertIsNotNone(self.challenger.challenger_since)
        champion = self.url().replace(f"/{self.challenger.pk}/", f"/{self.champion.pk}/")
        self.assertContains(self.client.get(champion), "answers beside this model since")

    def test_strangers_find_no_page(self) -> None:
        """T10: neither to look at nor to press."""
        self.staff("lead-two", Group.LEADS, self.two)
        self.assertEqual(self.client.get(self.url()).status_code, 404)
        self.assertEqual(self.client.post(self.url(), {"do": "unshadow", "reason": "x"}).status_code, 404)
        self.challenger.refresh_from_db()
        self.assertIsNotNone(self.challenger.challenger_since)
