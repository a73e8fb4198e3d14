"""Severity by indicators and the combination of engines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.engine.severity import LEVELS, assess_severity, combine_severity, severity_prediction
from classifier.engine.types import Prediction


def said(value: str, confidence: float, source: str) -> Prediction:
    """A severity as an engine would give it."""
    return Prediction("severity", value, confidence, source)


def test_an_urgent_outage_for_all_users_is_critical_and_sure() -> None:
    """C15: the example of the acceptance list."""
    assessment = assess_severity("URGENT system down affecting all users")
    assert assessment.value == "critical"
    assert assessment.confidence >= 0.9
    assert "URGENT" in assessment.urgency_indicators


@pytest.mark.parametrize(
    "text",
    [
        "The production database is down since 9am",
        "The whole e-mail server has been down for an hour",
        "We have had a data breach, customer records were posted online",
        "After the migration we lost all our data",
        "Checkout down, we are losing money every minute",
        "Ransomware on the file server",
        "Nobody can work, totalausfall",
    ],
)
def test_outage_data_loss_breach_and_revenue_stop_are_critical(text: str) -> None:
    """C15: these four kinds are critical."""
    assert assess_severity(text).value == "critical"


@pytest.mark.parametrize(
    "text",
    [
        "This is not urgent, no rush at all",
        "Just a typo on the start page",
        "Minor cosmetic problem, whenever you have time",
        "Das ist nicht dringend",
    ],
)
def test_calm_words_make_it_low(text: str) -> None:
    """C15: "not urgent" and its like are low."""
    assert assess_severity(text).value == "low"


@pytest.mark.parametrize(
    "text",
    [
        "There was no data loss and no outage",
        "This is not a security breach",
        "URGENT!!! please help me",
        "In case of an outage, whom do I call?",
        "Question about the planned outage next week",
        "How do we prevent data loss?",
        "Please call me back",
    ],
)
def test_negated_hypothetical_and_merely_urgent_words_never_make_it_critical(text: str) -> None:
    """C15: critical needs something that has happened."""
    assert assess_severity(text).value != "critical"


def test_a_taxonomy_adds_its_own_indicators() -> None:
    """T3, C15: indicator words of the taxonomy count; "urgent" alone stays high even there."""
    indicators = {"critical": ("conveyor belt halted", "urgent"), "low": ("wish list",)}
    assert assess_severity("The conveyor belt halted", indicators).value == "critical"
    assert assess_severity("urgent", indicators).value == "high"
    assert assess_severity("one for the wish list", indicators).value == "low"


def test_more_signs_never_lower_the_confidence_in_critical() -> None:
    """C8: confidence is monotone in the evidence."""
    texts = ["system down", "urgent system down", "urgent system down affecting all users"]
    confidences = [assess_severity(text).confidence for text in texts]
    assert confidences == sorted(confidences)


@given(st.text(max_size=400))
def test_any_text_gets_a_level_and_a_confidence(text: str) -> None:
    """C15: the rules answer for every text."""
    prediction = severity_prediction(assess_severity(text))
    assert prediction.value in LEVELS
    assert prediction.confidence is not None
    assert 0.0 <= prediction.confidence <= 1.0
    assert prediction.calibrated is False


def test_an_llm_alone_raises_to_high_but_never_to_critical() -> None:
    """C15, FACTS 16: critical of the LLM alone becomes high with critical as a suggestion."""
    result = combine_severity(
        said("medium", 0.5, "rules"), said("low", 0.6, "local"), said("critical", 0.99, "llm")
    )
    assert result.value == "high"
    assert "critical" in [alternative.value for alternative in result.alternatives]
    assert "person" in result.reasoning
    only = combine_severity(None, None, said("critical", 1.0, "llm"))
    assert only.value == "high"
    raised = combine_severity(said("medium", 0.4, "rules"), None, said("high", 0.9, "llm"))
    assert raised.value == "high"


@pytest.mark.parametrize("second", ["rules", "local"])
def test_critical_of_the_llm_stands_when_a_second_engine_agrees(second: str) -> None:
    """C15: rules or the local engine must agree."""
    votes = {"rules": said("medium", 0.4, "rules"), "local": said("medium", 0.4, "local")}
    votes[second] = said("critical", 0.7, second)
    result = combine_severity(votes["rules"], votes["local"], said("critical", 0.9, "llm"))
    assert result.value == "critical"
    assert result.confidence is not None
    assert result.confidence > 0.9


def test_a_clear_critical_sign_of_the_rules_is_not_outvoted() -> None:
    """C15: a model cannot talk an outage down."""
    result = combine_severity(
        said("critical", 0.95, "rules"), said("low", 0.99, "local"), said("low", 0.99, "llm")
    )
    assert result.value == "critical"


@given(
    st.sampled_from(LEVELS),
    st.sampled_from(LEVELS),
    st.sampled_from(LEVELS),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_no_combination_is_critical_without_rules_or_local(
    rules: str, local: str, llm: str, first: float, second: float, third: float
) -> None:
    """C15: over all votes and confidences."""
    result = combine_severity(
        said(rules, first, "rules"), said(local, second, "local"), said(llm, third, "llm")
    )
    if result.value == "critical":
        assert "critical" in (rules, local)
    assert result.confidence is not None
    assert 0.0 <= result.confidence <= 1.0


def test_combining_nothing_is_an_error() -> None:
    """C15: there is no severity without an engine."""
    with pytest.raises(ValueError, match="No engine"):
        combine_severity(None)
