"""The parts of a letter that say nothing of its matter: greeting, sign-off, header and quoted lines."""

from __future__ import annotations

import re
from typing import Final

GREETING: Final = re.compile(
    r"^(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day)|greetings|hallo|guten (?:tag|morgen)|"
    r"sehr geehrte[rs]?|liebe[rs]?|bonjour|hola)\b[^,!.:\n]{0,40}(?:[,!.:]|$)\s*",
    re.IGNORECASE,
)
SIGN_OFF: Final = re.compile(
    r"^(?:-- ?$|(?:kind |best |warm )?regards\b|best wishes\b|sincerely\b|cheers\b|many thanks\b.{0,20}$|"
    r"thanks[,.!]?$|thank you[,.!]?$|thanks in advance\b|mit freundlichen|viele grüße|sent from my\b)",
    re.IGNORECASE,
)
QUOTE_HEAD: Final = re.compile(
    r"^(?:on .{3,80} wrote:|am .{3,80} schrieb.{0,40}:|-{2,} ?original message|from: .{1,120}$|sent: "
    r".{1,120}$)",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(r"^(?:from|to|cc|date|sent|subject|von|an|datum|betreff):\s", re.IGNORECASE)
_INLINE_SIGN_OFF: Final = re.compile(
    r"(?<=[.!?])\s+(?:(?:kind |best |warm )?regards|best wishes|mit freundlichen grüßen|viele grüße)\b"
    r"[^.!?\n]{0,60}$",
    re.IGNORECASE,
)
_MOST_LINES_OF_A_SIGNATURE: Final = 8
_LONG_LINE: Final = 80
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+")


def letter_matter(text: str) -> str:
    """What a letter is about, its paragraphs as they were.

    Greeting, header, quoted lines, and the sign-off with what stands beneath it are left out. A sign-off is
    believed only near the end, and a text of nothing else is given back whole.
    """
    lines = text.strip().splitlines()
    kept: list[str] = []
    for place, raw in enumerate(lines):
        line = raw.strip()
        has_matter = any(kept)
        if has_matter and (QUOTE_HEAD.match(line) or _ends_here(lines, place)):
            break
        if line.startswith(">") or (not has_matter and _HEADER.match(line)):
            continue
        kept.append(raw.rstrip() if has_matter else _capital(GREETING.sub("", line, count=1)))
    matter = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    return _INLINE_SIGN_OFF.sub("", matter) or text.strip()


def first_matter_line(text: str) -> str:
    """A heading for a letter without one: its first line of matter, of a long one the first sentence."""
    line = next((line.strip() for line in letter_matter(text).splitlines() if line.strip()), "")
    return line if len(line) <= _LONG_LINE else _SENTENCE_END.split(line, maxsplit=1)[0]


def shortened(text: str, limit: int) -> str:
    """At most ``limit`` characters of one line, cut after a whole word and marked as cut."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    whole = cut[: cut.rfind(" ")] if " " in cut[limit // 2 :] and not text[limit - 1].isspace() else cut
    return f"{whole.rstrip(' .,;:–-')}…"


def _ends_here(lines: list[str], place: int) -> bool:
    """Whether the letter is signed at this line: only a signature follows."""
    if not SIGN_OFF.match(lines[place].strip()):
        return False
    return sum(1 for line in lines[place + 1 :] if line.strip()) <= _MOST_LINES_OF_A_SIGNATURE


def _capital(line: str) -> str:
    return line[:1].upper() + line[1:]
