"""Duplicate scores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from classifier.engine.similarity import Comparable, duplicate_score, fingerprint

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
VPN = "I cannot connect to the VPN after the Windows update. Error 0x80070005 every time."


def test_the_same_ticket_twice_scores_one() -> None:
    """C19: same requester, text, codes, time."""
    score = duplicate_score(Comparable(VPN, "a@x.org", NOON), Comparable(VPN, "A@x.org", NOON))
    assert score.total == 1.0
    assert score.same_requester
    assert score.parts == {"text": 1.0, "codes": 1.0, "requester": 1.0, "time": 1.0}


def test_the_same_words_in_another_order_of_sentences_score_high() -> None:
    """C19: rephrased a little."""
    other = "After the Windows update I can't connect to VPN! Every time error 0x80070005"
    score = duplicate_score(Comparable(VPN, "a", NOON), Comparable(other, "a", NOON + timedelta(hours=1)))
    assert score.total > 0.7


def test_unlike_texts_stay_low_whoever_wrote_them() -> None:
    """C19: same requester and minute alone make no duplicate."""
    score = duplicate_score(
        Comparable(VPN, "a", NOON), Comparable("Please order a new chair for me", "a", NOON)
    )
    assert score.total < 0.4


def test_two_order_numbers_are_two_matters() -> None:
    """C19: like words about different orders are not one ticket."""
    first = Comparable("Where is my order ORD-11111?", "a", NOON)
    second = Comparable("Where is my order ORD-22222?", "a", NOON)
    assert duplicate_score(first, second).total < 0.6 < duplicate_score(first, first).total


def test_time_apart_lowers_the_score() -> None:
    """C19: closeness in time is a part."""
    near = duplicate_score(Comparable(VPN, "a", NOON), Comparable(VPN, "a", NOON + timedelta(hours=1)))
    far = duplicate_score(Comparable(VPN, "a", NOON), Comparable(VPN, "a", NOON + timedelta(days=9)))
    assert near.parts["time"] > far.parts["time"]
    assert near.total > far.total


@given(st.text(max_size=200), st.text(max_size=200))
def test_the_score_is_symmetric_and_bounded(first: str, second: str) -> None:
    """C19: for any two texts; a fingerprint can be kept and used again."""
    a, b = fingerprint(Comparable(first)), fingerprint(Comparable(second))
    assert duplicate_score(a, b) == duplicate_score(Comparable(second), Comparable(first))
    assert 0.0 <= duplicate_score(a, b).total <= 1.0
