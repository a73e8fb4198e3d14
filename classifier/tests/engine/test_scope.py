"""What is unlike everything taught goes to a person (C5, C7)."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.engine.artifacts import dump_model, load_model
from classifier.engine.cascade import Cascade
from classifier.engine.errors import ArtifactError
from classifier.engine.linear import FieldModel
from classifier.engine.local import UNKNOWN, LocalEngine
from classifier.engine.packing import pack, unpack
from classifier.engine.scope import ScopeModel
from classifier.engine.thresholds import Thresholds
from classifier.engine.types import Prediction, TriageInput

MATTERS = {
    "network": ("vpn router", "wifi network cable"),
    "hardware": ("laptop screen", "battery keyboard"),
    "access": ("password login", "account locked permission"),
    "printing": ("printer toner", "paper scanner tray"),
    "mail": ("outlook mailbox", "calendar invitation email"),
}
TEXTS = [
    f"the {words} in room {number} {state}"
    for number in range(8)
    for state in ("is broken", "does not work")
    for pair in MATTERS.values()
    for words in pair
]
LABELS = [label for _ in range(16) for label, pair in MATTERS.items() for _ in pair]
STRANGE = "Sourdough rises slowly overnight because wild yeast ferments flour"


@pytest.fixture(scope="module")
def model() -> FieldModel:
    """A model that knows its scope."""
    return FieldModel.train(TEXTS, LABELS, with_scope=True)


class AnsweringEngine:
    """Says the same of every text."""

    def __init__(self, name: str, prediction: Prediction) -> None:
        self.name, self._prediction = name, prediction

    def predict(self, batch: list[TriageInput]) -> list[dict[str, Prediction]]:
        """The one answer."""
        return [{"category": self._prediction} for _ in batch]


def test_what_was_taught_is_familiar_and_what_was_not_is_strange(model: FieldModel) -> None:
    """C7: the share tells how many taught texts looked less familiar."""
    known, strange = model.predict(["the vpn router in room 3 is broken", STRANGE])
    assert known.is_in_scope
    assert not strange.is_in_scope
    assert strange.in_scope < model.scope.threshold < known.in_scope


def test_the_threshold_lets_95_of_100_taught_texts_through() -> None:
    """Measured on signs drawn from one distribution, half for fitting and half for judging."""
    random = np.random.default_rng(3)
    taught, foreign = random.normal(0.5, 0.3, (4_000, 3)), random.normal(-0.5, 0.3, (2_000, 3))
    scope = ScopeModel.fit(taught[:2_000])
    accepted = (scope.shares(taught[2_000:]) >= scope.threshold).mean()
    refused = (scope.shares(foreign) < scope.threshold).mean()
    assert accepted == pytest.approx(0.95, abs=0.02)
    assert refused > 0.9


def test_a_sign_that_never_varies_is_left_out() -> None:
    """A share of known words that was always 1 cannot say how unusual 0.9 is."""
    random = np.random.default_rng(3)
    taught = np.column_stack([random.normal(0.5, 0.3, (100, 2)), np.ones(100)])
    scope = ScopeModel.fit(taught)
    assert scope.weights[2] == 0.0
    assert scope.shares(np.array([[0.5, 0.5, 0.2]]))[0] > 0.2


def test_two_labels_make_a_scope_too() -> None:
    """The smallest model there is."""
    places = [place for place, label in enumerate(LABELS) if label in {"network", "mail"}]
    model = FieldModel.train([TEXTS[i] for i in places], [LABELS[i] for i in places], with_scope=True)
    known, strange = model.predict(["the vpn router in room 3 is broken", STRANGE])
    assert (known.is_in_scope, strange.is_in_scope) == (True, False)


def test_a_model_keeps_its_scope_when_stored(model: FieldModel) -> None:
    """C7: the artifact holds it."""
    again = load_model(dump_model(model))
    assert again.scope == model.scope
    assert again.predict([STRANGE]) == model.predict([STRANGE])


def test_an_artifact_of_the_first_format_still_loads(model: FieldModel) -> None:
    """C7: models trained before there was a scope take every text for familiar."""
    header, arrays = unpack(b"SWMODEL1", dump_model(model), frozenset({2}))
    del header["scope"]
    old = load_model(pack(b"SWMODEL1", {**header, "format": 1}, arrays))
    answer = old.predict([STRANGE])[0]
    assert (old.scope, answer.in_scope, answer.is_in_scope) == (None, 1.0, True)


@pytest.mark.parametrize(
    "change", [{"centre": [1.0]}, {"spread": [0.0, 1.0, 1.0]}, {"knots": [1.0]}, {"knots": 1}]
)
def test_a_damaged_scope_is_refused(model: FieldModel, change: dict[str, object]) -> None:
    """C7: one error for everything that can be wrong."""
    header, arrays = unpack(b"SWMODEL1", dump_model(model), frozenset({2}))
    header["scope"].update(change)
    with pytest.raises(ArtifactError):
        load_model(pack(b"SWMODEL1", header, arrays))


def test_a_strange_text_is_held_with_a_reason(model: FieldModel) -> None:
    """C5: it goes to a person, not to the nearest category, however sure the model is."""
    thresholds = Thresholds(accept=0.1, suggest=0.05)
    engine = LocalEngine({"category": model}, "category:1")
    strange, known = Cascade([engine], thresholds).predict_all(
        [TriageInput(STRANGE), TriageInput("the vpn router in room 3 is broken")]
    )
    held, applied = strange.predictions["category"], known.predictions["category"]
    assert thresholds.decide("category", held.value, held.confidence) == "held"
    assert held.reasoning.startswith(UNKNOWN)
    assert thresholds.decide("category", applied.value, applied.confidence) == "applied"
    assert UNKNOWN not in applied.reasoning


def test_keywords_do_not_lift_a_strange_text() -> None:
    """C6: agreement with an engine that does not know the text is no agreement."""
    local = Prediction("category", "mail", 0.97, "local", is_in_scope=False)
    rules = Prediction("category", "mail", 0.97, "rules", calibrated=False)
    thresholds = Thresholds()
    engines = [AnsweringEngine("local", local), AnsweringEngine("rules", rules)]
    answer = Cascade(engines, thresholds).predict_all([TriageInput("x")])[0]
    found = answer.predictions["category"]
    assert thresholds.decide("category", found.value, found.confidence) == "held"


def test_a_later_engine_that_knows_the_text_decides() -> None:
    """C6: what the local engine never saw, a calibrated language model may still place."""
    local = Prediction("category", "mail", 0.97, "local", is_in_scope=False)
    asked = Prediction("category", "network", 0.9, "llm")
    engines = [AnsweringEngine("local", local), AnsweringEngine("llm", asked)]
    answer = Cascade(engines, Thresholds()).predict_all([TriageInput("x")])[0]
    assert (answer.decided_by, answer.predictions["category"].value) == ("llm", "network")
