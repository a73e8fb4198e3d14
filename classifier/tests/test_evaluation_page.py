"""The page on which a lead judges a model, chooses a bound, and decides (C8, C24, C25)."""

from __future__ import annotations

from typing import Any

from django.test import TestCase
from django.urls import reverse

from classifier.choices import ExampleSource, ModelState
from classifier.models import LabelledExample, LocalModel, ModelChange
from classifier.selectors.quality import threshold_choice
from classifier.services.examples import hash_of
from classifier.services.training import models_train
from teams.choices import Group
from ticketing.models import Category, ClientSettings, Taxonomy
from ticketing.tests.world import World, make_user

WORDS = {"network": "vpn wifi router cable", "hardware": "laptop screen keyboard battery"}


def teach(taxonomy: Taxonomy, count: int, start: int = 0) -> None:
    """So many examples of each category, every tenth labelled wrongly."""
    categories = {row.slug: row for row in taxonomy.categories.all()}
    for slug, words in WORDS.items():
        for number in range(start, start + count):
            text = f"{words} is broken in room {number}"
            wrong = number % 10 == 9
            other = next(name for name in categories if name != slug)
            LabelledExample.objects.create(
                taxonomy=taxonomy,
                text=text,
                text_hash=hash_of(text),
                category=categories[other if wrong else slug],
                source=ExampleSource.REVIEW,
            )


class PageCase(TestCase):
    """A shared taxonomy that two clients use, and one that belongs to client A."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        for user in (cls.world.lead, cls.world.stranger, cls.world.agent):
            user.is_staff = True
            user.save()
        cls.root = make_user("root", Group.ADMINISTRATORS)
        cls.root.is_staff = cls.root.is_superuser = True
        cls.root.save()
        teach(cls.world.taxonomy, 60)
        (cls.shared,) = models_train(taxonomy=cls.world.taxonomy)
        own = Taxonomy.objects.create(client=cls.world.client_a, slug="own", name="Own")
        for slug in WORDS:
            Category.objects.create(taxonomy=own, slug=slug, name=slug)
        teach(own, 20)
        (cls.own,) = models_train(taxonomy=own)

    def setUp(self) -> None:
        self.client.force_login(self.world.lead)

    def url(self, model: LocalModel) -> str:
        """The page of a model."""
        return f"{reverse('admin:classifier_localmodel_changelist')}{model.pk}/evaluation/"

    def send(self, model: LocalModel, **values: Any) -> Any:
        """One button of the page."""
        return self.client.post(self.url(model), values)

    def bound_of(self, slug: str) -> float | None:
        """What a client accepts from."""
        return ClientSettings.objects.get(client__slug=slug).accept_threshold


class SightTests(PageCase):
    """What is shown."""

    def test_the_figures_and_charts_are_those_of_the_training(self) -> None:
        """C25: reliability, coverage, confusion, categories; no script of its own."""
        page = self.client.get(self.url(self.shared))
        for words in ("Reliability diagram", "Risk and coverage", "Rows are what people said", "network"):
            self.assertContains(page, words)
        self.assertContains(page, f"{self.shared.metrics['accuracy']:.3f}")
        body = page.content.decode().split('<div class="dash">')[1].split("How good is it?")[1]
        self.assertNotIn("<script", body.split("Why is it used or not?")[0])

    def test_the_bound_shown_is_the_proved_one(self) -> None:
        """C8: for all answers, and for those of one category."""
        for value in ("", "network"):
            choice = threshold_choice(model=self.shared, precision=0.8, value=value)
            assert choice is not None
            page = self.client.get(self.url(self.shared), {"precision": "0.8", "category": value})
            self.assertEqual(page.context["choice"], choice)
            self.assertContains(page, f"{choice.threshold:.3f}")
            self.assertContains(page, f"on {choice.answered} texts")

    def test_what_cannot_be_proved_is_not_offered(self) -> None:
        """C8: one label in ten is wrong, so nothing is right 999 times in a thousand."""
        page = self.client.get(self.url(self.shared), {"precision": "0.999"})
        self.assertContains(page, "No bound proves this precision")
        self.assertNotContains(page, "Set Client A")

    def test_nonsense_is_named(self) -> None:
        """C8: a precision is a share."""
        page = self.client.get(self.url(self.shared), {"precision": "95"})
        self.assertEqual(page.status_code, 200)
        self.assertIsNone(page.context["choice"])

    def test_a_model_from_before_says_what_to_do(self) -> None:
        """C8: no tally, no choice."""
        metrics = {name: value for name, value in self.shared.metrics.items() if name != "tally"}
        LocalModel.objects.filter(pk=self.shared.pk).update(metrics=metrics)
        self.assertContains(self.client.get(self.url(self.shared)), "Train the taxonomy anew")


class ApplyTests(PageCase):
    """The buttons."""

    def test_a_lead_sets_the_own_clients_bound(self) -> None:
        """C8: computed again from the stored figures, whatever else is sent."""
        choice = threshold_choice(model=self.shared, precision=0.8)
        assert choice is not None
        self.send(self.shared, precision="0.8", client="a", threshold="0.01", accept_threshold="0.01")
        self.assertEqual((self.bound_of("a"), self.bound_of("b")), (choice.threshold, None))
        change = ClientSettings.objects.get(client__slug="a").history.first()
        self.assertEqual((change.accept_threshold, change.history_user), (choice.threshold, self.world.lead))

    def test_another_clients_settings_are_not_there(self) -> None:
        """T10: 404, and nothing has changed."""
        self.assertEqual(self.send(self.shared, precision="0.8", client="b").status_code, 404)
        self.assertIsNone(self.bound_of("b"))

    def test_a_category_of_a_shared_taxonomy_is_the_administrators(self) -> None:
        """T10: a lead is told, an administrator may."""
        row = Category.objects.get(taxonomy=self.world.taxonomy, slug="network")
        self.send(self.shared, precision="0.8", category="network")
        row.refresh_from_db()
        self.assertIsNone(row.accept_threshold)
        self.client.force_login(self.root)
        self.send(self.shared, precision="0.8", category="network")
        row.refresh_from_db()
        choice = threshold_choice(model=self.shared, precision=0.8, value="network")
        assert choice is not None
        self.assertEqual(row.accept_threshold, choice.threshold)

    def test_a_bound_that_proves_nothing_is_not_set(self) -> None:
        """C8."""
        for precision in ("0.999", "2", ""):
            self.send(self.shared, precision=precision, client="a")
        self.assertIsNone(self.bound_of("a"))

    def test_the_figures_of_a_model_that_is_not_in_use_set_nothing(self) -> None:
        """C8: the bound belongs to the model that answers."""
        LocalModel.objects.filter(pk=self.shared.pk).update(state=ModelState.SHADOW)
        self.assertNotContains(self.client.get(self.url(self.shared), {"precision": "0.8"}), "Set Client A")
        self.send(self.shared, precision="0.8", client="a")
        self.assertIsNone(self.bound_of("a"))


class StrangerTests(PageCase):
    """Who sees it at all."""

    def test_a_model_of_another_client_does_not_exist(self) -> None:
        """T10: for looking and for every button."""
        self.client.force_login(self.world.stranger)
        self.assertEqual(self.client.get(self.url(self.own)).status_code, 404)
        for values in ({"precision": "0.8", "client": "a"}, {"do": "rollback", "reason": "x"}):
            self.assertEqual(self.send(self.own, **values).status_code, 404)
        self.assertIsNone(self.bound_of("a"))

    def test_agents_and_visitors_stay_outside(self) -> None:
        """R3: models are for leads."""
        self.client.force_login(self.world.agent)
        self.assertIn(self.client.get(self.url(self.own)).status_code, {302, 404})
        self.client.logout()
        self.assertEqual(self.client.get(self.url(self.own)).status_code, 302)


class DecisionTests(PageCase):
    """Putting a model into use, and out of it."""

    def shadow(self) -> LocalModel:
        """A newer model of client A's own taxonomy that showed nothing."""
        taxonomy = self.own.taxonomy
        ClientSettings.objects.filter(client=self.world.client_a).update(taxonomy=taxonomy)
        teach(taxonomy, 2, start=100)
        (model,) = models_train(taxonomy=taxonomy)
        self.assertEqual(model.state, ModelState.SHADOW)
        return model

    def test_a_reason_is_kept_with_the_decision(self) -> None:
        """C24: who, when, why, to be read on the page."""
        model = self.shadow()
        self.send(model, do="promote", reason="New printers since May.")
        model.refresh_from_db()
        self.assertEqual(model.state, ModelState.ACTIVE)
        self.send(model, do="rollback", reason="Worse with scanners.")
        page = self.client.get(self.url(model))
        for words in ("New printers since May.", "Worse with scanners.", "Promoted", "Rolled back"):
            self.assertContains(page, words)
        newest = ModelChange.objects.first()
        assert newest is not None
        self.assertEqual((newest.user, newest.before), (self.world.lead, self.own))
        row = reverse("admin:classifier_localmodel_change", args=[model.pk])
        self.assertContains(self.client.get(row), "Worse with scanners.")

    def test_without_a_reason_nothing_happens(self) -> None:
        """C24."""
        model = self.shadow()
        self.send(model, do="promote", reason=" ")
        model.refresh_from_db()
        self.assertEqual(model.state, ModelState.SHADOW)

    def test_a_shared_model_is_the_administrators_to_switch(self) -> None:
        """T10: it serves other clients too."""
        teach(self.world.taxonomy, 2, start=100)
        (model,) = models_train(taxonomy=self.world.taxonomy)
        self.send(model, do="promote", reason="Mine.")
        model.refresh_from_db()
        self.assertEqual(model.state, ModelState.SHADOW)
