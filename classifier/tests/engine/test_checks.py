"""Check digits and syntax checks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.engine import checks


@pytest.mark.parametrize("value", ["4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005"])
def test_card_numbers_pass_luhn(value: str) -> None:
    """C21: payment cards."""
    assert checks.card_valid(value)
    assert not checks.card_valid(value[:-1] + str((int(value[-1]) + 1) % 10))


@pytest.mark.parametrize("value", ["4006381333931", "96385074", "036000291452", "09506000134352"])
def test_gtins_have_their_check_digit(value: str) -> None:
    """C14: GTIN-8, -12, -13 and -14; the normal form has 14 digits."""
    assert checks.normal_gtin(value) == value.zfill(14)
    assert checks.normal_gtin(value[:-1] + str((int(value[-1]) + 1) % 10)) is None


@given(st.text("0123456789", min_size=12, max_size=12), st.integers(0, 9))
def test_exactly_one_digit_completes_a_gtin(head: str, digit: int) -> None:
    """C14: a wrong last digit is always noticed."""
    valid = [d for d in "0123456789" if checks.gtin_valid(head + d)]
    assert len(valid) == (0 if len(set(head + "0")) == 1 else 1) or len(set(head)) == 1
    assert checks.gtin_valid(head + str(digit)) == (str(digit) in valid)


def test_ibans_pass_mod_97() -> None:
    """C21: bank accounts."""
    assert checks.iban_valid("DE89 3704 0044 0532 0130 00")
    assert checks.iban_valid("GB82WEST12345698765432")
    assert not checks.iban_valid("DE89 3704 0044 0532 0130 01")
    assert not checks.iban_valid("fc919f6f70ee4060b5457c58858de269")
    assert checks.iban_valid("NO93 8601 1117 947")
    assert checks.iban_valid("FR14 2004 1010 0505 0001 3M02 606")


def test_phone_numbers_of_several_regions_become_e164() -> None:
    """C14: the first region that fits; a possible number is marked as not assigned."""
    assert checks.normal_phone("+49 30 901820") == ("+4930901820", True)
    assert checks.normal_phone("020 7946 0018", ("GB",)) == ("+442079460018", True)
    assert checks.normal_phone("(555) 123-4567", ("US",)) == ("+15551234567", False)
    assert checks.normal_phone("12", ("US",)) is None


@pytest.mark.parametrize("value", ["user@", "a@@b.org", "user@localhost", "no spaces@x.org"])
def test_broken_addresses_are_refused(value: str) -> None:
    """C14: e-mail syntax."""
    assert checks.normal_email(value) is None


@given(st.text(max_size=60))
def test_no_validator_raises(value: str) -> None:
    """C14: validators answer None for any text they cannot use."""
    for name in checks.VALIDATORS:
        result = checks.run_validator(name, value)
        assert result is None or isinstance(result, str)
