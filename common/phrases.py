"""Recorded sentences in the reader's language.

Rows keep the reasons of routing, clocks, triage and bulk changes in the language of the site, as a record of
what was said then. The system writes them after the patterns below, so a page can find the pattern and its
parts again and say the same in another language. What people and language models wrote fits none and stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import get_language, gettext, gettext_noop

from common.wording import as_label, within_sentence

_SENTENCES: Final = (
    # routing and assignment
    gettext_noop("Rule “%(name)s” matched."),
    gettext_noop("%(team)s is the default team of %(category)s."),
    gettext_noop("No rule and no default team applies; the fallback team looks at it."),
    gettext_noop("Critical tickets go to %(team)s."),
    gettext_noop("Priority %(priority)s, from severity %(severity)s."),
    gettext_noop("Somebody has room again; this ticket was the next in the queue."),
    gettext_noop("%(person)s is away; the ticket is handed on."),
    gettext_noop("Escalated to %(team)s, the next step of the path."),
    gettext_noop("Escalated: %(reason)s"),
    gettext_noop("The promise to the requester was not kept."),
    # changes of a ticket
    gettext_noop("A review answer was taken back."),
    gettext_noop("Merged."),
    gettext_noop("Unmerged."),
    gettext_noop("Undone."),
    gettext_noop("Macro: %(name)s"),
    gettext_noop("As in the imported file."),
    gettext_noop("Given when the ticket was opened."),
    gettext_noop("The requester replied."),
    gettext_noop("First reply."),
    gettext_noop("It could not be changed."),
    # clocks
    gettext_noop("“%(policy)s” promises no %(kind)s."),
    gettext_noop("No policy fits the ticket any more."),
    gettext_noop("“%(policy)s” applies."),
    gettext_noop("Other hours apply."),
    gettext_noop("The calendar changed to version %(version)s."),
    gettext_noop("Started."),
    gettext_noop("Ticket is %(status)s."),
    gettext_noop("The requester wrote."),
    gettext_noop("Merged into another ticket."),
    gettext_noop("The merge was taken back."),
    gettext_noop("The ticket was %(status)s without a response."),
    gettext_noop("The clocks could not be counted anew."),
    # triage and review
    gettext_noop("Blind sample of automatic decisions."),
    gettext_noop("No %(field)s was found."),
    gettext_noop("The %(field)s “%(value)s” is only suggested."),
    gettext_noop("The %(field)s “%(value)s” is only held."),
    gettext_noop("Keywords: %(words)s."),
    gettext_noop("No keyword of any category was found."),
    gettext_noop("Named in the text: %(words)s."),
    gettext_noop("No sign of a bug, a wish or a refund."),
    gettext_noop("Letter statistics and function words."),
    gettext_noop("Too short to tell."),
    gettext_noop("Tone words: %(words)s."),
    gettext_noop("No tone words found."),
    gettext_noop("Indicators of %(severity)s: %(words)s."),
    gettext_noop("No severity indicator found."),
    gettext_noop("The most telling sentence of the ticket."),
    gettext_noop("Nothing like this was among the examples."),
    gettext_noop("The words %(words)s speak for it."),
    gettext_noop("The text holds instructions and the engines disagree."),
    gettext_noop("The language model alone said critical, which takes a second engine or a person."),
    # why a model is in use
    gettext_noop("There was no model."),
    gettext_noop("The model in use cannot be read any more."),
    gettext_noop("Chosen by hand in the back office."),
    # why a ticket stayed as it was
    gettext_noop("It is “%(old)s” and cannot become “%(new)s”."),
    gettext_noop("A ticket that is “%(old)s” cannot become “%(new)s”."),
    gettext_noop("%(reference)s has been merged already."),
    gettext_noop("%(reference)s has not been merged."),
    gettext_noop("%(reference)s is closed and cannot be merged."),
)
_DEEDS: Final = (
    gettext_noop("use the macro “%(name)s”"),
    gettext_noop("move to %(team)s"),
    gettext_noop("assign to %(person)s"),
    gettext_noop("set the priority to %(priority)s"),
    gettext_noop("add the tag %(tag)s"),
    gettext_noop("set the status to “%(status)s”"),
)
_LABELS: Final = frozenset({"priority", "severity", "status", "kind", "field", "old", "new"})
"""Parts that are labels or codes themselves; others are names and words, which stay."""
_UNKNOWN: Final = gettext_noop("Unknown")
_LEVELS: Final = frozenset({"critical", "high", "medium", "low"})
_ENGINES: Final = {
    "rules": gettext_noop("Rules"), "local": gettext_noop("Local engine"),
    "llm": gettext_noop("Language model"), "lora": gettext_noop("Fine-tuned adapter"),
}  # fmt: skip
_QUOTED: Final = re.compile(r"“([^”]*)”")
_VOTE: Final = re.compile(r"([\w+]+): ([a-z]+) \((\d\.\d\d)\)")
_VOTES: Final = re.compile(rf"{_VOTE.pattern}(; {_VOTE.pattern})*\.")
_REMEMBERED: Final = 4_096

Pattern = tuple[re.Pattern[str], str]


def _patterns(texts: Sequence[str]) -> tuple[Pattern, ...]:
    """Each text with the expression that finds its parts."""
    return tuple(
        (re.compile(re.sub(r"%\\?\((\w+)\\?\)s", r"(?P<\1>.+?)", re.escape(text)), re.DOTALL), text)
        for text in texts
    )


_SAID, _DONE = _patterns(_SENTENCES), _patterns(_DEEDS)


def retold(text: str) -> str:
    """A recorded reason in the reader's language; unchanged where any sentence of it is not the system's."""
    return _retold(text, get_language() or "")


def deeds_retold(text: str) -> str:
    """The recorded summary of a bulk change in the reader's language."""
    return _deeds_retold(text, get_language() or "")


@lru_cache(maxsize=_REMEMBERED)
def _retold(text: str, language: str) -> str:
    if not text or language == settings.LANGUAGE_CODE:
        return text
    found = _parts_said(text, " ", _SAID, ".")
    return " ".join(found) if found is not None else text


@lru_cache(maxsize=_REMEMBERED)
def _deeds_retold(text: str, language: str) -> str:
    if not text or language == settings.LANGUAGE_CODE:
        return text
    found = _parts_said(text, ", ", _DONE, "")
    return ", ".join(found) if found is not None else text


def _parts_said(text: str, between: str, patterns: Sequence[Pattern], end: str) -> list[str] | None:
    """The text's parts, each said anew; None where one fits no pattern. Names may hold the separator too."""
    for cut in _cuts(text, end + between, len(end)):
        said = _one_said(text[:cut], patterns)
        if said is None:
            continue
        rest = text[cut:].removeprefix(between)
        others = _parts_said(rest, between, patterns, end) if rest else []
        if others is not None:
            return [said, *others]
    return None


def _cuts(text: str, mark: str, keep: int) -> Iterator[int]:
    """Where a part may end, the nearest first; the end of the text is the last."""
    place = text.find(mark)
    while place >= 0:
        yield place + keep
        place = text.find(mark, place + 1)
    yield len(text)


def _one_said(text: str, patterns: Sequence[Pattern]) -> str | None:
    for pattern, words in patterns:
        if match := pattern.fullmatch(text):
            parts = {name: _part(name, value) for name, value in match.groupdict().items()}
            return gettext(words) % parts if parts else gettext(words)
    if patterns is not _SAID:
        return None
    if _VOTES.fullmatch(text):
        return _VOTE.sub(_vote, text)
    # An error that was kept: its sentence is in the catalogue as it stands.
    whole = gettext(text) if text.endswith(".") and " " in text else text
    return whole if whole != text else None


def _part(name: str, value: str) -> str:
    if name == "reason":
        return retold(value)
    if name == "words":
        return _QUOTED.sub(lambda match: gettext("“%(word)s”") % {"word": match[1]}, value)
    if name not in _LABELS and not (name == "value" and value in _LEVELS):
        return value
    label = as_label(value)
    return label if value[:1].isupper() else within_sentence(label)


def _vote(match: re.Match[str]) -> str:
    names = " + ".join(gettext(_ENGINES[name]) if name in _ENGINES else name for name in match[1].split("+"))
    return f"{names}: {as_label(match[2])} ({number_format(float(match[3]), 2)})"
