"""Training, promoting, rolling back and swapping models (C7)."""

from __future__ import annotations

import threading
from io import StringIO

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection
from django.test import TestCase, TransactionTestCase

from classifier.choices import ExampleSource, ModelState
from classifier.models import LabelledExample, LocalModel
from classifier.services.examples import hash_of
from classifier.services.local_models import local_engine
from classifier.services.promotion import model_promote, model_rollback
from classifier.services.training import models_train
from common.actors import system_actor
from common.exceptions import Conflict
from ticketing.models import Category, Taxonomy

ACTOR = system_actor()
WORDS = {"network": "vpn wifi router cable", "hardware": "laptop screen keyboard battery"}


def teach(taxonomy: Taxonomy, count: int, *, start: int = 0) -> None:
    """So many examples of each category."""
    for slug, words in WORDS.items():
        category, _ = Category.objects.get_or_create(taxonomy=taxonomy, slug=slug, name=slug)
        for number in range(start, start + count):
            text = f"{words} is broken in room {number}"
            LabelledExample.objects.create(
                taxonomy=taxonomy,
                text=text,
                text_hash=hash_of(text),
                category=category,
                source=ExampleSource.REVIEW,
            )


def roll_back(model: LocalModel) -> LocalModel:
    """Take a model back."""
    return model_rollback(model=model, actor=ACTOR, reason="Worse in practice.")


class TrainingTests(TestCase):
    """One trainer."""

    def setUp(self) -> None:
        self.taxonomy = Taxonomy.objects.create(slug="small", name="Small")
        teach(self.taxonomy, 12)

    def train_more(self) -> LocalModel:
        """A newer model on more examples, put into use by hand."""
        teach(self.taxonomy, 4, start=LabelledExample.objects.count())
        model = models_train(taxonomy=self.taxonomy)[0]
        return model_promote(model=model, actor=ACTOR, reason="Tried by hand.")

    def test_the_first_model_is_used_at_once(self) -> None:
        """C7: trained from examples, measured out of fold."""
        (model,) = models_train(taxonomy=self.taxonomy)
        self.assertEqual((model.state, model.field, model.example_count), (ModelState.ACTIVE, "category", 24))
        self.assertGreater(model.metrics["accuracy"], 0.9)

    def test_unchanged_examples_train_nothing(self) -> None:
        """C7: a training set is named by its content."""
        models_train(taxonomy=self.taxonomy)
        self.assertEqual(models_train(taxonomy=self.taxonomy), [])
        self.assertEqual(len(models_train(taxonomy=self.taxonomy, force=True)), 1)

    def test_a_promotion_takes_effect_with_the_next_question(self) -> None:
        """C7: hot-swapped."""
        models_train(taxonomy=self.taxonomy)
        before = local_engine(taxonomy_id=self.taxonomy.pk)
        self.train_more()
        after = local_engine(taxonomy_id=self.taxonomy.pk)
        assert before is not None
        assert after is not None
        self.assertEqual((before.version, after.version), ("category:1", "category:2"))
        self.assertIs(after, local_engine(taxonomy_id=self.taxonomy.pk))

    def test_rolling_back_goes_further_back_each_time(self) -> None:
        """C24: a bad model does not come back by itself."""
        (first,) = models_train(taxonomy=self.taxonomy)
        second, third = self.train_more(), self.train_more()
        self.assertEqual(roll_back(third), second)
        second.refresh_from_db()
        self.assertEqual(roll_back(second), first)
        first.refresh_from_db()
        with self.assertRaises(Conflict):
            roll_back(first)

    def test_only_the_model_in_use_is_rolled_back(self) -> None:
        """C24."""
        (first,) = models_train(taxonomy=self.taxonomy)
        self.train_more()
        first.refresh_from_db()
        with self.assertRaises(Conflict):
            roll_back(first)

    def test_a_damaged_artifact_leaves_the_other_engines(self) -> None:
        """C7: read only what the database names."""
        (model,) = models_train(taxonomy=self.taxonomy)
        default_storage.delete(model.artifact)
        default_storage.save(model.artifact, ContentFile(b"SWMODEL1 something else"))
        with self.assertLogs("classifier.services.local_models", level="ERROR"):
            self.assertIsNone(local_engine(taxonomy_id=self.taxonomy.pk))
        with self.assertNoLogs("classifier.services.local_models", level="ERROR"):
            self.assertIsNone(local_engine(taxonomy_id=self.taxonomy.pk))

    def test_the_command_prints_what_was_measured(self) -> None:
        """C7: training by hand."""
        out = StringIO()
        call_command("train_models", "--taxonomy", "small", stdout=out)
        self.assertIn("small/category v1", out.getvalue())
        self.assertIn("promoted", out.getvalue())


class TwoPromotersTests(TransactionTestCase):
    """Two leads at once."""

    def test_one_model_is_active_in_the_end(self) -> None:
        """C7: the constraint holds under two writers."""
        taxonomy = Taxonomy.objects.create(slug="small", name="Small")
        teach(taxonomy, 10)
        (first,) = models_train(taxonomy=taxonomy)
        rivals = []
        for more in (100, 200):
            teach(taxonomy, 3, start=more)
            rivals += models_train(taxonomy=taxonomy)
        self.assertEqual([first.state, *(row.state for row in rivals)], ["active", "shadow", "shadow"])
        start, errors = threading.Barrier(2), []

        def promote(model: LocalModel) -> None:
            start.wait()
            try:
                model_promote(model=model, actor=ACTOR, reason="Try.")
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=promote, args=(model,)) for model in rivals]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        self.assertEqual(LocalModel.objects.filter(state=ModelState.ACTIVE).count(), 1)
