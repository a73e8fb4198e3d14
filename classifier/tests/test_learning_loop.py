"""From a correction to a better model: examples, the paired comparison, promotion and its record (C24)."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.test import TestCase, override_settings
from rest_framework.test import APIClient

from classifier.choices import ExampleSource, ModelAction, ModelState
from classifier.engine.looks import Looks
from classifier.engine.paired import mcnemar_exact
from classifier.models import LabelledExample, LocalModel, ModelChange
from classifier.services.examples import hash_of
from classifier.services.local_models import local_engine
from classifier.services.promotion import (
    Verdict,
    looks_at,
    model_promote,
    model_rollback,
    model_shadow,
    verdict_apply,
)
from classifier.services.training import models_train
from classifier.tests.support import load_world, open_ticket, service_actor
from common.actors import system_actor
from teams.choices import Scope
from teams.models import Client
from teams.services.keys import api_key_issue
from ticketing.models import Category, Taxonomy, Ticket
from ticketing.services.defaults import client_settings_ensure
from ticketing.services.triage import ticket_confirm

pytestmark = pytest.mark.once


OLD_WORDS = {
    "printing": ["printer", "toner", "paper jam", "scanner"],
    "access": ["password", "login", "locked account", "permission"],
    "network": ["vpn", "wifi", "router", "connection"],
}
NEW_WORDS = {
    "printing": ["plotter", "label machine", "duplex unit", "fuser"],
    "access": ["badge", "smartcard", "token app", "single sign-on"],
    "network": ["switch port", "proxy", "dns name", "firewall rule"],
}
FRAMES = [
    "Since this morning the {thing} does not work for me, case {n}.",
    "Could somebody look at the {thing}? It fails with code {n}.",
    "We have a problem with the {thing} in room {n}.",
    "{n} colleagues complain about the {thing}, please help.",
]


def sentence(slug: str, words: dict[str, list[str]], number: int) -> str:
    """A made-up ticket about one of the category's things."""
    random_ = random.Random(f"{slug}{number}")
    return random_.choice(FRAMES).format(thing=random_.choice(words[slug]), n=number)


class LearningCase(TestCase):
    """A client whose three categories are taught old words, while people now write about new things."""

    @classmethod
    def setUpTestData(cls) -> None:
        load_world()
        cls.taxonomy = Taxonomy.objects.create(slug="loop", name="Loop")
        for slug in OLD_WORDS:
            category = Category.objects.create(taxonomy=cls.taxonomy, slug=slug, name=slug.title())
            for number in range(10):
                text = sentence(slug, OLD_WORDS, number)
                LabelledExample.objects.create(
                    taxonomy=cls.taxonomy,
                    text=text,
                    text_hash=hash_of(text),
                    category=category,
                    source=ExampleSource.STARTER,
                )
        cls.owner = Client.objects.create(slug="loop", name="Loop client")
        client_settings_ensure(client=cls.owner, taxonomy_slug="loop")
        (cls.first,) = models_train(taxonomy=cls.taxonomy)
        issued = api_key_issue(
            client=cls.owner, name="desk", scopes=[Scope.TICKETS_WRITE], actor=system_actor()
        )
        cls.secret = issued.secret

    def correct(self, count: int, *, shuffled: bool = False) -> None:
        """So many tickets about new things, answered through the API as a desk would."""
        api = APIClient()
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {self.secret}")
        truth = [list(NEW_WORDS)[number % 3] for number in range(count)]
        labels = random.Random(5).sample(truth, count) if shuffled else truth
        for number, (slug, label) in enumerate(zip(truth, labels, strict=True)):
            ticket = open_ticket(self.owner, sentence(slug, NEW_WORDS, 1_000 + number))
            answer = api.post(
                f"/api/v1/tickets/{ticket.reference}/confirm", {"category": label}, format="json"
            )
            self.assertEqual(answer.status_code, 200, answer.content)

    def right_among_untouched(self) -> list[bool]:
        """What the model in use says of new tickets nobody has answered."""
        engine = local_engine(taxonomy_id=self.taxonomy.pk)
        assert engine is not None
        cases = [(slug, sentence(slug, NEW_WORDS, 9_000 + n)) for slug in NEW_WORDS for n in range(60)]
        answers = engine.models["category"].predict([text for _, text in cases])
        return [answer.value == slug for (slug, _), answer in zip(cases, answers, strict=True)]


class PromotionTests(LearningCase):
    """What two trainings come to."""

    def test_corrections_make_a_better_model_that_can_be_taken_back(self) -> None:
        """C24: promoted with its evidence, at least five points better, and rolled back again."""
        before = self.right_among_untouched()
        self.correct(60)
        (second,) = models_train(taxonomy=self.taxonomy)
        evidence = second.evidence
        self.assertEqual((second.state, evidence["decision"]), (ModelState.ACTIVE, "promoted"))
        self.assertEqual((evidence["judged"], evidence["against"]), (60, "loop/category v1"))
        self.assertEqual(evidence["new_right"] - evidence["old_right"], evidence["gained"] - evidence["lost"])
        p_value = mcnemar_exact(evidence["gained"], evidence["lost"], "greater")
        self.assertAlmostEqual(evidence["p_value"], p_value)
        self.assertIn("nothing shows that it forgets", evidence["reason"])
        self.assertLess(evidence["p_value"], 0.05)
        self.assertIn("neither model had seen", evidence["reason"])
        after = self.right_among_untouched()
        self.assertGreater(sum(after) / len(after), sum(before) / len(before) + 0.05)
        model_rollback(model=second, actor=system_actor(), reason="Complaints from the desk.")
        self.assertEqual(self.right_among_untouched(), before)

    def test_shuffled_labels_are_not_promoted(self) -> None:
        """C24: labels that mean nothing make nothing better."""
        self.correct(60, shuffled=True)
        (second,) = models_train(taxonomy=self.taxonomy)
        self.first.refresh_from_db()
        self.assertEqual((self.first.state, second.state), (ModelState.ACTIVE, ModelState.SHADOW))
        self.assertEqual(second.evidence["judged"], 60)
        self.assertGreaterEqual(second.evidence["p_value"], 0.05)

    def test_wrong_labels_that_agree_with_each_other_are_not_promoted(self) -> None:
        """C24: everything called the same is "better" on its own terms, and forgets what was known."""
        actor = service_actor(self.owner)
        for number in range(60):
            slug = list(OLD_WORDS)[number % 3]
            ticket = open_ticket(self.owner, sentence(slug, OLD_WORDS, 2_000 + number))
            ticket_confirm(ticket=ticket, decisions={"category": "network"}, actor=actor)
        (second,) = models_train(taxonomy=self.taxonomy)
        self.assertLess(second.evidence["p_value"], 0.05)
        self.assertEqual(second.state, ModelState.SHADOW)
        self.assertIn("but it forgets", second.evidence["reason"])

    def test_what_the_model_in_use_has_learned_is_not_judged_again(self) -> None:
        """C24: the second comparison rests on the labels that came after the first."""
        self.correct(60)
        models_train(taxonomy=self.taxonomy)
        ticket = open_ticket(self.owner, sentence("network", NEW_WORDS, 5_000))
        ticket_confirm(ticket=ticket, decisions={"category": "network"}, actor=service_actor(self.owner))
        (third,) = models_train(taxonomy=self.taxonomy)
        self.assertEqual((third.state, third.evidence["judged"]), (ModelState.SHADOW, 1))

    def test_a_model_from_before_training_sets_is_judged_on_later_labels_only(self) -> None:
        """C24: what it may have seen does not count."""
        self.correct(10)
        LocalModel.objects.update(training_set=None)
        LabelledExample.objects.update(created_at=self.first.created_at)
        (second,) = models_train(taxonomy=self.taxonomy)
        self.assertEqual((second.state, second.evidence["judged"]), (ModelState.SHADOW, 0))
        self.assertIn("Nobody has labelled", second.evidence["reason"])

    def test_starter_examples_are_never_judged(self) -> None:
        """C24: a larger starter set alone promotes nothing."""
        text = "The coffee printer is empty."
        LabelledExample.objects.create(
            taxonomy=self.taxonomy,
            text=text,
            text_hash=hash_of(text),
            category=Category.objects.get(taxonomy=self.taxonomy, slug="printing"),
            source=ExampleSource.STARTER,
        )
        (second,) = models_train(taxonomy=self.taxonomy)
        self.assertEqual((second.state, second.evidence["judged"]), (ModelState.SHADOW, 0))

    def test_a_model_that_was_taken_back_does_not_come_back_as_its_successor(self) -> None:
        """C24: its labels were overruled; only what people say afterwards counts."""
        self.correct(60)
        (second,) = models_train(taxonomy=self.taxonomy)
        model_rollback(model=second, actor=system_actor(), reason="Complaints from the desk.")
        ticket = open_ticket(self.owner, sentence("network", NEW_WORDS, 5_000))
        ticket_confirm(ticket=ticket, decisions={"category": "network"}, actor=service_actor(self.owner))
        (third,) = models_train(taxonomy=self.taxonomy)
        self.assertEqual((third.state, third.evidence["judged"]), (ModelState.SHADOW, 1))

    def test_a_verdict_about_another_model_promotes_nothing(self) -> None:
        """C24: a lead put a model into use while the new one was judged."""
        self.correct(10)
        (second,) = models_train(taxonomy=self.taxonomy, force=True)
        verdict = Verdict(True, "It is better.", {}, self.first.pk)
        if second.state != ModelState.ACTIVE:
            model_promote(model=second, actor=system_actor(), reason="By hand.")
        (third,) = models_train(taxonomy=self.taxonomy, force=True)
        verdict_apply(model=third, verdict=verdict, actor=system_actor())
        third.refresh_from_db()
        self.assertEqual(third.state, ModelState.SHADOW)
        self.assertIn("Another model went into use", third.evidence["reason"])
        self.assertEqual(LocalModel.objects.get(state=ModelState.ACTIVE, taxonomy=self.taxonomy), second)

    def test_a_verdict_takes_nothing_back_that_a_person_did_meanwhile(self) -> None:
        """C24: a lead put the candidate itself into use, or beside the model in use, while it was judged."""
        self.correct(10)
        for promote in (True, False):
            verdict = Verdict(promote, "As it was.", {}, self.first.pk)
            with (
                self.subTest(promote=promote),
                mock.patch("classifier.services.training.verdict_on", return_value=verdict) as judged,
            ):
                judged.side_effect = self.promoted_meanwhile(verdict)
                (second,) = models_train(taxonomy=self.taxonomy, force=True)
            self.assertEqual(second.state, ModelState.ACTIVE)
            self.assertIn("A person decided", second.evidence["reason"])
            self.assertEqual(LocalModel.objects.get(taxonomy=self.taxonomy, state="active"), second)
            model_rollback(model=second, actor=system_actor(), reason="Next.")

    def promoted_meanwhile(self, verdict: Verdict) -> Callable[..., Verdict]:
        """Judges, and meanwhile a lead decides."""

        def judge(**_: Any) -> Verdict:
            candidate = LocalModel.objects.filter(taxonomy=self.taxonomy).order_by("-version")[0]
            model_promote(model=candidate, actor=system_actor(), reason="By hand.")
            return verdict

        return judge

    def test_a_challenger_chosen_while_it_was_judged_goes_on(self) -> None:
        """C24: to be kept as a shadow does not end what a lead has begun."""
        self.correct(10)

        def judge(**_: Any) -> Verdict:
            candidate = LocalModel.objects.filter(taxonomy=self.taxonomy).order_by("-version")[0]
            model_shadow(model=candidate, actor=system_actor(), reason="Look at it.")
            return Verdict(False, "No better.", {}, self.first.pk)

        with mock.patch("classifier.services.training.verdict_on", side_effect=judge):
            (second,) = models_train(taxonomy=self.taxonomy, force=True)
        self.assertEqual(second.state, ModelState.SHADOW)
        self.assertIsNotNone(second.challenger_since)

    @override_settings(MODEL_PROMOTION_P_VALUE=1e-30)
    def test_the_bound_is_a_setting(self) -> None:
        """C24: a stricter house promotes less."""
        self.correct(30)
        (second,) = models_train(taxonomy=self.taxonomy)
        self.assertEqual((second.state, second.evidence["alpha"]), (ModelState.SHADOW, 1e-30))
        self.assertLess(second.evidence["bound"], 1e-30)

    def test_looks_at_one_model_are_counted_and_need_a_quarter_more_labels(self) -> None:
        """C24: the second look has to meet a quarter of the first one's bound, and comes when it can tell."""
        self.assertEqual(looks_at(self.first), Looks(0, 0))
        earlier = LocalModel.objects.create(
            taxonomy=self.taxonomy, field="category", version=7, snapshot_hash="x", example_count=1,
            state=ModelState.SHADOW,
            evidence={"against": str(self.first), "judged": 40, "look": 1, "texts": 40},
        )  # fmt: skip
        self.assertEqual(looks_at(self.first), Looks(1, 40))
        self.correct(12)
        (second,) = models_train(taxonomy=self.taxonomy)
        self.assertEqual((second.state, second.evidence.get("judged")), (ModelState.SHADOW, None))
        self.assertIn("The next is due at 50", second.evidence["reason"])
        self.assertEqual(looks_at(self.first), Looks(1, 40))
        LocalModel.objects.filter(pk=earlier.pk).update(
            evidence={"against": str(self.first), "judged": 8, "look": 1, "texts": 8}
        )
        (third,) = models_train(taxonomy=self.taxonomy, force=True)
        self.assertEqual(third.evidence["judged"], 12)
        self.assertAlmostEqual(third.evidence["bound"], 0.05 * 6 / (4 * math.pi**2))


class RecordTests(LearningCase):
    """Who, when, why, and on what."""

    def test_every_decision_leaves_its_line(self) -> None:
        """C24: promotion, shadow and roll-back."""
        self.correct(60)
        (second,) = models_train(taxonomy=self.taxonomy)
        model_rollback(model=second, actor=system_actor("Lena"), reason="Complaints from the desk.")
        newest, promoted, first = ModelChange.objects.all()
        self.assertEqual((first.action, first.model, first.before), (ModelAction.PROMOTED, self.first, None))
        self.assertEqual((promoted.model, promoted.before), (second, self.first))
        self.assertEqual(promoted.reason, second.evidence["reason"])
        self.assertEqual((newest.action, newest.actor_label), (ModelAction.ROLLED_BACK, "Lena"))
        self.assertEqual((newest.model, newest.before), (second, self.first))
        self.assertEqual(newest.reason, "Complaints from the desk.")

    def test_a_model_names_exactly_what_it_was_taught(self) -> None:
        """C24: the training set stays what it was when examples change."""
        taught = self.first.training_set
        assert taught is not None
        rows = {(pk, text_hash, label) for pk, text_hash, label in taught.rows}
        now = LabelledExample.objects.filter(taxonomy=self.taxonomy)
        self.assertEqual(rows, set(now.values_list("pk", "text_hash", "category__slug")))
        now.filter(category__slug="network").delete()
        self.correct(3)
        models_train(taxonomy=self.taxonomy)
        taught.refresh_from_db()
        self.assertEqual({tuple(row) for row in taught.rows}, rows)


class ExampleTests(LearningCase):
    """What becomes an example."""

    def test_only_what_a_person_decided_is_a_label(self) -> None:
        """C24: an engine's guess is not learned from."""
        ticket = open_ticket(self.owner, "The badge reader is dead.")
        Ticket.objects.filter(pk=ticket.pk).update(severity="high")
        ticket.refresh_from_db()
        actor = service_actor(self.owner)
        ticket_confirm(ticket=ticket, decisions={"sentiment": "negative"}, actor=actor)
        self.assertFalse(LabelledExample.objects.filter(ticket=ticket).exists())
        ticket_confirm(ticket=ticket, decisions={"category": "access"}, actor=actor)
        example = LabelledExample.objects.get(ticket=ticket)
        self.assertEqual((example.category.slug, example.severity, example.team_slug), ("access", "", ""))
        ticket_confirm(ticket=ticket, decisions={"severity": "low"}, actor=actor)
        example.refresh_from_db()
        self.assertEqual((example.category.slug, example.severity), ("access", "low"))
