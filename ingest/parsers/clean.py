"""Cleaning of extracted text, and the builder that keeps segment positions true to the cleaned text."""

from __future__ import annotations

import re
import unicodedata

from ingest.parsers.limits import ParseLimits
from ingest.parsers.result import ParsedFile, Segment, Warn

_LINE_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_ANSI_ESCAPES = re.compile("\x1b\\[[0-9;?]{0,32}[@-~]")
# Controls, noncharacters and lone surrogates cannot be stored or shown safely.
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
# Characters nobody sees but a language model reads: overrides, zero-width marks, tag letters.
# U+200C and U+200D stay: Persian spelling and emoji need them.
_INVISIBLE = re.compile("[\u200b\u2060-\u2064\u202a-\u202e\u2066-\u206f\ufeff\U000e0000-\U000e007f]")


def clean_text(text: str, warnings: list[str] | None = None) -> str:
    """Return NFC text with `\\n` line ends and without control or invisible characters."""
    if text.isascii() and text.isprintable():
        return text
    text = _LINE_BREAKS.sub("\n", _ANSI_ESCAPES.sub("", text))
    text = _CONTROLS.sub("", text)
    if text.isascii():
        return text
    cleaned = _INVISIBLE.sub("", text)
    if warnings is not None and len(cleaned) - len(text) < -1:
        add_warning(warnings, Warn.INVISIBLE_CHARACTERS)
    return unicodedata.normalize("NFC", cleaned)


def one_line(text: str) -> str:
    """Return the text with every run of white space made one space."""
    return " ".join(text.split())


def add_warning(warnings: list[str], warning: Warn) -> None:
    """Append a warning once."""
    if warning.value not in warnings:
        warnings.append(warning.value)


class TextBuilder:
    """Collects cleaned pieces into one text and records a segment for each."""

    def __init__(self, result: ParsedFile, limits: ParseLimits) -> None:
        self._result = result
        self._limits = limits
        self._parts: list[str] = []
        self._length = 0
        self._hidden: list[str] = []
        self._hidden_length = 0

    @property
    def is_full(self) -> bool:
        """Return whether the character limit has been reached."""
        return self._length >= self._limits.characters_out

    def add(self, text: str, *, unit: str, index: int, label: str = "", separator: str = "\n") -> bool:
        """Append one piece; return False once the text is full, so that parsers can stop."""
        if self.is_full:
            self._mark_truncated()
            return False
        piece = clean_text(text[: self._limits.characters_out], self._result.warnings).strip("\n ")
        if not piece:
            return True
        if self._parts:
            self._parts.append(separator)
            self._length += len(separator)
        room = self._limits.characters_out - self._length
        if len(piece) > room:
            piece = piece[: max(room, 0)]
            self._mark_truncated()
        start = self._length
        self._parts.append(piece)
        self._length += len(piece)
        self._add_segment(Segment(start, self._length, unit, index, label))
        return not self.is_full

    def add_hidden(self, text: str) -> None:
        """Keep text that a reader of the document would not see, apart from the main text."""
        piece = clean_text(text[: self._limits.hidden_characters_out]).strip()
        room = self._limits.hidden_characters_out - self._hidden_length
        if piece and room > 0:
            self._hidden.append(piece[:room])
            self._hidden_length += len(piece) + 1

    def finish(self) -> ParsedFile:
        """Write the text into the result, with a warning where there is none."""
        result = self._result
        result.text = "".join(self._parts)
        result.hidden_text = "\n".join(self._hidden)
        if result.hidden_text:
            add_warning(result.warnings, Warn.HIDDEN_TEXT)
        if not result.text.strip():
            add_warning(result.warnings, Warn.NO_TEXT)
        return result

    def _add_segment(self, segment: Segment) -> None:
        if len(self._result.segments) < self._limits.segments_out:
            self._result.segments.append(segment)
        else:
            add_warning(self._result.warnings, Warn.SEGMENTS_TRUNCATED)

    def _mark_truncated(self) -> None:
        self._result.truncated = True
        add_warning(self._result.warnings, Warn.TRUNCATED)
