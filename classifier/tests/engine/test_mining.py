"""Phrases that point to a label (C29)."""

from __future__ import annotations

import random

from classifier.engine.mining import mine_phrases, phrases_of

WORDS = [f"word{chr(97 + n)}{chr(97 + m)}" for n in range(10) for m in range(10)]


def sample(number: int, seed: int = 1) -> tuple[list[str], list[str]]:
    """Texts of random words; "badge reader" stands in most of one label's and in few of the other's."""
    dice = random.Random(seed)
    texts, labels = [], []
    for place in range(number):
        label = "access" if place % 3 == 0 else "other"
        words = dice.choices(WORDS, k=12)
        if label == "access" and place % 2:
            words[3:3] = ["badge", "reader"]
        texts.append(" ".join(words))
        labels.append(label)
    return texts, labels


def test_a_planted_phrase_is_found_and_its_longer_twins_are_not() -> None:
    """C29: support and precision come from the half that was kept back."""
    found = mine_phrases(*sample(240))
    assert found[0].phrase in {"badge", "reader"}
    assert all(item.label == "access" for item in found)
    assert not any(item.phrase == "badge reader" for item in found)
    assert found[0].support == found[0].right >= 10
    assert 0.7 <= found[0].bound < 1.0


def test_random_labels_yield_nothing() -> None:
    """C29: a thousand phrases are tried, so chance must not pass."""
    texts, labels = sample(600)
    random.Random(5).shuffle(labels)
    assert mine_phrases([text.replace("badge reader", "") for text in texts], labels) == []


def test_known_phrases_are_not_proposed_again() -> None:
    """C29: a keyword that is there already."""
    known = {"access": {"badge", "reader"}}
    assert all(item.phrase not in known["access"] for item in mine_phrases(*sample(240), known=known))


def test_phrases_hold_no_personal_placeholders_and_cross_no_clause() -> None:
    """C21: a rule is shown to people and kept for ever."""
    found = set(phrases_of("The badge of [EMAIL_1] broke. Reader fails, 12 of the doors."))
    assert "badge" in found
    assert not any("email" in phrase for phrase in found)
    assert "broke reader" not in found
    assert not any(phrase.startswith("12") for phrase in found)
