"""What leaves the process, and what comes back."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.engine.redaction import detect, redact, restore, scrub

PRIVATE = [
    ("jane.doe@example.com", "EMAIL"),
    ("+49 30 901820", "PHONE"),
    ("4111 1111 1111 1111", "CARD"),
    ("DE89 3704 0044 0532 0130 00", "IBAN"),
    ("123-45-6789", "ID"),
    ("10.1.2.3", "IP"),
    ("2001:db8::1", "IP"),
    ("sk-abcdefghijklmnop1234567", "SECRET"),
    ("AKIAIOSFODNN7EXAMPLE", "SECRET"),
    ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "SECRET"),
]
PIECES = st.one_of(
    st.sampled_from([value for value, _ in PRIVATE]),
    st.sampled_from(
        [
            "[EMAIL_1]",
            "[SECRET_2]",
            "[LITERAL_1]",
            "password: x1!y",
            "my name is Ada Byron",
            "Regards,\nJo Li\n",
        ]
    ),
    st.text(max_size=20),
)
TEXTS = st.lists(PIECES, max_size=12).map(" ".join)


@pytest.mark.parametrize(("value", "kind"), PRIVATE)
def test_each_kind_of_value_is_taken_out(value: str, kind: str) -> None:
    """C21: addresses, numbers, accounts, ids, secrets."""
    result = redact(f"It is {value} as I said.")
    assert value not in result.text
    assert result.text == f"It is [{kind}_1] as I said."
    assert result.kinds == {kind: 1}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password: Hunter2!", "Hunter2!"),
        ("my password is hunter2 ok", "hunter2"),
        ("Passwort = geheim", "geheim"),
        ("api_key='abc123xyz'", "abc123xyz"),
        ("Authorization: Bearer abcdefghijklmnop", "abcdefghijklmnop"),
        ("https://bob:s3cret@host/x", "s3cret"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----", "MIIabc"),
        ("-----BEGIN PRIVATE KEY-----\nMIIabc and cut off", "MIIabc"),
        ("Passport number: C01X00T47", "C01X00T47"),
        ("Hello,\nmy VPN fails.\nKind regards,\nJane Doe", "Jane Doe"),
        ("My name is Jürgen Müller.", "Jürgen Müller"),
        ("Dear Mr. Smith, hello", "Smith"),
        ("Hi Anna,\nthanks", "Anna"),
    ],
)
def test_labelled_secrets_and_cheap_names_are_taken_out(text: str, secret: str) -> None:
    """C21: after their label, in a URL, in a signature or greeting."""
    result = redact(text)
    assert secret not in result.text
    assert restore(result.text, result.placeholders) == text


@pytest.mark.parametrize(
    "text",
    [
        "My password is not working",
        "Order ORD-123456 of 2026-01-15 for 499.00 EUR",
        "Error 0x80070005 in version 10.0.19.1",
        "Hi team,\nthe invoice is wrong",
        "Thanks,\nSupport Team",
        "EAN 4006381333931",
    ],
)
def test_what_triage_needs_stays(text: str) -> None:
    """C21: order numbers, codes, dates and plain words are not personal data."""
    assert redact(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "0 4111 1111 1111 1111",
        "4111 1111 1111 1111 12/27 123",
        "AB12 DE89 3704 0044 0532 0130 00",
        "12 34 4111-1111-1111-1111",
    ],
)
def test_digits_around_a_number_do_not_hide_it(text: str) -> None:
    """C21: a card or account is found next to other numbers."""
    assert {kind for _, _, kind in detect(text)} & {"CARD", "IBAN"}
    assert "1111 1111" not in redact(text).text
    assert "3704" not in redact(text).text


def test_one_value_has_one_placeholder_over_all_texts_of_a_ticket() -> None:
    """C21: stable placeholders, numbered on from those already issued."""
    first = redact("a@b.org wrote to c@d.org, then a@b.org again")
    assert first.text == "[EMAIL_1] wrote to [EMAIL_2], then [EMAIL_1] again"
    second = redact("c@d.org and e@f.org", first.placeholders)
    assert second.text == "[EMAIL_2] and [EMAIL_3]"
    assert set(first.placeholders) <= set(second.placeholders)


def test_a_typed_placeholder_is_never_restored_to_a_value() -> None:
    """C21, FACTS 17: an attacker types [EMAIL_1] and gets it back as typed."""
    result = redact("I am [EMAIL_1], write to victim@example.com")
    assert result.text == "I am [LITERAL_1], write to [EMAIL_1]"
    assert restore("Dear [LITERAL_1]", result.placeholders) == "Dear [EMAIL_1]"


def test_only_issued_placeholders_are_restored() -> None:
    """C21, FACTS 17: a model that invents [EMAIL_9] restores nothing."""
    issued = redact("a@b.org").placeholders
    assert restore("[EMAIL_1] [EMAIL_9] [PHONE_1]", issued) == "a@b.org [EMAIL_9] [PHONE_1]"


@given(TEXTS)
def test_restoring_gives_the_text_back(text: str) -> None:
    """C21: restore(redact(x)) is x."""
    result = redact(text)
    assert restore(result.text, result.placeholders) == text


@given(TEXTS)
def test_a_second_redaction_finds_no_value(text: str) -> None:
    """C21: nothing but placeholders is left to take out of names, addresses, cards and tokens."""
    left = {kind for _, _, kind in detect(redact(text).text)} - {"LITERAL"}
    assert not left & {"EMAIL", "CARD", "IBAN", "IP"}


@given(st.lists(PIECES, min_size=1, max_size=6))
def test_known_values_never_leave_whatever_stands_around_them(pieces: list[str]) -> None:
    """C21: an address between other text is always found."""
    text = " , ".join([*pieces, "jane.doe@example.com"])
    assert "jane.doe@example.com" not in redact(text).text
    assert "jane.doe@example.com" not in scrub(text)


def test_logs_hold_kinds_and_no_values() -> None:
    """O3, C21: no personal data or secrets in logs, length bounded, safe to repeat."""
    line = scrub("login of jane@example.com from 10.1.2.3 with password: pw1!")
    assert line == "login of [email] from [ip] with password: [secret]"
    assert scrub(line) == line
    assert len(scrub("x" * 50_000)) < 11_000


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "1",
        "1 ",
        "1-",
        "a@",
        "Aa ",
        "password: ",
        "-----BEGIN PRIVATE KEY-----",
        "Regards,\n",
        "eyJaaaaaaaa",
        "DE12 ",
    ],
)
def test_hostile_text_costs_no_more_than_its_length(unit: str) -> None:
    """C21, FACTS 18: all of a long text is looked at, in linear time."""
    hostile = unit * (200_000 // len(unit)) + " jane@example.com"
    started = time.process_time()
    assert "jane@example.com" not in redact(hostile).text
    assert time.process_time() - started < 5.0
