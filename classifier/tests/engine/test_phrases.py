"""Words, phrases and negation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from classifier.engine.phrases import PhraseIndex, fold, is_negated, words_of


@given(st.text(max_size=300))
def test_words_point_at_their_place_in_the_text(text: str) -> None:
    """C14: offsets are exact for any text."""
    for word in words_of(text):
        assert fold(text[word.start : word.end]) == word.form


def test_the_longest_phrase_wins_and_plurals_meet() -> None:
    """C5: "database servers" is one phrase, not two; "crashes" is "crash"."""
    index = PhraseIndex(["database", "database server", "crash"])
    found = [hit.phrase for hit in index.find(words_of("Both Database Servers show crashes."))]
    assert found == ["database server", "crash"]


def test_a_phrase_matches_whole_words_only() -> None:
    """C5: "port" is not found in "report"."""
    assert PhraseIndex(["port"]).find(words_of("A report about transport")) == []


def test_negation_stays_within_its_clause() -> None:
    """C15: "No, this is urgent" is urgent; "not only urgent" is too; "not urgent" is not."""

    def negated(text: str) -> bool:
        words = words_of(text)
        position = next(index for index, word in enumerate(words) if word.form == "urgent")
        return is_negated(words, position)

    assert negated("this is not urgent")
    assert negated("nicht so urgent")
    assert not negated("No, this is urgent")
    assert not negated("this is not only urgent")
    assert not negated("I did not call but it is urgent")
