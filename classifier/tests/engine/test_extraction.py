"""Entities with exact spans, custom fields, and the check of an LLM's claims."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.engine.custom_fields import CustomField, UnsafePattern, compile_safe, find_custom
from classifier.engine.extraction import (
    ExtractedField,
    Extractor,
    FieldProblem,
    accept_llm_field,
    extract_fields,
)

PIECES = st.sampled_from(
    [
        "order ORD-123456",
        "order #77",
        "a@b.org",
        "+49 30 901820",
        "ERR-17",
        "0x80070005",
        "HTTP 503",
        "10.0.0.5",
        "fe80::1",
        "EAN 4006381333931",
        "SN: AB-12345",
        "lot L42",
        "srv-db-01",
        "www.shop.example.com",
        "urgent",
        "Outlook 2019",
        "(01)09506000134352(10)AB1",
        "\n",
        " ",
        ".",
        "é",
        "😀",
        "not",
        "@",
        "#",
        "-",
        "0",
    ]
)


def found(text: str, name: str) -> list[tuple[str, str]]:
    """Values and normal forms of one field."""
    return [(item.value, item.normalized) for item in extract_fields(text).fields if item.name == name]


def test_the_order_number_has_its_exact_span() -> None:
    """C14: the example of the acceptance list."""
    text = "My order ORD-123456 hasn't arrived"
    (field,) = extract_fields(text).fields
    assert (field.name, field.value, field.start, field.end) == ("order_id", "ORD-123456", 9, 19)


def test_the_other_examples_of_the_acceptance_list() -> None:
    """C14: e-mail address and number sign."""
    assert found("Contact me at user@example.com", "account_email") == [
        ("user@example.com", "user@example.com")
    ]
    assert found("I want a refund for order #123", "order_id") == [("#123", "123")]


@pytest.mark.parametrize(
    ("text", "name", "value", "normalized"),
    [
        ("order 123456 is late", "order_id", "123456", "123456"),
        ("Order number: A-99812", "order_id", "A-99812", "A-99812"),
        ("Bestellnummer 4711001 fehlt", "order_id", "4711001", "4711001"),
        ("fails with err-2041 now", "error_code", "err-2041", "ERR-2041"),
        ("code 0x8007000e", "error_code", "0x8007000e", "0x8007000E"),
        ("it returns HTTP 503 today", "error_code", "HTTP 503", "HTTP 503"),
        ("a 502 Bad Gateway page", "error_code", "502", "HTTP 502"),
        ("ORA-12345 raised", "error_code", "ORA-12345", "ORA-12345"),
        ("SQLSTATE[42S02]: no table", "error_code", "SQLSTATE[42S02]", "SQLSTATE[42S02]"),
        ("panel shows E1234", "error_code", "E1234", "E1234"),
        ("stop IRQL_NOT_LESS_OR_EQUAL", "error_code", "IRQL_NOT_LESS_OR_EQUAL", "IRQL_NOT_LESS_OR_EQUAL"),
        ("java.lang.NullPointerException", "error_code", *["java.lang.NullPointerException"] * 2),
        ("call me at +49 30 901820", "phone_number", "+49 30 901820", "+4930901820"),
        ("mobile: 07400 123456", "phone_number", "07400 123456", "+447400123456"),
        ("EAN 4006381333931", "gtin", "4006381333931", "04006381333931"),
        ("serial number: sn-99887766", "serial", "sn-99887766", "SN-99887766"),
        ("batch no. B2231", "lot", "B2231", "B2231"),
        ("host DB-Prod-01.corp.local", "hostname", "DB-Prod-01.corp.local", "db-prod-01.corp.local"),
        ("ping 10.1.2.3 fails", "ip_address", "10.1.2.3", "10.1.2.3"),
        ("via 2001:DB8::1 only", "ip_address", "2001:DB8::1", "2001:db8::1"),
        ("my Outlook 2019 hangs", "product_name", "Outlook 2019", "Outlook 2019"),
        ("We need this ASAP", "priority_keywords", "ASAP", "asap"),
    ],
)
def test_each_field_is_found_and_normalised(text: str, name: str, value: str, normalized: str) -> None:
    """C14: every standard field."""
    assert (value, normalized) in found(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("see ticket #4567", "order_id"),
        ("I ordered 500 units", "order_id"),
        ("firmware version 10.0.19.1", "ip_address"),
        ("at 10:30:00 sharp", "ip_address"),
        ("on 2026-01-15 and 15.01.2026", "phone_number"),
        ("room 503 is cold", "error_code"),
        ("the report.pdf is empty", "hostname"),
        ("not urgent", "nothing"),
    ],
)
def test_what_only_looks_alike_is_left_out(text: str, name: str) -> None:
    """C14: dates, versions, times, files and other numbers."""
    assert found(text, name) == []


def test_confidence_follows_the_kind_of_pattern() -> None:
    """C14: a prefixed number is surer than a labelled one, that surer than a bare one."""
    by_text = [
        extract_fields(text).fields[0].confidence for text in ("ORD-123456", "order 123456", "see #123456")
    ]
    assert by_text == sorted(by_text, reverse=True)
    assert len(set(by_text)) == 3


def test_wrong_check_digits_and_broken_addresses_are_reported() -> None:
    """C14: validation errors keep the value and its place."""
    text = "EAN 4006381333932, e-mail: joe@@x"
    problems = extract_fields(text).validation_errors
    assert {problem.name for problem in problems} == {"gtin", "account_email"}
    assert all(text[problem.start : problem.end] == problem.value for problem in problems)


def test_missing_required_fields_are_named_in_order() -> None:
    """C14: what the category needs and the ticket lacks."""
    result = extract_fields("my order ORD-123456", ["serial", "order_id", "account_email", "serial"])
    assert result.missing_required == ("serial", "account_email")
    assert result.values() == {"order_id": "ORD-123456"}


def test_a_clients_products_are_found_whatever_the_case() -> None:
    """C14: the catalogue is surer than a guess."""
    (field,) = Extractor(products=("Turbo Mixer 3",)).extract("the turbo mixer 3 leaks").fields
    assert (field.name, field.value, field.kind) == ("product_name", "turbo mixer 3", "catalogue")


@given(
    st.one_of(
        st.text(max_size=300), st.lists(PIECES, max_size=25).map(" ".join), st.lists(PIECES).map("".join)
    )
)
def test_spans_always_reproduce_the_value(text: str) -> None:
    """C14, P13: spans are exact for any text."""
    result = extract_fields(text)
    for item in result.fields:
        assert text[item.start : item.end] == item.value
        assert item.value
        assert 0.0 < item.confidence <= 1.0
    for problem in result.validation_errors:
        assert text[problem.start : problem.end] == problem.value


def test_custom_fields_are_found_and_validated() -> None:
    """C14: name, pattern and validator of the admin; the first group is the value."""
    extractor = Extractor(custom_fields=[CustomField("asset", r"asset[ ]?(\d{4,8})", "integer")])
    text = "line one\nplease check Asset 004711 now"
    (field,) = extractor.extract(text, ["asset"]).fields
    assert (field.name, field.value, field.normalized) == ("asset", "004711", "4711")
    assert text[field.start : field.end] == "004711"
    card = Extractor(custom_fields=[CustomField("card", r"\d{16}", "card")]).extract("4111111111111112")
    assert [problem.name for problem in card.validation_errors] == ["card"]


@pytest.mark.parametrize(
    "pattern",
    [r"(a+)+$", r"(\w+\s?)*x", r"\w+\w+x", r"(a|aa)+b", r"(\d)\1", r".*foo.*bar", "(", "", "x*", "a" * 201],
)
def test_patterns_that_could_stall_are_refused(pattern: str) -> None:
    """C14, FACTS 18: nested or ambiguous repetition, back references, empty matches."""
    with pytest.raises(UnsafePattern):
        compile_safe(pattern)
    result = Extractor(custom_fields=[CustomField("bad", pattern)]).extract("aaaa")
    assert [problem.name for problem in result.validation_errors] == ["bad"]


@pytest.mark.parametrize("pattern", [r"INV-\d+", r"[A-Z]+-\d+", r"asset[- ]?(\w{4,10})", r"\b\d{5}\b"])
def test_usual_patterns_are_accepted(pattern: str) -> None:
    """C14: what a lead would write."""
    assert compile_safe(pattern)


def test_a_custom_pattern_finds_values_far_into_a_line_once() -> None:
    """C14: windows overlap without doubling."""
    text = ("x " * 150 + "INV-1 ") * 3
    spans = list(find_custom(CustomField("invoice", r"INV-\d+"), text))
    assert [text[start:end] for start, end in spans] == ["INV-1"] * 3
    assert len(set(spans)) == 3


def test_an_llm_value_must_occur_in_the_text_as_a_whole_word() -> None:
    """C14: an invented or cut value is rejected, and the record says why."""
    accepted = accept_llm_field("order 12345 is late", "order_id", "12345")
    assert isinstance(accepted, ExtractedField)
    assert (accepted.start, accepted.end, accepted.source) == (6, 11, "llm")
    for invented in ("99999", "1234", ""):
        rejected = accept_llm_field("order 12345 is late", "order_id", invented)
        assert isinstance(rejected, FieldProblem)
        assert rejected.message == "The value does not occur in the text."


def test_an_llm_value_must_pass_its_validator_and_be_a_known_field() -> None:
    """C14: occurring in the text is not enough."""
    text = "EAN 4006381333932 and asset 77, mail A@B.org"
    wrong = accept_llm_field(text, "gtin", "4006381333932")
    assert isinstance(wrong, FieldProblem)
    assert "validator" in wrong.message
    assert isinstance(accept_llm_field(text, "shoe_size", "77"), FieldProblem)
    custom = Extractor(custom_fields=[CustomField("asset", r"\d{2}", "integer")])
    assert isinstance(custom.accept_llm_field(text, "asset", "77"), ExtractedField)
    assert isinstance(custom.accept_llm_field(text, "asset", "mail"), FieldProblem)
    lower = accept_llm_field(text, "account_email", "a@b.org")
    assert isinstance(lower, ExtractedField)
    assert lower.value == "A@B.org"


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "1",
        "a.",
        "a@",
        "a-",
        ":1",
        "(",
        "+1 ",
        "order ",
        " ",
        "A_B",
        "Aa ",
        "1.1.",
        "error code ",
        "\n",
        "ORD-",
    ],
)
def test_hostile_text_costs_no_more_than_its_length(unit: str) -> None:
    """C14, FACTS 18: far below the seconds that backtracking would take, at the size cap."""
    hostile = unit * (200_000 // len(unit))
    started = time.process_time()
    assert extract_fields(hostile).truncated
    list(find_custom(CustomField("x", r"\w{1,30}-\d+X"), hostile))
    assert time.process_time() - started < 5.0
