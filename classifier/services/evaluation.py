"""Evaluating an engine on labelled texts of the database or of a file (C25). Reads only."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from django.conf import settings

from classifier.choices import ModelState
from classifier.engine.cascade import Cascade
from classifier.engine.errors import ModelError
from classifier.engine.evaluation import Answer, Evaluation, MakeAnswer, evaluate, evaluate_in_folds
from classifier.engine.linear import FieldModel
from classifier.engine.local import LocalEngine
from classifier.engine.paired import Labelled
from classifier.engine.rules import RulesEngine
from classifier.engine.thresholds import Thresholds
from classifier.engine.types import Engine, Prediction, TaxonomySpec, TriageInput
from classifier.models import LabelledExample, LocalModel
from classifier.services.context import taxonomy_spec
from classifier.services.examples import hash_of
from classifier.services.local_models import field_model
from common.exceptions import ValidationFailed
from ticketing.models import Category, Taxonomy

EngineName = Literal["local", "rules", "cascade"]
ENGINES: Final[tuple[EngineName, ...]] = ("local", "rules", "cascade")
LINES: Final = frozenset({".jsonl", ".ndjson"})
_MAX_FIELD = 10_000_000


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation with what was judged and how, in sentences people can check."""

    engine: str
    source: str
    protocol: str
    evaluation: Evaluation

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        head = {"engine": self.engine, "source": self.source, "protocol": self.protocol}
        return {**head, **self.evaluation.to_json()}


def evaluate_examples(*, taxonomy: Taxonomy, engine: EngineName) -> Report:
    """Judge on the labelled examples of the database.

    The models in use were taught these texts, so each is answered by a model of the same recipe that was
    taught the other folds; the rules are taught nothing and answer as they stand. Raises ValidationFailed
    where there are too few examples.
    """
    rows = LabelledExample.objects.filter(taxonomy=taxonomy, is_active=True, category__is_active=True)
    cases = [
        Labelled(text_hash, text, label)
        for text_hash, text, label in rows.order_by("pk").values_list("text_hash", "text", "category__slug")
    ]
    source = f"{len(cases)} examples of the database, taxonomy {taxonomy.slug}"
    spec, thresholds = _spec(taxonomy), _thresholds(taxonomy)
    try:
        if engine == "rules":
            protocol = "The rules as they stand; they are taught nothing."
            return Report(engine, source, protocol, evaluate(cases, _rules(spec)))
        protocol = "Out of fold: five models of the same recipe, none asked about a text it was taught."
        return Report(engine, source, protocol, evaluate_in_folds(cases, _recipe(engine, spec, thresholds)))
    except (ValueError, ModelError) as error:
        raise ValidationFailed("There are too few examples to judge anything on.") from error


def evaluate_file(
    *, taxonomy: Taxonomy, engine: EngineName, path: Path, text_column: str, label_column: str
) -> Report:
    """Judge the engine in use on the rows of a CSV or JSON lines file.

    Labels are slugs or names of categories. Texts that the model in use was taught are left out and counted.
    Raises ValidationFailed for a file that cannot be read, a missing column, a label that is no category, no
    model in use, or nothing left to judge.
    """
    cases = _labelled(taxonomy, _pairs(path, text_column, label_column))
    answer, taught = _in_use(taxonomy, engine)
    left = [case for case in cases if case.key not in taught]
    if not left:
        raise ValidationFailed(f"{path.name} holds no text that the engine was not taught.")
    source = f"{len(left)} rows of {path.name}"
    protocol = "The engine in use as it stands"
    if engine != "rules":
        protocol += f"; {len(cases) - len(left)} rows left out because its model was taught their texts"
    return Report(engine, source, f"{protocol}.", evaluate(left, answer))


def _spec(taxonomy: Taxonomy) -> TaxonomySpec:
    rows = taxonomy.categories.filter(is_active=True).order_by("position", "pk")
    return taxonomy_spec(taxonomy=taxonomy, categories=list(rows))


def _thresholds(taxonomy: Taxonomy) -> Thresholds:
    """The general bounds and the categories' own; a client's are another question."""
    rows = taxonomy.categories.filter(is_active=True).values_list("slug", "accept_threshold")
    return Thresholds(
        accept=settings.AI_ACCEPT_THRESHOLD,
        suggest=settings.AI_CONFIDENCE_THRESHOLD,
        per_category={slug: bound for slug, bound in rows if bound is not None},
    )


def _rules(spec: TaxonomySpec) -> Answer:
    return _alone(RulesEngine(spec))


def _alone(engine: Engine) -> Answer:
    """One engine's category."""

    def answer(batch: Sequence[TriageInput]) -> list[Prediction | None]:
        return [found.get("category") for found in engine.predict(batch)]

    return answer


def _together(model: FieldModel, spec: TaxonomySpec, thresholds: Thresholds) -> Answer:
    """The cascade without a language model: evaluating must not cost money or send texts away."""
    cascade = Cascade([LocalEngine({"category": model}, "evaluated"), RulesEngine(spec)], thresholds)

    def answer(batch: Sequence[TriageInput]) -> list[Prediction | None]:
        return [found.predictions.get("category") for found in cascade.predict_all(batch)]

    return answer


def _with_model(engine: EngineName, model: FieldModel, spec: TaxonomySpec, thresholds: Thresholds) -> Answer:
    if engine == "cascade":
        return _together(model, spec, thresholds)
    return _alone(LocalEngine({"category": model}, "evaluated"))


def _recipe(engine: EngineName, spec: TaxonomySpec, thresholds: Thresholds) -> MakeAnswer:
    """Trains the engine anew on what it is given."""

    def make(taught: Sequence[Labelled]) -> Answer:
        model = FieldModel.train([case.text for case in taught], [case.label for case in taught])
        return _with_model(engine, model, spec, thresholds)

    return make


def _in_use(taxonomy: Taxonomy, engine: EngineName) -> tuple[Answer, set[str]]:
    """The engine that answers tickets now, and the hashes of the texts it was taught."""
    spec = _spec(taxonomy)
    if engine == "rules":
        return _rules(spec), set()
    rows = LocalModel.objects.filter(taxonomy=taxonomy, field="category", state=ModelState.ACTIVE)
    row = rows.select_related("training_set").first()
    model = field_model(row=row) if row is not None else None
    if row is None or model is None:
        raise ValidationFailed(f"The taxonomy {taxonomy.slug} has no model in use.")
    if row.training_set is not None:
        taught = {text_hash for _, text_hash, _ in row.training_set.rows}
    else:  # Trained before sets were kept: whatever is an example may have been taught.
        taught = set(LabelledExample.objects.filter(taxonomy=taxonomy).values_list("text_hash", flat=True))
    return _with_model(engine, model, spec, _thresholds(taxonomy)), taught


def _labelled(taxonomy: Taxonomy, pairs: Iterator[tuple[str, str]]) -> list[Labelled]:
    """Rows with their labels as slugs."""
    slugs: dict[str, str] = {}
    for slug, name in Category.objects.filter(taxonomy=taxonomy).values_list("slug", "name"):
        slugs.update({name.casefold(): slug, slug: slug})
    cases: list[Labelled] = []
    unknown: set[str] = set()
    for text, label in pairs:
        found = slugs.get(label.casefold())
        if found is None:
            unknown.add(label)
        else:
            cases.append(Labelled(hash_of(text), text, found))
    if unknown:
        names = ", ".join(sorted(unknown)[:10])
        raise ValidationFailed(f"The file has labels that are no category of {taxonomy.slug}: {names}.")
    return cases


def _pairs(path: Path, text_column: str, label_column: str) -> Iterator[tuple[str, str]]:
    """Text and label of every row that has both; a problem names its line."""
    try:
        for number, row in _rows(path):
            if not isinstance(row, dict) or text_column not in row or label_column not in row:
                raise ValidationFailed(
                    f"{path.name}, row {number}, has no column {text_column!r} or {label_column!r}."
                )
            text, label = str(row[text_column] or "").strip(), str(row[label_column] or "").strip()
            if text and label:
                yield text, label
    except (OSError, UnicodeDecodeError, csv.Error, json.JSONDecodeError) as error:
        raise ValidationFailed(f"{path.name} cannot be read: {error}.") from error


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    """Rows with their number, by the file's ending."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        if path.suffix.lower() in LINES:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield number, json.loads(line)
        elif path.suffix.lower() == ".csv":
            csv.field_size_limit(_MAX_FIELD)
            yield from enumerate(csv.DictReader(stream), start=1)
        else:
            raise ValidationFailed(f"{path.name} is neither .csv nor .jsonl.")
