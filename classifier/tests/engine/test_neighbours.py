"""The exact index: right, kept apart by owner, and the same after any order of changes (C18)."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.engine.errors import ModelError
from classifier.engine.neighbours import ExactIndex, Vectors

SIZE = 8


def drawn(count: int, seed: int = 0) -> Vectors:
    """Vectors of length 1."""
    rows = np.random.default_rng(seed).standard_normal((count, SIZE), dtype=np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def test_it_finds_what_a_full_comparison_finds() -> None:
    """C18: exact."""
    vectors = drawn(300)
    index = ExactIndex(SIZE)
    index.add("acme", range(300), vectors)
    likeness = vectors @ vectors[7]
    expected = [int(key) for key in np.argsort(-likeness)[:10]]
    assert [found.key for found in index.search("acme", vectors[7], 10)] == expected
    assert index.search("acme", vectors[7], 1)[0].similarity == pytest.approx(1.0, abs=1e-5)


def test_another_owner_is_never_found() -> None:
    """C18: limited to the client before the top k."""
    vectors = drawn(20)
    index = ExactIndex(SIZE)
    index.add("acme", range(10), vectors[:10])
    index.add("globex", range(10, 20), vectors[10:])
    assert {found.key for found in index.search("acme", vectors[15], 20)} == set(range(10))
    assert index.search("nobody", vectors[0], 5) == []


def test_only_allowed_keys_count_towards_the_k() -> None:
    """C18: the mask comes before the top k."""
    vectors = drawn(50)
    index = ExactIndex(SIZE)
    index.add("acme", range(50), vectors)
    allowed = np.array([3, 4, 5])
    assert {found.key for found in index.search("acme", vectors[20], 3, allowed=allowed)} == {3, 4, 5}
    assert index.search("acme", vectors[20], 3, allowed=np.array([], dtype=np.int64)) == []


def test_equal_vectors_are_ordered_by_key() -> None:
    """The same question has the same answer."""
    index = ExactIndex(SIZE)
    index.add("acme", [9, 4, 7, 1], np.repeat(drawn(1), 4, axis=0))
    assert [found.key for found in index.search("acme", drawn(1)[0], 2)] == [1, 4]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 80), st.integers(0, 30)), max_size=150))
def test_any_order_of_changes_leaves_what_a_dictionary_would_hold(
    changes: list[tuple[bool, int, int]],
) -> None:
    """Adding, replacing and removing move rows about; none gets lost or stale."""
    pool, index, expected = drawn(31), ExactIndex(SIZE), {}
    for adding, key, which in changes:
        if adding:
            index.add("acme", [key], pool[which : which + 1])
            expected[key] = which
        else:
            index.remove("acme", [key])
            expected.pop(key, None)
    assert index.count("acme") == len(expected)
    found = index.search("acme", pool[0], 200)
    likeness = {key: float(pool[which] @ pool[0]) for key, which in expected.items()}
    assert {item.key for item in found} == set(likeness)
    assert all(item.similarity == pytest.approx(likeness[item.key], abs=1e-5) for item in found)


def test_vectors_of_another_size_are_refused() -> None:
    """C18: spaces never mix."""
    index = ExactIndex(SIZE)
    with pytest.raises(ModelError):
        index.add("acme", [1], np.zeros((1, SIZE + 1), dtype=np.float32))
    with pytest.raises(ModelError):
        index.search("acme", np.zeros(SIZE + 1, dtype=np.float32), 3)


def test_threads_may_search_while_others_add() -> None:
    """A search sees whole rows: every key it finds has the similarity of its own vector."""
    vectors, index = drawn(400), ExactIndex(SIZE)
    wrong: list[int] = []

    def add() -> None:
        for key in range(400):
            index.add("acme", [key], vectors[key : key + 1])

    def search() -> None:
        for _ in range(200):
            wrong.extend(
                found.key
                for found in index.search("acme", vectors[0], 5)
                if abs(found.similarity - float(vectors[found.key] @ vectors[0])) > 1e-4
            )

    threads = [threading.Thread(target=add), threading.Thread(target=search)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
