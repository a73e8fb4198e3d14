"""Models as bytes: exact, and never believed when damaged (C7)."""

from __future__ import annotations

import hashlib
import random

import pytest

from classifier.engine.artifacts import dump_model, load_model
from classifier.engine.errors import ArtifactError
from classifier.engine.linear import FieldModel

TEXTS = [f"{word} fails in room {number}" for number in range(10) for word in ("vpn router", "laptop screen")]
LABELS = ["network", "hardware"] * 10


@pytest.fixture(scope="module")
def model() -> FieldModel:
    """A small model."""
    return FieldModel.train(TEXTS, LABELS)


def test_a_model_comes_back_exactly(model: FieldModel) -> None:
    """C7: same answers, same quality."""
    again = load_model(dump_model(model))
    assert again.predict(["the vpn is down"]) == model.predict(["the vpn is down"])
    assert (again.quality, again.snapshot, again.labels) == (model.quality, model.snapshot, model.labels)


def test_other_bytes_than_named_are_refused(model: FieldModel) -> None:
    """C7: the database names the artifact by its hash."""
    data = dump_model(model)
    assert load_model(data, sha256=hashlib.sha256(data).hexdigest())
    with pytest.raises(ArtifactError):
        load_model(data, sha256="0" * 64)


@pytest.mark.parametrize(
    "data", [b"", b"SWMODEL1", b"something", b"SWMODEL1" + (2).to_bytes(8, "big") + b"[]", b"\x80\x04pickle"]
)
def test_what_is_no_model_is_named_so(data: bytes) -> None:
    """C7: one error for everything that can be wrong."""
    with pytest.raises(ArtifactError):
        load_model(data)


def test_damage_never_surprises(model: FieldModel) -> None:
    """C7: a flipped byte gives an error of ours or a model, never anything else."""
    data = dump_model(model)
    chance = random.Random(7)
    for _ in range(150):
        broken = bytearray(data)
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        try:
            load_model(bytes(broken))
        except ArtifactError:
            continue
