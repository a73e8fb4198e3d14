"""Evaluating an engine on labelled texts of the database or of a file (C25).

Nothing is written but the ledger of calls, where language models are asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from django.conf import settings
from django.utils.translation import gettext

from classifier.choices import ModelState
from classifier.engine.cascade import Cascade
from classifier.engine.errors import ModelError
from classifier.engine.evaluation import (
    Answer,
    Evaluation,
    MakeAnswer,
    dealt,
    evaluate,
    evaluate_in_folds,
)
from classifier.engine.linear import FieldModel
from classifier.engine.local import LocalEngine
from classifier.engine.paired import Labelled
from classifier.engine.rules import RulesEngine
from classifier.engine.thresholds import Thresholds
from classifier.engine.types import Engine, Prediction, TaxonomySpec, TriageInput
from classifier.models import LabelledExample, LocalModel
from classifier.services.context import taxonomy_spec
from classifier.services.evaluation_asking import AskedModels, Payer, Spending
from classifier.services.labelled_files import labelled_read
from classifier.services.local_models import field_model
from common.exceptions import ValidationFailed
from ticketing.models import Taxonomy

EngineName = Literal["local", "rules", "llm", "cascade"]
ENGINES: Final[tuple[EngineName, ...]] = ("local", "rules", "llm", "cascade")
_OUT_OF_FOLD: Final = "Out of fold: five models of the same recipe, none asked about a text it was taught."
_TOO_FEW: Final = "There are too few examples to judge anything on."


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation with what was judged and how, in sentences people can check.

    ``spending`` is there where language models may have been asked, ``prompt_version`` where one was wanted
    for every text.
    """

    engine: str
    source: str
    protocol: str
    evaluation: Evaluation
    spending: Spending | None = None
    prompt_version: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        head = {
            "engine": self.engine,
            "source": self.source,
            "protocol": self.protocol,
            "prompt_version": self.prompt_version,
        }
        spent = {"spending": self.spending.to_json()} if self.spending else {}
        return {**head, **self.evaluation.to_json(), **spent}


def evaluate_examples(*, taxonomy: Taxonomy, engine: EngineName, payer: Payer | None = None) -> Report:
    """Judge on the labelled examples of the database.

    The models in use were taught these texts, so each is answered by a model of the same recipe that was
    taught the other folds; the rules are taught nothing and answer as they stand. ``llm``, and a cascade with
    a ``payer``, ask language models, about the examples of that client and the shared ones alone. Raises
    ValidationFailed where there are too few examples or nobody pays for ``llm``, and what ``AskedModels``
    raises.
    """
    rows = LabelledExample.objects.filter(taxonomy=taxonomy, is_active=True, category__is_active=True)
    columns = rows.order_by("pk").values_list("text_hash", "text", "category__slug", "client_id")
    cases, owners = [], []
    for text_hash, text, label, owner in columns:
        cases.append(Labelled(text_hash, text, label))
        owners.append(owner)
    source = f"examples of the database, taxonomy {taxonomy.slug}"
    if paying := _paying(engine, payer):
        places = [place for place, owner in enumerate(owners) if owner in {None, paying.client.pk}]
        return _examples_asked(
            taxonomy=taxonomy, engine=engine, payer=paying, cases=cases, places=places, source=source
        )
    source = f"{len(cases)} {source}"
    try:
        spec, thresholds = _spec(taxonomy), _thresholds(taxonomy)
        if engine == "rules":
            protocol = "The rules as they stand; they are taught nothing."
            return Report(engine, source, protocol, evaluate(cases, _rules(spec)))
        found = evaluate_in_folds(cases, _recipe(engine, spec, thresholds))
        return Report(engine, source, _OUT_OF_FOLD, found)
    except (ValueError, ModelError) as error:
        raise ValidationFailed(_TOO_FEW) from error


def evaluate_file(
    *,
    taxonomy: Taxonomy,
    engine: EngineName,
    path: Path,
    text_column: str,
    label_column: str,
    payer: Payer | None = None,
) -> Report:
    """Judge the engine in use on the rows of a CSV or JSON lines file.

    Labels are slugs or names of categories. Texts that the model in use was taught are left out and counted.
    ``llm``, and a cascade with a ``payer``, ask language models. Raises ValidationFailed for a file that
    cannot be read, a missing column, a label that is no category, no model in use, nothing left to judge, or
    ``llm`` without a payer, and what ``AskedModels`` raises.
    """
    cases = labelled_read(taxonomy=taxonomy, path=path, text_column=text_column, label_column=label_column)
    row = _active(taxonomy) if engine in {"local", "cascade"} else None
    taught = _texts_taught(row) if row else set()
    left = [case for case in cases if case.key not in taught]
    if not left:
        raise ValidationFailed(
            gettext("%(name)s holds no text that the engine was not taught.") % {"name": path.name}
        )
    protocol = "The engine in use as it stands"
    if row is not None:
        protocol += f"; {len(cases) - len(left)} rows left out because its model was taught their texts"
    if paying := _paying(engine, payer):
        asked = AskedModels(taxonomy=taxonomy, payer=paying, alone=engine == "llm")
        drawn = _drawn(left, range(len(left)), paying.limit)
        pairs = ((left[place], asked.local) for place in drawn)
        found = asked.evaluate(pairs, len(drawn))
        return Report(
            engine,
            f"{len(drawn)} rows of {path.name}",
            f"{protocol}. {asked.protocol}",
            *found,
            paying.prompt_version,
        )
    answer = _in_use(taxonomy, engine, row)
    return Report(engine, f"{len(left)} rows of {path.name}", f"{protocol}.", evaluate(left, answer))


def _paying(engine: EngineName, payer: Payer | None) -> Payer | None:
    """Who pays, where language models are asked. Local engines and rules never ask one, whoever would pay."""
    if engine == "llm" and payer is None:
        raise ValidationFailed(gettext("Name the client in whose name the language model is asked."))
    return payer if engine in {"llm", "cascade"} else None


def _examples_asked(
    *,
    taxonomy: Taxonomy,
    engine: EngineName,
    payer: Payer,
    cases: Sequence[Labelled],
    places: Sequence[int],
    source: str,
) -> Report:
    """Ask models about the examples at some places; all teach the local models of the folds."""
    asked = AskedModels(taxonomy=taxonomy, payer=payer, alone=engine == "llm")
    drawn = _drawn(cases, places, payer.limit)
    if engine == "llm" or asked.local is None:
        pairs = iter([(cases[place], asked.local) for place in drawn])
        protocol = "Every text is asked about." if engine == "llm" else "No local engine is in use."
    else:
        pairs, protocol = _with_folds(cases, set(drawn)), _OUT_OF_FOLD
    found = asked.evaluate(pairs, len(drawn))
    return Report(
        engine, f"{len(drawn)} {source}", f"{protocol} {asked.protocol}", *found, payer.prompt_version
    )


def _drawn(cases: Sequence[Labelled], places: Iterable[int], limit: int | None) -> list[int]:
    """All places, or as many as wanted: drawn by the hash of the text, so the same ones each time."""
    return sorted(places, key=lambda place: (cases[place].key, place))[:limit]


def _with_folds(cases: Sequence[Labelled], wanted: set[int]) -> Iterator[tuple[Labelled, LocalEngine | None]]:
    """Each wanted text with a local engine that was taught the other folds; trained when it is its turn."""
    for taught, held in dealt(cases):
        turn = [cases[place] for place in held if place in wanted]
        if turn:
            try:
                model = _trained([cases[place] for place in taught])
            except ModelError as error:
                raise ValidationFailed(_TOO_FEW) from error
            engine = LocalEngine({"category": model}, "evaluated")
            yield from ((case, engine) for case in turn)


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
    """The cascade without a language model: nobody is named who would pay for one."""
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
        return _with_model(engine, _trained(taught), spec, thresholds)

    return make


def _trained(cases: Sequence[Labelled]) -> FieldModel:
    """A model as training makes one: it knows what is unlike all it was taught; then the cascade asks on."""
    return FieldModel.train([case.text for case in cases], [case.label for case in cases], with_scope=True)


def _active(taxonomy: Taxonomy) -> LocalModel | None:
    """The row of the model that answers tickets now."""
    rows = LocalModel.objects.filter(taxonomy=taxonomy, field="category", state=ModelState.ACTIVE)
    return rows.select_related("training_set").first()


def _texts_taught(row: LocalModel) -> set[str]:
    """The hashes of the texts a model was taught."""
    if row.training_set is not None:
        return {text_hash for _, text_hash, _ in row.training_set.rows}
    # Trained before sets were kept: whatever is an example may have been taught.
    rows = LabelledExample.objects.filter(taxonomy=row.taxonomy_id)
    return set(rows.values_list("text_hash", flat=True))


def _in_use(taxonomy: Taxonomy, engine: EngineName, row: LocalModel | None) -> Answer:
    """The engine that answers tickets now, without any language model."""
    spec = _spec(taxonomy)
    if engine == "rules":
        return _rules(spec)
    model = field_model(row=row) if row is not None else None
    if model is None:
        raise ValidationFailed(
            gettext("The taxonomy %(slug)s has no model in use.") % {"slug": taxonomy.slug}
        )
    return _with_model(engine, model, spec, _thresholds(taxonomy))
