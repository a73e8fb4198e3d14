"""Treats ticket text as data (C20): strips what a person cannot see, blunts delimiters, flags attacks.

Nothing visible is deleted and nothing is decided here. No filter survives an attacker who has read it,
so the flags only call for a person; what a label can do is limited elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from classifier.engine.attack_phrases import SUSPICIOUS
from classifier.engine.phrases import PhraseIndex, words_of

MAX_GUARDED_CHARS: Final = 100_000
_MAX_FLAGS: Final = 50

_ZERO_WIDTH: Final = "\u200b\u200c\u200d\u2060-\u2064\ufeff\u00ad\u180e\u034f\u115f\u1160\u3164"
_BIDI: Final = "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069"
_TAGS: Final = "\U000e0000-\U000e007f\U000e0100-\U000e01ef"
_CONTROL: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff"
_HIDDEN: Final = re.compile(
    f"(?P<zero_width>[{_ZERO_WIDTH}]+)|(?P<bidi>[{_BIDI}]+)|(?P<tag_block>[{_TAGS}]+)|"
    f"(?P<control>[{_CONTROL}]+)"
)
# Joiners inside emoji and Persian or Indic words are spelling, not hiding.
_JOINERS: Final = frozenset("\u200c\u200d")

_DELIMITERS: Final = re.compile(
    r"<\|[^|>\n]{0,40}\|?>|</?(?:system|user|assistant|ticket|instructions?|context|"
    r"untrusted)\b[^>\n]{0,40}>|"
    r"\[/?INST\]|<</?SYS>>|`{3,}|\"{3,}|^#{2,}[ ](?=(?:system|instruction|response|assistant)\b)|"
    r"^(?=(?:system|assistant|developer)[ ]{0,2}:)",
    re.IGNORECASE | re.MULTILINE,
)
_BLUNTED: Final = str.maketrans(
    {"<": "‹", ">": "›", "[": "(", "]": ")", "`": "'", '"': "'", "#": "＃", "|": "¦"}
)

_ABUSE: Final = {
    "profanity": (
        "fuck|fucking|fucked|fuck you|shit|shitty|bullshit|bitch|asshole|assholes|bastard|bastards|cunt|"
        "dickhead|"
        "scheiße|scheiss|arschloch|verdammte|wichser|fick dich|merde|putain|mierda"
    ),
    "insult": (
        "idiot|idiots|moron|morons|stupid people|you are stupid|imbecile|retard|retarded|scumbag|you people "
        "are useless|"
        "braindead|idioten|vollidiot|trottel|dummkopf|schwachkopf"
    ),
    "threat": (
        "kill you|i will find you|i'll find you|hurt you|burn down your|blow up your|you will regret|you'll "
        "regret|"
        "i know where you live|beat you up|bring dich um|ich finde dich|wirst es bereuen"
    ),
}
_ABUSE_KIND: Final = {phrase: kind for kind, joined in _ABUSE.items() for phrase in joined.split("|")}
_ABUSE_INDEX: Final = PhraseIndex(_ABUSE_KIND)


@dataclass(frozen=True, slots=True)
class HiddenText:
    """Characters a person does not see, at their place in the original; tags carry readable text."""

    kind: str
    start: int
    end: int
    decoded: str = ""


@dataclass(frozen=True, slots=True)
class Flag:
    """A suspicious or abusive phrase at its place in the original text."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class GuardReport:
    """What the model may see (``text``) and what people should know about the original."""

    text: str
    hidden: tuple[HiddenText, ...] = ()
    suspicious: tuple[Flag, ...] = ()
    abusive: tuple[Flag, ...] = ()
    truncated: bool = False

    @property
    def is_flagged(self) -> bool:
        """True where a disagreement of the engines should go to a person."""
        return bool(
            self.suspicious or any(item.kind in ("tag_block", "bidi") or item.decoded for item in self.hidden)
        )


def guard(text: str, *, max_chars: int = MAX_GUARDED_CHARS) -> GuardReport:
    """Strip hidden text and report hidden, suspicious and abusive parts. Never raises on any string."""
    source = text[:max_chars]
    visible, hidden, origin = _strip_hidden(source)
    smuggled = " ".join(item.decoded for item in hidden if item.decoded)
    suspicious = list(_suspicious(visible, origin))
    if smuggled:
        at = next(item for item in hidden if item.decoded)
        suspicious.append(Flag("hidden_message", smuggled[:200], at.start, at.end))
    return GuardReport(
        text=visible,
        hidden=tuple(hidden),
        suspicious=tuple(suspicious[:_MAX_FLAGS]),
        abusive=tuple(_abusive(visible, origin))[:_MAX_FLAGS],
        truncated=len(text) > max_chars,
    )


def neutralise(text: str) -> str:
    """Blunt what could end the data section of a prompt: role markers, fences, chat markup.

    The text keeps its length nearly and stays readable; only look-alike characters change.
    """
    return _DELIMITERS.sub(lambda match: match.group().translate(_BLUNTED) or "› ", text)


def _strip_hidden(text: str) -> tuple[str, list[HiddenText], Sequence[int]]:
    """Return the visible text, what was hidden, and for each visible character its original place."""
    pieces: list[str] = []
    hidden: list[HiddenText] = []
    origin: list[int] = []
    last = 0
    for match in _HIDDEN.finditer(text):
        if _is_spelling(text, match.start(), match.end()):
            continue
        pieces.append(text[last : match.start()])
        origin.extend(range(last, match.start()))
        kind = match.lastgroup or "control"
        hidden.append(HiddenText(kind, match.start(), match.end(), _decode_tags(match.group())))
        last = match.end()
    if not hidden:
        return text, [], range(len(text) + 1)
    pieces.append(text[last:])
    origin.extend(range(last, len(text) + 1))
    return "".join(pieces), hidden, origin


def _is_spelling(text: str, start: int, end: int) -> bool:
    """A single joiner between two characters beyond Latin belongs to an emoji or a word."""
    if end - start != 1 or text[start] not in _JOINERS or start == 0 or end >= len(text):
        return False
    return ord(text[start - 1]) > 0x5FF and ord(text[end]) > 0x5FF


def _decode_tags(run: str) -> str:
    """Read the ASCII that characters of the Unicode tag block spell, if it is worth reading."""
    decoded = "".join(chr(ord(c) - 0xE0000) for c in run if 0xE0020 <= ord(c) <= 0xE007E)
    # Flags of regions ("gbeng") are spelled with tags too.
    return decoded if len(decoded) > 6 else ""


def _suspicious(visible: str, origin: Sequence[int]) -> Iterator[Flag]:
    for kind, pattern in SUSPICIOUS:
        for number, match in enumerate(pattern.finditer(visible)):
            if number >= _MAX_FLAGS:
                break
            yield Flag(kind, match.group()[:200], origin[match.start()], origin[match.end() - 1] + 1)


def _abusive(visible: str, origin: Sequence[int]) -> Iterator[Flag]:
    for hit in _ABUSE_INDEX.find(words_of(visible)):
        quoted = visible[hit.start : hit.end]
        yield Flag(_ABUSE_KIND[hit.phrase], quoted, origin[hit.start], origin[hit.end - 1] + 1)
