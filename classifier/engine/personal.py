"""Finders that only redaction needs (C21): wider than those of the fields, for here a miss costs more.

A number that no check digit proves is taken by the words around it. Distances are bounded, so the time
grows with the length of the text and nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from classifier.engine import checks
from classifier.engine.finders import DATE_SHAPE, NUMBER_LABEL, phone_candidates

Span = tuple[int, int]

_I: Final = re.IGNORECASE


class _LookAlikes(dict[int, int]):
    """Characters that read like ASCII: foreign digits, full-width forms, odd spaces and dashes."""

    def __missing__(self, code: int) -> int:
        self[code] = plain = _plain(chr(code))
        return plain


def _plain(character: str) -> int:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return ord("0") + digit
    if "\uff01" <= character <= "\uff5e":
        return ord(character) - 0xFEE0
    if unicodedata.category(character) == "Zs":
        return ord(" ")
    return ord("-") if unicodedata.category(character) == "Pd" or character == "\u2212" else ord(character)


_LOOK_ALIKES: Final = _LookAlikes()


def fold_look_alikes(text: str) -> str:
    """Return ``text`` with look-alikes of ASCII as ASCII, each character still at its place."""
    return text if text.isascii() else text.translate(_LOOK_ALIKES)


_CARD_WORD: Final = (
    r"(?:cards?|cc|visa|master ?card|maestro|amex|american express|discover|diners(?: club)?|jcb|"
    r"(?:kredit|debit|bank|ec-?)?karten?|kartennummer|carte|tarjeta|carta di credito)"
)
_CARD_RUN: Final = re.compile(r"(?<!\d)(?<!\d[.-])\d(?:[ .-]{0,2}\d){11,18}(?![^\W_]|[.-]?\d)")
_CARD_BEFORE: Final = re.compile(r"(?<![^\W_])" + _CARD_WORD + r"(?![^\W\d_])[^\n\d]{0,40}\Z", _I)
_CARD_AFTER: Final = re.compile(
    r"[ ]{0,2}[,(]?[ ]?(?:is|was|on|with)?[ ]?(?:my|the|a|an|of my)?[ ]?(?:new |old |lost |stolen )?"
    r"(?:credit |debit )?" + _CARD_WORD + r"\b",
    _I,
)
_LABELLED_IBAN: Final = re.compile(
    r"\b(?:iban|bank account|kontonummer|konto|account(?: number| no\.?)?)\b[^\n\w]{0,4}"
    r"(?:(?:is|ist|number|nr|no)\b[^\n\w]{0,4}){0,2}"
    r"([A-Z]{2}\d{2}[ .-]?[0-9A-Z]{4}(?:[ .-]?(?=[A-Z]{0,3}\d)[0-9A-Z]{4}){1,6}"
    r"(?:[ .-]?(?=[A-Z]{0,2}\d)[0-9A-Z]{1,4})?)(?!\w)",
    _I,
)

_PHONE_PLACE: Final = r"(?:office|fax|mobile|cell|home|work|direct|landline|mobil|büro|privat)"
_PHONE_WIDE: Final = re.compile(
    r"(?<![\w.#@-])(?:\+|00)?[(]?\d(?:[ ()./-]{0,3}\d){5,14}(?:[ ]?(?:x|ext\.?)[ ]?\d{1,6})?"
    r"(?:(?=-" + _PHONE_PLACE + r"\b)|(?![\w@]|[-.]\w|[ -]\d))",
    _I,
)
# Written like a phone number of some country, whole: equal gaps between groups of usual length.
_BARE_PHONE: Final = re.compile(
    r"(?:1[ .-]\(?[2-9]\d\d\)?[ .-]\d{3}[ .-]\d{4}|\d{2,4}([ -])\d{2,4}(?:\1\d{2,4}){1,3}|\d{3,4}[ -]\d{4}|"
    r"\d{2,4}[ -]\d{6,8}|\(\d{2,4}\)[ -]?\d{3,4}(?:[ -]?\d{2,4}){1,2})\Z"
)
_YEARS: Final = re.compile(r"(?:19|20)\d\d[ -](?:19|20)\d\d\Z")
_MONEY_BEFORE: Final = re.compile(r"(?:[$€£¥#*=<>\[:]|\b(?:EUR|USD|GBP|CHF|INR|Rs)\.?[ ]?)\Z", _I)
_UNIT_AFTER: Final = re.compile(
    r"[ ]{0,2}(?:[$€£¥%°=]|[kmgt]i?b\b|(?:eur|usd|gbp|chf|euros?|dollars?|bytes?|bits?|rows?|records?|lines?|"
    r"files?|users?|tickets?|items?|units?|pieces?|times|ms|seconds?|minutes?|hours?|days?|px|zeilen|stück|"
    r"datensätze|mal)\b)",
    _I,
)
_PHONE_WORD_BEFORE: Final = re.compile(
    r"(?:\b(?:(?:tele|smart|mobile |cell ?|work |home |i)?phone|tel|telephone|telefon(?:nummer|isch)?|tél|"
    r"téléphone|teléfono|móvil|mobiles?|mobil(?:nummer|funk|telefon)?|cell|landline|fax|handy(?:nummer)?|"
    r"whats ?app|signal|sms|festnetz|durchwahl|rufnummer|hotline|rückruf|erreichbar|erreichen|anrufen|"
    r"callback|dial(?:s|ed|ing)?|reach(?:ed|able)?|answer(?:s|ing|ed)? (?:at|on)|"
    r"voicemail|registered(?: (?:number|mobile|no\.?))?)\b[^\n\d]{0,25}|"
    r"\b(?:call|ring|phone|text)(?:s|ed|ing)?(?:[ ](?:me|us|him|her|them|you|back|again|now|please|"
    r"at|on|under|this|my|your|the|number)){0,4}[ :(]{1,3}|"
    r"^[ \t]{0,4}[tfmpodchw][ ]{0,2}[:.|][ ]{0,3})\Z",
    _I | re.MULTILINE,
)
_PHONE_WORD_AFTER: Final = re.compile(
    r"[ ]{0,2}[(\[-]?[ ]?" + _PHONE_PLACE + r"\b[)\]]?[ ]{0,2}(?:[,;./|\\\r\n]|$)",
    _I | re.MULTILINE,
)
_CONTEXT: Final = 45
_MIN_BARE_DIGITS: Final = 7

_SPELLED_EMAIL: Final = re.compile(
    r"(?<![\w.%+-])[\w.%+-]{1,64}[ ]?(?:\(at\)|\[at\]|\{at\}|<at>|\(ät\))[ ]?"
    r"[\w-]{1,63}(?:[ ]?(?:\.|\(dot\)|\[dot\]|\{dot\}|\(punkt\))[ ]?[\w-]{1,63}){1,5}",
    _I,
)
# The syntax of the standard is wider, but what leaves must be judged by what it may be.
_LOOSE_EMAIL: Final = re.compile(
    r"(?<![\w.%+@-])[\w.%+'-]{1,64}@(?:[\w-]{1,63}\.){1,8}(?:xn--[a-z\d-]{2,50}|[^\W\d_]{2,24})(?![^\W_])", _I
)

_IPV6_LOOSE: Final = re.compile(r"(?<![\w.])[0-9A-Fa-f:]{3,60}(?:(?<=:)(?:\d{1,3}\.){3}\d{1,3})?(?!\w)")


def find_emails(text: str) -> Iterator[Span]:
    """Addresses of any top-level domain, those between other signs, and spelled ones ("jo (at) x.org")."""
    for pattern in (_LOOSE_EMAIL, _SPELLED_EMAIL):
        for match in pattern.finditer(text):
            # Quotation marks and underlining are no part of the address, though they may be.
            yield match.end() - len(match.group().lstrip("'_.")), match.end()


def find_labelled_cards(text: str) -> Iterator[Span]:
    """Numbers of 12 to 19 digits that a word next to them calls a card: mistyped ones fail the check."""
    for match in _CARD_RUN.finditer(text):
        start, end = match.span()
        named = _CARD_BEFORE.search(text, max(0, start - _CONTEXT - 15), start)
        if not (named or _CARD_AFTER.match(text, end)) or _is_date(match.group()):
            continue
        if not _other_number(text, start):
            yield start, end


def _other_number(text: str, start: int) -> bool:
    """Tell whether the word right before a number calls it an order, a serial or the like."""
    label = NUMBER_LABEL.search(text, max(0, start - _CONTEXT), start)
    return label is not None and not re.match(r"(?i)card|account", label.group())


def _is_date(value: str) -> bool:
    """Tell whether a number begins with a whole date; "71-33-52-22" does not."""
    date = DATE_SHAPE.match(value)
    return date is not None and not re.match(r"[-/.]?\d", value[date.end() :])


def find_labelled_ibans(text: str) -> Iterator[Span]:
    """Accounts that are called so, mistyped or not."""
    return (match.span(1) for match in _LABELLED_IBAN.finditer(text))


def find_ipv6(text: str) -> Iterator[Span]:
    """IPv6 addresses with a colon right before or after them, as logs and sentences have them."""
    for match in _IPV6_LOOSE.finditer(text):
        run = match.group()
        if run.count(":") < 2:
            continue
        for start, end in ((0, len(run)), (1, len(run)), (0, len(run) - 1), (1, len(run) - 1)):
            address = checks.normal_ip(run[start:end])
            if address and likely_ip(address):
                yield match.start() + start, match.start() + end
                break


def likely_ip(address: str) -> bool:
    """Tell whether a valid address is likely one: slices and scopes of programs look like "1::"."""
    groups = [group for group in address.split(":") if group]
    return "." in address or address == "::1" or (len(groups) > 1 and any(c.isdigit() for c in address))


def find_phones(text: str) -> Iterator[Span]:
    """Phone numbers by their shape, and any run of 6 to 15 digits that is called one; the longest first."""
    found = [(start, end) for start, end, _ in phone_candidates(text)]
    found += _wide_phones(text)
    yield from sorted(found, key=lambda span: span[0] - span[1])


def _wide_phones(text: str) -> Iterator[Span]:
    for match in _PHONE_WIDE.finditer(text):
        start, end = match.span()
        if _is_date(match.group()) or checks.normal_ip(match.group()) or _other_number(text, start):
            continue
        before = max(0, start - _CONTEXT)
        if (
            _PHONE_WORD_BEFORE.search(text, before, start)
            or _PHONE_WORD_AFTER.match(text, end)
            or _is_bare_phone(text, start, end)
        ):
            yield start, end


def _is_bare_phone(text: str, start: int, end: int) -> bool:
    """Tell whether a number without a word is grouped like a phone number, and is no amount or years."""
    value = text[start:end]
    return (
        _BARE_PHONE.match(value) is not None
        and sum(c.isdigit() for c in value) >= _MIN_BARE_DIGITS
        and not value.startswith("00 ")
        and not _YEARS.match(value)
        and not _MONEY_BEFORE.search(text, max(0, start - 5), start)
        and not _UNIT_AFTER.match(text, end)
    )
