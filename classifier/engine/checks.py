"""Check digits and syntax checks of the values found in tickets."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from classifier.engine.phrases import word_set

Validator = Callable[[str], str | None]
"""Returns the normalised value, or None where the value is not valid."""

DEFAULT_REGIONS: Final = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "PL", "CH", "AT", "IN", "AU")
_NOT_ALNUM: Final = re.compile(r"[^0-9A-Za-z]")
_HOST_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")
_MAX_VALUE_CHARS: Final = 320
_IBAN_LENGTHS: Final = {
    entry[:2]: int(entry[2:])
    for entry in word_set(
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 "
        "EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 "
        "IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 "
        "NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 "
        "SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
    )
}


def luhn_valid(digits: str) -> bool:
    """Tell whether a string of ASCII digits passes the Luhn check of payment cards."""
    if not (digits.isascii() and digits.isdigit()):
        return False
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card_valid(value: str) -> bool:
    """Tell whether ``value`` is a payment card number of 13 to 19 digits, spaces and dashes allowed."""
    digits = value.replace(" ", "").replace("-", "")
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and luhn_valid(digits)


def gtin_valid(digits: str) -> bool:
    """Tell whether a GTIN-8, -12, -13 or -14 has the right check digit."""
    if len(digits) not in (8, 12, 13, 14) or not (digits.isascii() and digits.isdigit()):
        return False
    if len(set(digits)) == 1:
        return False
    weighted = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits[:-1])))
    return (10 - weighted % 10) % 10 == int(digits[-1])


def iban_valid(value: str) -> bool:
    """Tell whether ``value`` is an IBAN by its country's length and the mod 97 check.

    Without the length, one hexadecimal digest in two thousand would be taken for an account.
    """
    compact = value.replace(" ", "").upper()
    if not (compact.isascii() and compact.isalnum()) or len(compact) != _IBAN_LENGTHS.get(compact[:2]):
        return False
    if not compact[2:4].isdigit():
        return False
    rearranged = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in rearranged)) % 97 == 1


def normal_email(value: str) -> str | None:
    """Return the normalised address when its syntax is right."""
    try:
        return validate_email(value, check_deliverability=False).normalized
    except EmailNotValidError:
        return None


def normal_ip(value: str) -> str | None:
    """Return the canonical form of an IPv4 or IPv6 address."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        return None


def normal_gtin(value: str) -> str | None:
    """Return a valid GTIN padded to 14 digits, as GS1 stores it."""
    digits = value.replace(" ", "").replace("-", "")
    return digits.zfill(14) if gtin_valid(digits) else None


def normal_hostname(value: str) -> str | None:
    """Return a host name in lower case when each label is well formed."""
    labels = value.rstrip(".").split(".")
    if len(value) > 253 or not all(_HOST_LABEL.match(label) for label in labels):
        return None
    return value.rstrip(".").lower() if not labels[-1].isdigit() else None


def normal_phone(value: str, regions: tuple[str, ...] = DEFAULT_REGIONS) -> tuple[str, bool] | None:
    """Return the E.164 form and whether the number is assigned, trying the regions in order.

    A number that is only possible (right length, range not assigned) is still returned, marked so:
    people write example numbers, and ranges change faster than tables.
    """
    if value.lstrip().startswith("+"):
        regions = ("ZZ",)
    possible: str | None = None
    for region in regions:
        try:
            number = phonenumbers.parse(value, region)
        except phonenumbers.NumberParseException:
            continue
        formatted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if phonenumbers.is_valid_number(number):
            return formatted, True
        if possible is None and phonenumbers.is_possible_number(number):
            possible = formatted
    return (possible, False) if possible is not None else None


def normal_code(value: str) -> str | None:
    """Return a serial, lot or order code in capitals when it holds a digit."""
    compact = value.strip().strip("#")
    return compact.upper() if any(character.isdigit() for character in compact) else None


def _phone_or_none(value: str) -> str | None:
    found = normal_phone(value)
    return found[0] if found else None


def _compact_if(check: Callable[[str], bool]) -> Validator:
    return lambda value: _NOT_ALNUM.sub("", value).upper() if check(value) else None


VALIDATORS: Final[Mapping[str, Validator]] = {
    "email": normal_email,
    "phone": _phone_or_none,
    "ip": normal_ip,
    "hostname": normal_hostname,
    "gtin": normal_gtin,
    "iban": _compact_if(iban_valid),
    "card": _compact_if(card_valid),
    "code": normal_code,
    "integer": lambda value: str(int(value)) if value.isascii() and value.isdigit() else None,
}
"""The validators a custom field may name."""


def run_validator(name: str, value: str) -> str | None:
    """Return the normalised value; with an empty or unknown validator the value itself."""
    if len(value) > _MAX_VALUE_CHARS:
        return None
    validator = VALIDATORS.get(name)
    return validator(value) if validator else value
