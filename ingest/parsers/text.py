"""Plain text: encoding detection, and the parser for .txt files."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

from ingest.parsers.clean import add_warning, clean_text
from ingest.parsers.detect import wide_encoding
from ingest.parsers.features import extract_features
from ingest.parsers.limits import ParseLimits
from ingest.parsers.result import Code, ParsedFile, ParseError, Segment, Warn

# UTF-32 first: its little-endian mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_GUESS_SAMPLE = 20_000
_FALLBACK = "cp1252"
_RUNS = re.compile(rb"[\x80-\xff]{2,}")
_MANY_BYTES = 6
_SIDE_BY_SIDE = 0.5
_SURE = 0.5
_CUT_BYTES = 3
_OTHER_SCRIPTS = (
    *("cp1251", "cp866", "koi8", "iso8859_5", "mac_cyrillic"),
    *("cp1253", "iso8859_7", "cp1255", "iso8859_8", "cp1256", "iso8859_6", "cp874", "tis_620", "iso8859_11"),
    *("cp932", "shift_jis", "euc_", "iso2022", "gb", "big5", "cp949", "cp950", "johab", "hz"),
)


def parse(data: bytes, limits: ParseLimits) -> ParsedFile:
    """Read a .txt file; each line that is not blank becomes a segment."""
    result = ParsedFile(kind="txt")
    text = decode(data, result)
    fill_lines(result, text, limits)
    result.title = first_line(result.text)
    result.features = extract_features(result.text)
    return result


def decode(data: bytes, result: ParsedFile) -> str:
    """Return the text of bytes in an unknown encoding and note the encoding in the result."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decode_as(data[len(mark) :], encoding, result)
    wide = wide_encoding(data[:_GUESS_SAMPLE]) if b"\x00" in data[:_GUESS_SAMPLE] else None
    if wide:
        return _decode_as(data, wide, result)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _decode_legacy(data, error.start, result)
    result.encoding = "ascii" if text.isascii() else "utf-8"
    return text


def fill_lines(result: ParsedFile, text: str, limits: ParseLimits) -> None:
    """Clean the text as a whole and record one segment for each line that is not blank."""
    if len(text) > limits.characters_out:
        text = text[: limits.characters_out]
        result.truncated = True
        add_warning(result.warnings, Warn.TRUNCATED)
    result.text = clean_text(text, result.warnings).rstrip("\n ")
    start = 0
    for number, line in enumerate(result.text.split("\n"), start=1):
        end = start + len(line)
        if line and not line.isspace():
            if len(result.segments) >= limits.segments_out:
                add_warning(result.warnings, Warn.SEGMENTS_TRUNCATED)
                break
            result.segments.append(Segment(start, end, "line", number))
        start = end + 1
    if not result.text.strip():
        add_warning(result.warnings, Warn.NO_TEXT)


def first_line(text: str) -> str | None:
    """Return the first line with text on it, shortened, as a title."""
    for line in text[:4000].split("\n"):
        if line.strip():
            return line.strip()[:200]
    return None


def _decode_as(data: bytes, encoding: str, result: ParsedFile) -> str:
    result.encoding = encoding
    text = data.decode(encoding, errors="replace")
    # Half a character at the very end is a cut file, not a wrong encoding.
    ending = len(text) - len(text.rstrip("\ufffd"))
    broken = text.count("\ufffd") - min(ending, _CUT_BYTES)
    if broken > len(text) // 20:
        raise ParseError(Code.MALFORMED, f"The text is marked as {encoding} but cannot be decoded.")
    if broken:
        add_warning(result.warnings, Warn.UNDECODABLE_BYTES)
    return text


def _decode_legacy(data: bytes, first_bad: int, result: ParsedFile) -> str:
    """Decode text that is not valid UTF-8: damaged UTF-8, or an older character set."""
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    multibyte = sum(1 for character in text[:1_000_000] if ord(character) > 0x7F) - broken
    if multibyte > 4 * broken:
        result.encoding = "utf-8"
        add_warning(result.warnings, Warn.UNDECODABLE_BYTES)
        return text
    begin = max(0, first_bad - _GUESS_SAMPLE // 2)
    add_warning(result.warnings, Warn.GUESSED_ENCODING)
    for encoding in (_guess(data[begin : begin + _GUESS_SAMPLE]), _FALLBACK):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        result.encoding = encoding
        return text
    result.encoding = "latin-1"
    return data.decode("latin-1")


def _guess(sample: bytes) -> str:
    """Return the likely older character set; Windows-1252 wherever the statistics say little.

    In a Western text letters beyond ASCII stand alone between others, in other scripts they stand side by
    side. Alone they look alike in a dozen character sets and frequency tables mislead (“Störung” was read
    as Farsi), so only Turkish, whose letters sit in six places of Windows-1252, may still win there.
    """
    beyond = sum(1 for byte in sample if byte > 0x7F)
    beside = sum(len(run.group()) for run in _RUNS.finditer(sample))
    guess = from_bytes(sample).best()
    if guess is None:
        return _FALLBACK
    if beside < _MANY_BYTES or beside < beyond * _SIDE_BY_SIDE:
        is_turkish = guess.language == "Turkish" and guess.coherence >= _SURE
        return guess.encoding if is_turkish else _FALLBACK
    return guess.encoding if guess.encoding.startswith(_OTHER_SCRIPTS) else _FALLBACK
