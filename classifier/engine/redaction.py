"""Takes personal data and secrets out of text before it leaves the process (C21), and puts them back.

A value becomes a numbered placeholder such as ``[EMAIL_1]``; the same value in the same ticket always the
same one. Placeholders a writer typed are escaped first, else they would be restored to someone's value.
All of the text is looked at, whatever its length: every detector is linear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from classifier.engine import checks
from classifier.engine.finders import find_ips
from classifier.engine.names import find_names
from classifier.engine.personal import (
    find_emails,
    find_ipv6,
    find_labelled_cards,
    find_labelled_ibans,
    find_phones,
    fold_look_alikes,
    likely_ip,
)

Span = tuple[int, int]
Detector = Callable[[str], Iterator[Span]]

_I: Final = re.IGNORECASE
_PLACEHOLDER: Final = re.compile(r"\[[A-Z]{2,12}_\d{1,6}\]")
_MAX_LOG_CHARS: Final = 10_000

_CREDENTIAL_LABEL: Final = (
    r"(?:pass(?:word|code|phrase)|passwort|kennwort|pwd|pw|pin|secret(?:[ _-]?key)?|client[ _-]?secret|"
    r"(?:api|access|auth|private|account|shared)[ _-]?(?:key|token)|token|otp|zugangscode|mot de passe|"
    r"contraseña)"
)
_TOKENS: Final = re.compile(
    r"(?<![\w-])(?:sk-[\w-]{16,200}|[sr]k_(?:live|test)_\w{10,100}|gh[pousr]_\w{20,100}|"
    r"github_pat_\w{20,120}|"
    r"glpat-[\w-]{16,60}|xox[abprs]-[\w-]{10,120}|A(?:KIA|SIA)[0-9A-Z]{16}|AIza[\w-]{30,50}|hf_\w{20,60}|"
    r"npm_\w{20,60}|whsec_\w{16,80}|xapp-[\w-]{20,120}|shp(?:at|ca|pa|ss)_\w{20,60}|dop_v1_\w{40,80}|"
    r"glsa_\w{20,60}|\d{8,10}:AA[\w-]{30,40}|SG\.[\w-]{16,40}\.[\w-]{16,60}|gsk_\w{20,80}|"
    r"eyJ[\w-]{8,2000}\.[\w-]{8,4000}\.[\w-]{0,1000})"
)
# A capital, digit or sign inside tells a credential from "basic instructions".
_BEARER: Final = re.compile(
    r"\b(?:(?i:bearer)[ ]{1,2}|(?i:basic)[ ]{1,2}(?=[\w.~+/=-][\w.~-]{0,200}[\dA-Z+/=]))([\w.~+/=-]{12,2000})"
)
_LABELLED_SECRET: Final = re.compile(
    r"(?<![A-Za-z])" + _CREDENTIAL_LABEL + r"[\"']?[ ]{0,2}(?:[:=]|:=|=>)[ ]{0,2}[\"'“]?(?!/\w{1,40}/)"
    r"([^\s:\"'“”,;\[\]][^\s\"'“”,;\[\]]{2,4000})",
    _I,
)
# "PASS: unit/test" is the outcome of a test.
_PASS: Final = re.compile(
    r"(?<![A-Za-z])pass[ ]{0,2}[:=][ ]{0,2}((?=[^\s/]{0,40}[\d!@#$%^&*+])[^\s\"'“”:,;/\[\]]{4,200})", _I
)
# After "is" only what looks like a password counts: "my password is not working" holds none.
_SPOKEN_SECRET: Final = re.compile(
    r"(?<![A-Za-z])" + _CREDENTIAL_LABEL + r"[ ](?:is|was|ist|war|lautet)[ ]{0,2}:?[ ]{0,2}[\"'“]?"
    r"((?=[^\s\"'“”]{0,40}[\d!@#$%^&*_+=])[^\s\"'“”,;\[\]]{4,200})",
    _I,
)
# On the next line too counts only what looks like a password, for there often stands the next label.
_SECRET_BELOW: Final = re.compile(
    r"(?<![A-Za-z])" + _CREDENTIAL_LABEL + r"[ ]{0,2}:[ ]{0,2}\r?\n[ ]{0,4}"
    r"((?=[^\s:\"'“”]{0,40}[\d!@#$%^&*_+=])[^\s:\"'“”,;\[\]]{4,200})[ ]{0,2}$",
    _I | re.MULTILINE,
)
_CODE: Final = re.compile(
    r"(?<!\w)(?:PIN|[Pp]in(?=[ :=#is]{1,6}\d{4})|TAN|OTP|CVV2?|CVC2?|"
    r"(?i:security code|kartenprüfnummer))(?:[ -]?(?i:code|number|no|nr|nummer))?\.?[ ]{0,2}(?:is|ist)?"
    r"[ ]{0,2}[:=#]?[ ]{0,2}(\d{3,8})(?![\w.-])"
)
_URL_SECRET: Final = re.compile(
    r"[?&](?:sig|signature|key|code|session(?:[_-]?id)?|sid|auth|ticket)=([\w.~%+/=-]{12,2000})", _I
)
_URL_PASSWORD: Final = re.compile(r"://[^\s:/@\[\]]{1,100}:([^\s@/\[\]]{1,200})@")
_KEY_BEGIN: Final = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")
_KEY_END: Final = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY-----")

_IBAN_START: Final = re.compile(r"(?:(?<!\w)|(?<=IBAN))[A-Z]{2}\d{2}", _I)
_IBAN: Final = re.compile(
    r"[A-Z]{2}\d{2}(?:(?:[ ]?[0-9A-Z]{4}){2,7}(?:[ ]?[0-9A-Z]{1,4})?(?!\w)|"
    r"(?:-[0-9A-Z]{4}){2,7}(?:-[0-9A-Z]{1,4})?(?![\w-]))",
    _I,
)
_DIGIT_GROUP: Final = re.compile(r"(?<!\w)\d{1,19}(?!\w)")
_MAX_CARD_GROUPS: Final = 6
_MAX_CARD_GAP: Final = 2
_MIN_CARD_GROUP: Final = 3
_US_SSN: Final = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
_UK_NINO: Final = re.compile(r"(?<!\w)[A-CEGHJ-PR-TW-Z]{2}[ ]?\d\d[ ]?\d\d[ ]?\d\d[ ]?[A-D](?!\w)")
_LABELLED_ID: Final = re.compile(
    r"\b(?:ssn|social security(?: number)?|national id(?:entity)?|national insurance|nino|"
    r"ni(?=[ ](?:number|no|nr))|nhs|tax id|tin|steuer-?id|steueridentifikationsnummer|"
    r"sozialversicherungsnummer|svnr|ahv(?:-nummer|-nr)?|passport|reisepass|personalausweis|"
    r"ausweisnummer|pesel|bsn|dni|nie|nif|cpf|curp|aadhaar|medicare|"
    r"codice fiscale|driv(?:er'?s|ing) licen[cs]e|id card)(?:[ ](?:number|no|nr))?\b\.?[ ]{0,2}(?:is|"
    r"ist)?[ ]{0,2}[:#]?[ ]{0,2}"
    r"((?=(?:[ .-]?[A-Z0-9]){6})[A-Z]{0,6}[ -]?\d[A-Z0-9]{0,17}"
    r"(?:[ .-](?=[A-Z]{0,2}\d)[A-Z0-9]{1,8}){0,5}(?:[ -][A-Z](?!\w))?)(?!\w)",
    _I,
)


def _whole(pattern: re.Pattern[str]) -> Detector:
    return lambda text: (match.span() for match in pattern.finditer(text))


def _group(pattern: re.Pattern[str]) -> Detector:
    return lambda text: (match.span(1) for match in pattern.finditer(text))


def _private_keys(text: str) -> Iterator[Span]:
    position = 0
    while begin := _KEY_BEGIN.search(text, position):
        end = _KEY_END.search(text, begin.end())
        position = end.end() if end else len(text)
        yield begin.start(), position


def _ibans(text: str) -> Iterator[Span]:
    # Each possible start is tried, for other capitals and digits may stand right before an account.
    for start in _IBAN_START.finditer(text):
        match = _IBAN.match(text, start.start())
        if match is not None:
            end = _longest_valid(match.group())
            if end:
                yield match.start(), match.start() + end


def _longest_valid(run: str) -> int:
    """Return the length of the longest head of ``run`` that is an IBAN and ends at a gap, or 0."""
    run = run.replace("-", " ")
    end = len(run)
    while end > 0 and not checks.iban_valid(run[:end]):
        end = max(0, run.rfind(" ", 0, end))
    return end


def _cards(text: str) -> Iterator[Span]:
    """Find cards among groups of digits, whatever other digits stand before or after them."""
    groups = [match.span() for match in _DIGIT_GROUP.finditer(text)]
    for first, (start, _) in enumerate(groups):
        if text[start] not in "23456" and not text.startswith("1800", start):
            continue
        if first and groups[first - 1][1] == start - 1 and text[start - 1] == ".":
            continue  # The digits after a decimal point.
        best = 0
        for position in range(first, min(first + _MAX_CARD_GROUPS, len(groups))):
            if position > first and not _is_joined(text, groups[position - 1], groups[position]):
                break
            end = groups[position][1]
            if end - start > 19 + _MAX_CARD_GAP * _MAX_CARD_GROUPS:
                break
            if checks.card_valid(text[start:end].replace(".", "")):
                best = end
        if best:
            yield start, best


def _is_joined(text: str, one: Span, other: Span) -> bool:
    """Tell whether two groups of digits may be parts of one card; shorter ones are a date's."""
    gap = text[one[1] : other[0]]
    return one[1] - one[0] >= _MIN_CARD_GROUP and len(gap) <= _MAX_CARD_GAP and not gap.strip(" .-")


def _ips(text: str) -> Iterator[Span]:
    for found in find_ips(text):
        if not found.problem and likely_ip(found.normalized):
            yield found.start, found.end


# In order of precedence: where two claim the same characters the earlier one has them.
_DETECTORS: Final[tuple[tuple[str, Detector], ...]] = (
    ("SECRET", _private_keys),
    ("LITERAL", _whole(_PLACEHOLDER)),
    ("SECRET", _whole(_TOKENS)),
    ("SECRET", _group(_BEARER)),
    ("SECRET", _group(_URL_PASSWORD)),
    ("SECRET", _group(_LABELLED_SECRET)),
    ("SECRET", _group(_PASS)),
    ("SECRET", _group(_SPOKEN_SECRET)),
    ("SECRET", _group(_SECRET_BELOW)),
    ("SECRET", _group(_CODE)),
    ("SECRET", _group(_URL_SECRET)),
    ("EMAIL", find_emails),
    ("IBAN", _ibans),
    ("IBAN", find_labelled_ibans),
    ("CARD", _cards),
    ("ID", _whole(_US_SSN)),
    ("ID", _whole(_UK_NINO)),
    ("ID", _group(_LABELLED_ID)),
    ("CARD", find_labelled_cards),
    ("IP", _ips),
    ("IP", find_ipv6),
    ("PHONE", find_phones),
    ("NAME", find_names),
)


@dataclass(frozen=True, slots=True)
class Redacted:
    """Text without personal data, and what each placeholder issued for it stands for."""

    text: str
    placeholders: Mapping[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> dict[str, int]:
        """How many values of each kind were taken out, for the ledger; holds no value itself."""
        counts: dict[str, int] = {}
        for placeholder in self.placeholders:
            kind = placeholder[1:].rsplit("_", 1)[0]
            counts[kind] = counts.get(kind, 0) + 1
        return counts


def detect(text: str) -> list[tuple[int, int, str]]:
    """Return the spans to be taken out with their kinds, from left to right, without overlaps."""
    taken = bytearray(len(text))
    found: list[tuple[int, int, str]] = []
    folded = fold_look_alikes(text)
    for kind, detector in _DETECTORS:
        for start, end in detector(folded):
            if start < end and not any(taken[start:end]):
                taken[start:end] = b"\x01" * (end - start)
                found.append((start, end, kind))
    return sorted(found)


def redact(text: str, known: Mapping[str, str] | None = None) -> Redacted:
    """Replace personal data and secrets by placeholders.

    ``known`` are the placeholders already issued for the same ticket: the numbering goes on from them,
    so that one value has one placeholder in subject, body and every message. The result holds both.
    """
    issued = dict(known or {})
    by_value = {
        (placeholder[1:].rsplit("_", 1)[0], value): placeholder for placeholder, value in issued.items()
    }
    pieces: list[str] = []
    counts = Redacted("", issued).kinds
    last = 0
    for start, end, kind in detect(text):
        value = text[start:end]
        placeholder = by_value.get((kind, value))
        if placeholder is None:
            counts[kind] = counts.get(kind, 0) + 1
            placeholder = f"[{kind}_{counts[kind]}]"
            by_value[(kind, value)] = placeholder
            issued[placeholder] = value
        pieces += (text[last:start], placeholder)
        last = end
    pieces.append(text[last:])
    return Redacted("".join(pieces), issued)


def restore(text: str, placeholders: Mapping[str, str]) -> str:
    """Put back the values of the placeholders issued for this ticket, in one pass; others stay."""
    return _PLACEHOLDER.sub(lambda match: placeholders.get(match.group(), match.group()), text)


def scrub(text: str) -> str:
    """Return ``text`` fit for a log: values replaced by their kind for good, length bounded."""
    pieces: list[str] = []
    last = 0
    for start, end, kind in detect(text):
        pieces += (text[last:start], text[start:end] if kind == "LITERAL" else f"[{kind.lower()}]")
        last = end
    pieces.append(text[last:])
    clean = "".join(pieces)
    return clean if len(clean) <= _MAX_LOG_CHARS else clean[:_MAX_LOG_CHARS] + "…"
