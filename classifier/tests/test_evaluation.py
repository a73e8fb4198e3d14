"""Judging engines on the database, on files, and from the command line (C25)."""

from __future__ import annotations

import json
import tempfile
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.test import TestCase

from classifier.choices import ExampleSource
from classifier.engine.linear import FieldModel
from classifier.models import LabelledExample
from classifier.services.evaluation import evaluate_examples, evaluate_file
from classifier.services.examples import hash_of
from classifier.services.training import models_train
from common.exceptions import ValidationFailed
from ticketing.models import Category, Taxonomy

pytestmark = pytest.mark.once


WORDS = {"network": "vpn wifi router cable", "hardware": "laptop screen keyboard battery"}


class EvaluationCase(TestCase):
    """Two categories that words tell apart."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.taxonomy = Taxonomy.objects.create(slug="small", name="Small")
        for slug, words in WORDS.items():
            Category.objects.create(
                taxonomy=cls.taxonomy, slug=slug, name=slug.upper(), keywords=words.split()
            )
            for number in range(20):
                cls.teach(slug, f"{words} is broken in room {number}")

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

    def file(self, name: str, content: str) -> Path:
        """A file with this content."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / name
        path.write_text(content, encoding="utf-8")
        return path

    def measured(self, path: Path, engine: Any = "local", **columns: str) -> Any:
        """A file judged."""
        names = {"text_column": "text", "label_column": "category", **columns}
        return evaluate_file(taxonomy=self.taxonomy, engine=engine, path=path, **names)


class DatabaseTests(EvaluationCase):
    """Examples of the database."""

    def test_words_that_tell_categories_apart_are_found_by_every_engine(self) -> None:
        """C25: figures of an easy set."""
        for engine in ("local", "rules", "cascade"):
            with self.subTest(engine=engine):
                report = evaluate_examples(taxonomy=self.taxonomy, engine=engine)  # type: ignore[arg-type]
                quality = report.evaluation.quality
                self.assertEqual((quality.accuracy, quality.macro_f1, quality.examples), (1.0, 1.0, 40))
                self.assertEqual(quality.confusion, ((20, 0), (0, 20)))

    def test_the_recipe_is_that_of_the_models_in_use(self) -> None:
        """C7, C25: what is unlike everything taught is not sure in the cascade, so not in its evaluation."""
        train = FieldModel.train
        made: list[FieldModel] = []

        def seen(*args: Any, **options: Any) -> FieldModel:
            made.append(train(*args, **options))
            return made[-1]

        with mock.patch.object(FieldModel, "train", seen):
            evaluate_examples(taxonomy=self.taxonomy, engine="cascade")
        self.assertEqual([model.scope is not None for model in made], [True] * 5)

    def test_nothing_is_judged_on_what_it_was_taught(self) -> None:
        """C25: labels that only memory could know are at chance."""
        LabelledExample.objects.all().delete()
        for number in range(120):
            self.teach(["network", "hardware"][number * 7919 % 97 % 2], f"token{number}x odd{number}y")
        report = evaluate_examples(taxonomy=self.taxonomy, engine="local")
        self.assertLess(report.evaluation.quality.accuracy, 0.7)
        self.assertIn("Out of fold", report.protocol)

    def test_without_examples_there_is_nothing_to_say(self) -> None:
        """C25: a sentence, not a crash."""
        LabelledExample.objects.all().delete()
        for engine in ("local", "rules"):
            with self.assertRaises(ValidationFailed):
                evaluate_examples(taxonomy=self.taxonomy, engine=engine)  # type: ignore[arg-type]


class FileTests(EvaluationCase):
    """CSV and JSON lines."""

    def setUp(self) -> None:
        models_train(taxonomy=self.taxonomy)

    def test_a_csv_file_is_judged_by_slug_or_name(self) -> None:
        """C25: one of three labels is wrong."""
        rows = "body,label\nthe wifi router,NETWORK\na laptop screen,hardware\nthe vpn cable,hardware\n"
        report = self.measured(self.file("t.csv", rows), text_column="body", label_column="label")
        self.assertAlmostEqual(report.evaluation.quality.accuracy, 2 / 3)
        self.assertEqual(report.evaluation.quality.labels, ("hardware", "network"))
        self.assertEqual(report.evaluation.quality.confusion, ((1, 1), (0, 1)))

    def test_json_lines_say_the_same(self) -> None:
        """C25: the other format."""
        lines = [{"text": "the wifi router", "category": "network"}, {"text": "x", "category": ""}]
        report = self.measured(self.file("t.jsonl", "\n".join(json.dumps(line) for line in lines)))
        self.assertEqual((report.evaluation.quality.examples, report.evaluation.quality.accuracy), (1, 1.0))

    def test_texts_the_model_was_taught_are_left_out(self) -> None:
        """C25: a file made of the training set proves nothing."""
        taught = f"{WORDS['network']} is broken in room 3"
        path = self.file("t.csv", f"text,category\n{taught},network\nnew wifi case,network\n")
        report = self.measured(path)
        self.assertEqual(report.evaluation.quality.examples, 1)
        self.assertIn("1 rows left out", report.protocol)
        self.assertEqual(self.measured(path, "rules").evaluation.quality.examples, 2)
        with self.assertRaises(ValidationFailed):
            self.measured(self.file("u.csv", f"text,category\n{taught},network\n"))

    def test_what_cannot_be_judged_is_named(self) -> None:
        """C25: each refusal says why."""
        cases = {
            ("t.csv", "text,category\nx,gardening\n"): "gardening",
            ("t.csv", "text,label\nx,network\n"): "no column",
            ("t.txt", "x"): "neither",
            ("t.jsonl", "{"): "cannot be read",
            ("deep.jsonl", "[" * 100_000): "nested too deeply",
            ("number.jsonl", '{"text": ' + "9" * 5_000 + "}"): "cannot be read",
            ("t.csv", "text,category\n"): "no row with a text and a label",
            ("empty.jsonl", ""): "no row with a text and a label",
        }
        for (name, content), words in cases.items():
            with self.subTest(words), self.assertRaises(ValidationFailed) as caught:
                self.measured(self.file(name, content))
            self.assertIn(words, caught.exception.message)

    def test_labels_that_are_no_category_are_named_in_short(self) -> None:
        """C25: columns that were mixed up put whole texts where labels belong."""
        rows = "".join(f"x{number},{'long ' * 2_000}{number}\n" for number in range(30))
        with self.assertRaises(ValidationFailed) as caught:
            self.measured(self.file("t.csv", f"text,category\n{rows}"))
        self.assertLess(len(caught.exception.message), 1_000)

    def test_a_slug_goes_before_a_name(self) -> None:
        """C25: a category may be named like the slug of another."""
        Category.objects.create(taxonomy=self.taxonomy, slug="odd", name="Network")
        path = self.file("t.csv", "text,category\nthe wifi router,network\n")
        self.assertEqual(self.measured(path).evaluation.quality.accuracy, 1.0)


class CommandTests(EvaluationCase):
    """``manage.py evaluate``."""

    def run_it(self, *arguments: str) -> str:
        """What it prints."""
        out = StringIO()
        call_command("evaluate", "--taxonomy", "small", *arguments, stdout=out)
        return out.getvalue()

    def test_it_prints_the_figures_and_the_tables(self) -> None:
        """C25."""
        text = self.run_it()
        for words in (
            "accuracy 1.0000",
            "macro F1",
            "ECE",
            "precision 0.95",
            "latency",
            "confusion",
            "hardware",
        ):
            self.assertIn(words, text)

    def test_json_holds_everything(self) -> None:
        """C25: for programs."""
        data = json.loads(self.run_it("--json", "--engine", "rules"))
        self.assertEqual(data["quality"]["accuracy"], 1.0)
        self.assertEqual(len(data["quality"]["reliability"]), 15)
        self.assertEqual([row["precision"] for row in data["coverage"]], [0.9, 0.95, 0.98])
        self.assertGreater(data["latency"]["median_ms"], 0)

    def test_it_fails_under_the_bound_and_only_there(self) -> None:
        """C25: exit code 1 for a pipeline, 2 for a mistake in the call."""
        models_train(taxonomy=self.taxonomy)
        path = str(self.file("t.csv", "text,category\nwifi router,network\nvpn cable,hardware\n"))
        self.run_it("--file", path, "--fail-under", "0.5")
        with self.assertRaises(CommandError) as caught:
            self.run_it("--file", path, "--fail-under", "0.51")
        self.assertEqual(caught.exception.returncode, 1)
        for mistake in (
            ["--file", f"{path}.missing.csv"],
            ["--file", path, "--fail-under", "99"],
            ["--engine", "llm", "--without-llm"],
            ["--engine", "rules", "--patience", "5"],
        ):
            with self.subTest(mistake=mistake), self.assertRaises(CommandError) as caught:
                self.run_it(*mistake)
            self.assertEqual(caught.exception.returncode, 2)
