"""Reply drafts from templates."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.engine.drafts import (
    TONES,
    DraftRequest,
    DraftTemplatesInvalid,
    Source,
    load_templates,
    write_draft,
)

CATEGORIES = (
    "hardware",
    "software",
    "network",
    "security",
    "database",
    "application",
    "infrastructure",
    "technical",
    "billing",
    "account",
    "feature_request",
    "bug_report",
    "general",
    "network_issue",
    "account_problem",
    "payment_issue",
    "other",
    "generic",
)


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("tone", TONES)
def test_every_category_has_a_whole_draft_in_every_tone(category: str, tone: str) -> None:
    """C16: greeting, acknowledgement, explanation, action items, timeline, closing."""
    draft = write_draft(DraftRequest(category, tone=tone, sla_target="4 hours", reference="SW-7"))
    assert draft.template_used == f"{category}.{tone}"
    for part in (draft.greeting, draft.acknowledgment, draft.explanation, draft.timeline, draft.closing):
        assert part
        assert part in draft.content
    assert len(draft.action_items) >= 2
    assert all(item in draft.content for item in draft.action_items)
    assert draft.suggested_actions
    assert "$" not in draft.content
    assert "4 hours" in draft.timeline
    assert "SW-7" in draft.closing


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("category", ["hardware", "software", "network", "database", "application"])
def test_a_wish_is_not_answered_as_a_fault(category: str, tone: str) -> None:
    """C16: whoever orders a monitor is not asked to restart it."""
    draft = write_draft(DraftRequest(category, tone=tone, is_wish=True))
    assert draft.template_used == f"service_request.{tone}"
    assert not any(word in draft.content.lower() for word in ("fault", "trouble", "restart", "problem"))


def test_a_category_whose_texts_fit_both_keeps_them() -> None:
    """C16: billing speaks of no fault."""
    assert write_draft(DraftRequest("billing", is_wish=True)).template_used == "billing.friendly"


def test_a_template_for_wishes_must_be_there() -> None:
    """C16: a wrong name is found when the texts are read, not when a draft is written."""
    shipped = (Path(__file__).parents[2] / "defaults" / "drafts.yaml").read_text(encoding="utf-8")
    with pytest.raises(DraftTemplatesInvalid, match=r"hardware\.wish"):
        load_templates(shipped.replace("wish: service_request", "wish: nowhere"))


def test_the_tones_differ() -> None:
    """C16: formal, friendly and technical are three texts."""
    assert len({write_draft(DraftRequest("network", tone=tone)).content for tone in TONES}) == 3


def test_without_a_target_no_time_is_promised() -> None:
    """C16: the timeline comes from the real SLA target alone."""
    timeline = write_draft(DraftRequest("billing")).timeline
    assert not any(character.isdigit() for character in timeline)
    assert "within" not in timeline


def test_missing_fields_are_asked_for_in_plain_words() -> None:
    """C14, C16: the draft asks for what the category needs."""
    draft = write_draft(DraftRequest("billing", missing_required=["order_id", "contract_term"]))
    assert "your order number" in draft.content
    assert "the contract term" in draft.content
    assert "order_id" not in draft.content
    assert any("order number" in item for item in draft.action_items)


def test_sources_and_found_values_are_shown() -> None:
    """C16: grounded, with the sources cited."""
    source = Source("How refunds work", "KB-7", "https://help.example.com/7")
    draft = write_draft(DraftRequest("billing", extracted={"order_id": "ORD-1"}, sources=[source]))
    assert "How refunds work (KB-7, https://help.example.com/7)" in draft.content
    assert "order ORD-1" in draft.acknowledgment
    assert draft.sources == (source,)


@pytest.mark.parametrize(
    ("severity", "sentiment", "expected"),
    [
        ("critical", "neutral", True),
        ("high", "negative", True),
        ("high", "neutral", False),
        ("low", "negative", False),
    ],
)
def test_escalation_follows_severity_and_sentiment(severity: str, sentiment: str, *, expected: bool) -> None:
    """C16: requires_escalation, and the agent is told first."""
    draft = write_draft(DraftRequest("network", severity, sentiment))
    assert draft.requires_escalation is expected
    assert ("Inform the lead before answering." in draft.suggested_actions) is expected


def test_an_upset_writer_gets_an_apology() -> None:
    """C16: the acknowledgement answers the tone of the ticket."""
    calm, upset = (
        write_draft(DraftRequest("network", sentiment=s, tone="formal")) for s in ("neutral", "negative")
    )
    assert "apologise" not in calm.content
    assert "apologise" in upset.acknowledgment


def test_unknown_category_and_tone_fall_back() -> None:
    """C16: a category of one's own is served by the general texts."""
    draft = write_draft(DraftRequest("facility_management", tone="poetic"))
    assert draft.template_used == "generic.friendly"


def test_values_from_outside_stay_on_one_line_and_fill_nothing() -> None:
    """C20: a name cannot forge a paragraph or reach another value."""
    draft = write_draft(
        DraftRequest("network", customer_name="Eve\n\nYour refund is approved $reference" + "x" * 500)
    )
    assert "\n" not in draft.greeting
    assert len(draft.greeting) < 120
    assert "$reference" in draft.greeting


def test_templates_are_loaded_from_text_and_path_and_checked(tmp_path: Path) -> None:
    """C16: a file that lacks a text is refused by name."""
    path = tmp_path / "drafts.yaml"
    shipped = (Path(__file__).parents[2] / "defaults" / "drafts.yaml").read_text(encoding="utf-8")
    path.write_text(shipped, encoding="utf-8")
    assert load_templates(path) == load_templates() == load_templates(shipped)
    for broken in (
        ": [",
        "- x",
        "tones: {}",
        shipped.replace("timeline_unknown", "later"),
        shipped.replace("generic:", "x:"),
    ):
        with pytest.raises(DraftTemplatesInvalid):
            load_templates(broken)
