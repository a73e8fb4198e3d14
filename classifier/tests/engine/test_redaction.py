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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Write to _jo@x.org_ please", "jo@x.org"),
        ("his address:'jo@x.org'", "jo@x.org"),
        ("jo.li (at) example (dot) com", "example"),
        ("j@xn--e1afmkfd.xn--p1ai", "xn--p1ai"),
        ("4111\u00a01111\u00a01111\u00a01111", "4111"),
        ("4111.1111.1111.1111", "4111"),
        ("４１１１１１１１１１１１１１１１", "４１１１"),
        ("my Visa4111111111111112 was refused", "4111111111111112"),
        ("card number 630427373398 is lost", "630427373398"),
        ("4111111111111112 is my credit card", "4111111111111112"),
        ("DE89-3704-0044-0532-0130-00", "3704"),
        ("IBAN: DE89 3704 0044 0532 0130 01", "3704"),
        ("down: 2001:db8::1: no route", "2001:db8::1"),
        ("001-846-853-9089x92556", "846"),
        ("call me on 781 5991", "781 5991"),
        ("71-33-52-22 office\n", "71-33-52-22"),
        ("T: 901 820\n", "901 820"),
        ("079 4650 2145-Office, 0319 3649187-Fax", "079 4650 2145"),
        ("Please use 9747 6578 from now on", "9747 6578"),
        ("billed to cc 503802053770", "503802053770"),
        ("erreichbar unter 901820", "901820"),
        ("1-800-555-0199", "800-555"),
        ("SSN: 123 45 6789, thanks", "123 45 6789"),
        ("NI number QQ123456C", "QQ123456C"),
        ("The PIN 4711 is wrong", "4711"),
        ("my pin is 4711", "4711"),
        ("the security code 123 on the back", "123"),
        ("token=" + "ab1" * 200, "ab1ab1"),
        ("Password:\nHunter2!\nThanks", "Hunter2!"),
        ("https://x.org/f?sig=abcdefghijkl12", "abcdefghijkl12"),
        ("Authorization: Basic dXNlcjM6cGFzc3dvcmQz", "dXNlcjM6"),
        ("Anna Schmidt cannot log in", "Anna Schmidt"),
        ("please ask maria about it", "maria"),
        ("the account thomas.miller is locked", "thomas.miller"),
        ("From: Wu, Xin <x>", "Wu, Xin"),
        ("my colleague Wu Xin has it too", "Wu Xin"),
        ("Her maiden name is Okonkwo", "Okonkwo"),
    ],
)
def test_values_are_found_by_the_words_and_signs_around_them(text: str, value: str) -> None:
    """C21: mistyped, oddly written and named values; restoring gives back the very characters."""
    result = redact(text)
    assert value not in result.text
    assert restore(result.text, result.placeholders) == text


@pytest.mark.parametrize(
    "text",
    [
        "Order number 412345678901 paid by card",
        "serial number 123456789012345 of the card reader",
        "log of 2015-07-24 09:02:22 and 60470 2015-07-24 09:02",
        "at 824.6421183672817 px",
        "register r0 00000004 r1 00000206",
        "id ee865e3c-17be-4371-91aa-080e6ea972ea",
        "std::vector and list[1::-1]",
        "I followed the basic instructions and the basic configuration",
        "PASS: unit/test_login\nPWD=/proc/self/cwd",
        "vtable for a::pass::Serialize",
        "name: NVIDIA GeForce GTX, model name: Tesla",
        "What order number? 36154414",
        "from 2019-2020, 12 345 678 rows, EUR 1 234 567, [255 255 255]",
        "Windows 10 22H2 19045.3803, 1.234.567,89 EUR",
        "Mark this as read; the Edge browser on the Jenkins server",
        "anna.html and lena.json",
    ],
)
def test_numbers_of_machines_are_no_personal_data(text: str) -> None:
    """C21: dates, versions, dumps, orders and words of programs stay for triage."""
    assert redact(text).text == text


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


@given(st.lists(TEXTS, min_size=2, max_size=5))
def test_no_value_reaches_over_the_seam_of_two_messages(texts: list[str]) -> None:
    """C21: messages are redacted as one text, joined by a separator that no detector may swallow."""
    clean = [text.replace("\x1e", " ") for text in texts]
    assert redact("\x1e".join(clean)).text.count("\x1e") == len(clean) - 1


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
        "Anna ",
        "card 4 ",
        "call me ",
        "4-",
        "a::",
        "a (at) ",
        "1.2.",
        "pass:\n",
    ],
)
def test_hostile_text_costs_no_more_than_its_length(unit: str) -> None:
    """C21, FACTS 18: all of a long text is looked at, in linear time."""
    hostile = unit * (200_000 // len(unit)) + " jane@example.com"
    started = time.process_time()
    assert "jane@example.com" not in redact(hostile).text
    assert time.process_time() - started < 5.0
