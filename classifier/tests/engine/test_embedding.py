"""The local embedding space: vectors of one length, never of two spaces, stored without pickles (C18)."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.engine.embedding import SIZE, EmbeddingSpace, dump_space, load_space
from classifier.engine.errors import ArtifactError, ModelError

TEXTS = [
    f"{what} in room {number}"
    for number in range(12)
    for what in ("the vpn router is down", "the laptop screen is broken", "please order a new chair")
]


@pytest.fixture(scope="module")
def space() -> EmbeddingSpace:
    """A small space."""
    return EmbeddingSpace.fit(TEXTS, seed=1)


def likeness(space: EmbeddingSpace, first: str, second: str) -> float:
    """Cosine of two texts."""
    one, other = space.embed([first, second])
    return float(one @ other)


def test_vectors_have_one_size_and_length_one(space: EmbeddingSpace) -> None:
    """C18: whatever the corpus; a text without a word is the zero vector."""
    vectors = space.embed(["the vpn is down", "Zebra", "", "!!!"])
    assert vectors.shape == (4, SIZE)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 0, 0], abs=1e-5)


def test_texts_about_the_same_thing_are_closer(space: EmbeddingSpace) -> None:
    """C18: the words in common decide, not their order."""
    near = likeness(space, "router down, no vpn", "the vpn router is down again")
    far = likeness(space, "router down, no vpn", "please order a chair")
    assert near > far + 0.3


def test_words_the_space_never_saw_still_count(space: EmbeddingSpace) -> None:
    """C18: a new product name tells two tickets apart on the first day."""
    same = likeness(space, "the Quibblex is down", "the Quibblex is down since noon")
    other = likeness(space, "the Quibblex is down", "the Frobnitz is down since noon")
    assert same > other + 0.05


def test_the_heading_weighs_more(space: EmbeddingSpace) -> None:
    """C18: the subject says what a ticket is about."""
    asked = "laptop screen broken"
    headed = likeness(space, asked, "laptop screen broken\n\nplease order a new chair for room 4")
    inside = likeness(space, asked, "please order a new chair for room 4\n\nlaptop screen broken")
    assert headed > inside


def test_one_fit_has_one_name_and_another_has_another(space: EmbeddingSpace) -> None:
    """C18: spaces never mix, so each names itself by its content."""
    assert EmbeddingSpace.fit(TEXTS, seed=1).name == space.name
    assert EmbeddingSpace.fit(TEXTS[:-1], seed=1).name != space.name


def test_a_space_comes_back_exactly(space: EmbeddingSpace) -> None:
    """C7: the same vectors after storing."""
    again = load_space(dump_space(space))
    assert again.name == space.name
    assert np.array_equal(again.embed(TEXTS), space.embed(TEXTS))


@pytest.mark.parametrize("data", [b"", b"SWSPACE1", b"SWMODEL1" + bytes(40), b"\x80\x04pickle"])
def test_what_is_no_space_is_named_so(data: bytes) -> None:
    """C7: one error for everything that can be wrong."""
    with pytest.raises(ArtifactError):
        load_space(data)


def test_damage_never_surprises(space: EmbeddingSpace) -> None:
    """C7: a flipped byte gives an error of ours or the same space, never another one under its name."""
    data = dump_space(space)
    chance = random.Random(7)
    for _ in range(60):
        broken = bytearray(data)
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        try:
            again = load_space(bytes(broken))
        except ArtifactError:
            continue
        assert np.array_equal(again.components, space.components)


def test_one_text_makes_no_space() -> None:
    """C18: named, not a crash of a library."""
    with pytest.raises(ModelError):
        EmbeddingSpace.fit(["alone"])
    assert EmbeddingSpace.fit(["", "!!!"]).embed(["anything"]).shape == (1, SIZE)


@given(st.lists(st.text(max_size=120), max_size=4))
def test_any_text_has_a_finite_vector(space: EmbeddingSpace, texts: list[str]) -> None:
    """C5: for any text."""
    vectors = space.embed(texts)
    assert vectors.shape == (len(texts), SIZE)
    assert np.isfinite(vectors).all()
