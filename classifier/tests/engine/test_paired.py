"""McNemar's exact test, and answers to texts that were not taught (C24)."""

from __future__ import annotations

import math

import pytest

from classifier.engine.paired import (
    Labelled,
    compare_answers,
    compare_recipes,
    distinct,
    held_out_answers,
    mcnemar_exact,
    part_of,
)


def exact_by_hand(gained: int, lost: int) -> float:
    """Twice the smaller tail of a fair coin."""
    total = gained + lost
    tail = sum(math.comb(total, k) for k in range(min(gained, lost) + 1)) / 2**total
    return min(1.0, 2 * tail)


@pytest.mark.parametrize(("gained", "lost"), [(6, 0), (5, 0), (34, 6), (10, 3), (7, 7), (1, 12)])
def test_the_p_value_is_the_one_counted_by_hand(gained: int, lost: int) -> None:
    """C24: two-sided and exact."""
    assert mcnemar_exact(gained, lost) == pytest.approx(exact_by_hand(gained, lost))


def test_one_side_counts_only_what_speaks_for_the_new_model() -> None:
    """C24: the tail from the gained ones up, by hand."""
    tail = sum(math.comb(13, k) for k in range(10, 14)) / 2**13
    assert mcnemar_exact(10, 3, "greater") == pytest.approx(tail)
    assert mcnemar_exact(3, 10, "greater") > 0.95


def test_models_that_never_differ_cannot_be_told_apart() -> None:
    """C24: nothing to go by is no evidence."""
    assert mcnemar_exact(0, 0) == 1.0


def test_only_differences_count() -> None:
    """C24: both right and both wrong say nothing."""
    truth = ["a"] * 10
    test = compare_answers(truth, ["a"] * 8 + ["b"] * 2, ["b"] * 7 + ["a"] + ["b", "a"])
    assert (test.judged, test.new_right, test.old_right, test.gained, test.lost) == (10, 8, 2, 7, 1)


def test_better_needs_both_direction_and_significance() -> None:
    """C24: four to none may be chance, none to twelve is significant for the wrong side."""
    truth, right, wrong = ["a"] * 12, ["a"] * 12, ["b"] * 12
    assert compare_answers(truth, right, wrong).shows_better(0.05)
    assert not compare_answers(truth, wrong, right).shows_better(0.05)
    assert not compare_answers(truth[:4], right[:4], wrong[:4]).shows_better(0.05)


def test_worse_is_better_the_other_way_round() -> None:
    """C24: nothing is both, and five to none is shown one-sided."""
    truth, right, wrong = ["a"] * 5, ["a"] * 5, ["b"] * 5
    assert compare_answers(truth, wrong, right).shows_worse(0.05)
    assert not compare_answers(truth, right, wrong).shows_worse(0.05)
    assert not compare_answers(truth, right, right).shows_worse(0.05)


def test_wrong_labels_are_seen_to_spoil_what_was_known() -> None:
    """C24: the old texts out of fold, with and without fifty labels that are the wrong way round."""
    words = {"a": "vpn wifi router", "b": "laptop screen battery"}
    old = [Labelled(f"o{n}", f"{words['ab'[n % 2]]} case {n}", "ab"[n % 2]) for n in range(40)]
    wrong = [Labelled(f"w{n}", f"{words['ab'[n % 2]]} case {n + 100}", "ba"[n % 2]) for n in range(50)]
    right = [Labelled(f"r{n}", f"{words['ab'[n % 2]]} case {n + 100}", "ab"[n % 2]) for n in range(50)]
    assert compare_recipes([*old, *wrong], old, old).shows_worse(0.05)
    test = compare_recipes([*old, *right], old, old)
    assert (test.judged, test.lost) == (40, 0)


def test_answers_of_unequal_length_are_refused() -> None:
    """C24: pairs belong together."""
    with pytest.raises(ValueError, match="shorter"):
        compare_answers(["a", "b"], ["a", "b"], ["a"])


def test_a_text_keeps_its_part_and_the_parts_are_even() -> None:
    """C24: stable from night to night."""
    parts = [part_of(f"text {number}") for number in range(5_000)]
    assert parts == [part_of(f"text {number}") for number in range(5_000)]
    counts = [parts.count(part) for part in range(10)]
    assert min(counts) > 420
    assert max(counts) < 580


def test_a_repeated_text_counts_once_with_its_last_label() -> None:
    """C24: pairs have to be independent."""
    rows = [Labelled("1", "disk full", "a"), Labelled("2", "no mail", "b"), Labelled("1", "disk full", "b")]
    assert distinct(rows) == [rows[2], rows[1]]


def test_the_candidate_never_saw_what_it_answers() -> None:
    """C24: each text's own word is its label, so only a model that saw the text can be right."""
    rows = [Labelled(f"{n}", f"secretword{n}", "ab"[n % 2]) for n in range(60)] + [
        Labelled(f"s{n}", f"alpha beta {n}", "ab"[n % 2]) for n in range(20)
    ]
    judged, answers = held_out_answers(rows, rows[:60])
    assert sorted(row.key for row in judged) == sorted(row.key for row in rows[:60])
    right = sum(row.label == answer for row, answer in zip(judged, answers, strict=True))
    assert right < 45


def test_a_copy_of_a_judged_text_is_kept_from_the_candidate() -> None:
    """C24: the same text in the starter set would give the answer away."""
    judged = [Labelled(f"{n}", f"uniqueword{n}", "ab"[n % 2]) for n in range(40)]
    fillers = [Labelled(f"f{n}", f"plain text number {n}", "ab"[n % 2]) for n in range(40)]
    found, answers = held_out_answers([*judged, *judged, *fillers], judged)
    assert sum(row.label == answer for row, answer in zip(found, answers, strict=True)) < 32


def test_it_stops_when_enough_texts_are_judged() -> None:
    """C24: large sets need not be judged in full."""
    rows = [
        Labelled(f"{n}", f"{'vpn wifi' if n % 2 else 'laptop screen'} {n}", "ab"[n % 2]) for n in range(200)
    ]
    judged, _ = held_out_answers(rows, rows, enough=30)
    assert 30 <= len(judged) < 80
