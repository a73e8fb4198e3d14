"""Sentiment, root cause, language and summary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.engine.language import LANGUAGES, detect_language, language_prediction
from classifier.engine.root_cause import ROOT_CAUSES, root_cause_prediction
from classifier.engine.sentiment import assess_sentiment, sentiment_prediction
from classifier.engine.summary import MAX_SUMMARY_CHARS, cut, summarize, summary_prediction


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thank you so much, the new laptop works great!", "positive"),
        ("This is unacceptable, the third time I write!!", "negative"),
        ("I am not happy with this at all", "negative"),
        ("Not bad.", "neutral"),
        ("My printer shows error 49 and is stuck", "neutral"),
        ("I cannot connect to the VPN after the Windows update.", "neutral"),
        ("Ich bin sehr enttäuscht, schon wieder keine Antwort", "negative"),
        ("Der Support war hervorragend, ich bin begeistert", "positive"),
        ("", "neutral"),
    ],
)
def test_sentiment_follows_tone_and_not_the_fault(text: str, expected: str) -> None:
    """T1, C1: a plain fault report is neutral, anger is negative, thanks are positive."""
    assert assess_sentiment(text).value == expected


def test_intensifiers_make_the_tone_surer() -> None:
    """C8: "very disappointed" is surer than "disappointed"."""
    assert (
        assess_sentiment("I am very disappointed").confidence
        > assess_sentiment("I am disappointed").confidence
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I want a refund for order #123", "refund"),
        ("I was charged twice this month, give me my money back", "refund"),
        ("Please add a dark mode, it would be nice to have", "feature"),
        ("The app crashes with a stack trace on start", "bug"),
        ("Die Seite funktioniert nicht, Fehlermeldung 12", "bug"),
        ("Where is your office in Lyon?", "other"),
        ("I do not want a refund, only an answer", "other"),
    ],
)
def test_root_cause_follows_what_is_asked_for(text: str, expected: str) -> None:
    """T1: bug, feature, refund or other."""
    assert root_cause_prediction(text).value == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My printer does not print since this morning", "en"),
        ("Mein Drucker druckt seit heute Morgen nicht mehr", "de"),
        ("Je ne peux pas me connecter à mon compte depuis hier", "fr"),
        ("No puedo entrar en mi cuenta desde ayer", "es"),
        ("Não consigo entrar na minha conta desde ontem", "pt"),
        ("Non riesco ad accedere al mio account da ieri", "it"),
        ("De printer op de tweede verdieping doet het niet", "nl"),
        ("Nie mogę się zalogować do poczty od wczoraj", "pl"),
        ("PRINTER DOES NOT PRINT ANYMORE", "en"),
    ],
)
def test_the_language_is_recognised(text: str, expected: str) -> None:
    """T1: ISO 639-1 code of the ticket's language."""
    assert detect_language(text)[0] == expected


def test_short_text_is_english_with_low_confidence() -> None:
    """T1: too short to tell."""
    assert detect_language("VPN 42") == ("en", 0.3)


def test_a_longer_text_is_surer() -> None:
    """C8: five words say less than twenty."""
    short = detect_language("Mein Drucker ist kaputt")[1]
    long = detect_language("Mein Drucker ist seit gestern kaputt und ich kann keine Rechnung drucken")[1]
    assert long > short


def test_the_summary_is_the_telling_sentence() -> None:
    """T1: greeting, courtesy and signature are not what a ticket is about."""
    body = (
        "Hello team,\n\nI hope you are well. Since this morning I cannot connect to the VPN after the "
        "Windows update. Please help.\n\nRegards,\nJane Doe"
    )
    assert summarize(body) == "Since this morning I cannot connect to the VPN after the Windows update."


def test_the_summary_skips_quotes_and_log_lines() -> None:
    """T1: quoted mail and log noise are left out."""
    body = (
        "2026-01-02 10:00:01 ERROR pool exhausted\nat com.acme.Pool.take(Pool.java:12)\n"
        "The order export fails every night.\n\nOn Monday Bob wrote:\n> please restart the printer"
    )
    assert summarize(body) == "The order export fails every night."


def test_a_telling_subject_is_the_summary_and_a_vague_one_is_not() -> None:
    """T1: "Re: Help" says nothing."""
    body = "The invoice for March shows a wrong amount."
    assert summarize(body, "Re: Wrong amount on March invoice") == "Wrong amount on March invoice"
    assert summarize(body, "Re: Help") == body


def test_a_long_sentence_is_cut_at_a_word() -> None:
    """T1: at most 100 characters."""
    summary = summarize("The laptop does not start " + "and shows a black screen " * 10)
    assert len(summary) <= MAX_SUMMARY_CHARS
    assert summary.endswith("…")
    assert summary[:-1].split()[-1] in {"and", "shows", "a", "black", "screen"}


@given(st.text(max_size=600), st.text(max_size=150))
def test_every_field_answers_any_text_in_form(body: str, subject: str) -> None:
    """T1, C5: one line of at most 100 characters, known values, confidence in range."""
    summary = summary_prediction(body, subject)
    assert len(summary.value) <= MAX_SUMMARY_CHARS
    assert "\n" not in summary.value
    assert summary.confidence is None
    for prediction, values in (
        (sentiment_prediction(assess_sentiment(body)), {"positive", "neutral", "negative"}),
        (root_cause_prediction(body), set(ROOT_CAUSES)),
        (language_prediction(body), set(LANGUAGES)),
    ):
        assert prediction.value in values
        assert prediction.confidence is not None
        assert 0.0 <= prediction.confidence <= 1.0


@given(st.text(min_size=1, max_size=300), st.integers(20, 120))
def test_cutting_never_exceeds_the_limit(text: str, limit: int) -> None:
    """T1: whatever the text."""
    assert len(cut(text, limit)) <= limit
