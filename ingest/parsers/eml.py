"""Mail files: headers, text body, list of attachments.

The standard parser runs with its oldest policy: the modern one needs seconds for a long Subject
(FACTS 18). Headers are cut before they are decoded.
"""

from __future__ import annotations

import email.errors
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import parsedate_to_datetime

from ingest.parsers.clean import TextBuilder, add_warning, one_line
from ingest.parsers.features import extract_features
from ingest.parsers.html_text import html_to_text
from ingest.parsers.limits import MEBIBYTE, ParseLimits
from ingest.parsers.result import Code, ParsedFile, ParseError, Warn
from ingest.parsers.text import decode

_HEADER_CHARACTERS = 2_000
_HEADER_BLOCK_BYTES = MEBIBYTE
_HTML_CHARACTERS = 2_000_000
_ATTACHMENTS_LISTED = 200
_REFERENCES_KEPT = 50
_SHOWN_HEADERS = ("Subject", "From", "To", "Cc", "Date")
_KEPT_HEADERS = ("From", "To", "Cc", "Reply-To", "Date", "Message-ID", "In-Reply-To")
_LOOP_HEADERS = ("Auto-Submitted", "Precedence")
_HEADER_LINE = re.compile(rb"^[!-9;-~]{1,100}[ \t]*:")


@dataclass(slots=True)
class _Bodies:
    """Text parts in order; `alternative` HTML is used only where no plain text stands beside it."""

    plain: list[str]
    html: list[str]
    attachments: list[dict[str, str | int]]


def parse(data: bytes, limits: ParseLimits) -> ParsedFile:
    """Read an .eml file; headers and body parts become segments."""
    result = ParsedFile(kind="eml")
    message = _message(data)
    bodies = _Bodies([], [], [])
    for part in _parts(message, limits):
        _take_part(part, bodies, result)
    builder = TextBuilder(result, limits)
    _write_headers(message, result, builder)
    _write_bodies(bodies, result, builder)
    builder.finish()
    result.metadata["attachments"] = bodies.attachments[:_ATTACHMENTS_LISTED]
    result.features = extract_features(result.text)
    return result


def _message(data: bytes) -> Message:
    """Parse the structure after checking that there are headers and that they are not endless."""
    data = data.lstrip(b"\xef\xbb\xbf\r\n\t ")
    first = data[:2_000].split(b"\n", 1)
    if first[0].startswith((b"From ", b">From ")) and len(first) > 1:
        data = data[data.index(b"\n") + 1 :]
    if not _HEADER_LINE.match(data):
        raise ParseError(Code.MALFORMED, "The mail does not begin with headers.")
    end = re.search(rb"\r?\n\r?\n", data)
    if (end.start() if end else len(data)) > _HEADER_BLOCK_BYTES:
        raise ParseError(Code.BOMB, "The mail's headers are too long.")
    try:
        return BytesParser(policy=compat32).parsebytes(data)
    except RecursionError as error:
        raise ParseError(Code.BOMB, "The mail nests too deeply.") from error


def _parts(message: Message, limits: ParseLimits) -> Iterator[Message]:
    """Yield the leaves in order without recursion, within the limits on depth and number."""
    stack = [(message, 1)]
    seen = 0
    while stack:
        part, depth = stack.pop()
        seen += 1
        if depth > limits.mail_depth or seen > limits.mail_parts:
            raise ParseError(Code.BOMB, "The mail has too many parts or nests too deeply.")
        payload = part.get_payload()
        if isinstance(payload, list):
            stack.extend((child, depth + 1) for child in reversed(payload) if isinstance(child, Message))
        else:
            yield part


def _take_part(part: Message, bodies: _Bodies, result: ParsedFile) -> None:
    content_type = part.get_content_type()
    name = _file_name(part)
    disposition = str(part.get("Content-Disposition", ""))[:40].strip().lower()
    is_text = content_type.startswith(("text/", "message/"))
    if name or disposition.startswith("attachment") or not is_text:
        entry = {"name": name or "unnamed", "content_type": content_type[:100]}
        bodies.attachments.append({**entry, "size": len(_payload(part, result))})
        return
    text = _part_text(part, result)
    (bodies.html if content_type == "text/html" else bodies.plain).append(text)


def _write_headers(message: Message, result: ParsedFile, builder: TextBuilder) -> None:
    result.title = _header(message, "Subject")[:300] or None
    for name in _KEPT_HEADERS + _LOOP_HEADERS:
        value = _header(message, name)
        if value:
            result.metadata[name.lower().replace("-", "_")] = value
    references = _header(message, "References").split()
    result.metadata["references"] = references[-_REFERENCES_KEPT:]
    result.metadata["sent_at"] = _sent_at(result.metadata.get("date", ""))
    for number, name in enumerate(_SHOWN_HEADERS, start=1):
        value = _header(message, name)
        if value:
            builder.add(f"{name}: {value}", unit="header", index=number, label=name)


def _write_bodies(bodies: _Bodies, result: ParsedFile, builder: TextBuilder) -> None:
    number = 0
    for text in bodies.plain:
        number += 1
        builder.add(text, unit="part", index=number, label="text/plain", separator="\n\n")
    has_plain = any(text.strip() for text in bodies.plain)
    for markup in bodies.html:
        visible, hidden = html_to_text(markup[:_HTML_CHARACTERS])
        if len(markup) > _HTML_CHARACTERS:
            result.truncated = True
            add_warning(result.warnings, Warn.TRUNCATED)
        builder.add_hidden(hidden)
        if not has_plain:
            number += 1
            builder.add(visible, unit="part", index=number, label="text/html", separator="\n\n")


def _header(message: Message, name: str) -> str:
    """Return a header decoded, on one line and shortened before and after decoding."""
    value = message.get(name)
    if value is None:
        return ""
    raw = one_line(str(value)[:_HEADER_CHARACTERS])
    try:
        pieces = decode_header(raw)
    except (email.errors.HeaderParseError, ValueError):
        return raw
    return one_line("".join(_piece(content, charset) for content, charset in pieces))[:_HEADER_CHARACTERS]


def _piece(content: bytes | str, charset: str | None) -> str:
    if isinstance(content, str):
        return content
    try:
        return content.decode(charset or "utf-8", errors="replace")
    except (LookupError, ValueError):
        return content.decode("latin-1")


def _file_name(part: Message) -> str:
    """Return the attachment's name, or nothing; damaged parameters make no name."""
    for header in ("Content-Disposition", "Content-Type"):
        if len(str(part.get(header, ""))) > _HEADER_CHARACTERS:
            return "unnamed"
    try:
        name = part.get_filename()
    except (ValueError, LookupError, TypeError, AttributeError):
        return "unnamed"
    if not name:
        return ""
    try:
        pieces = decode_header(str(name)[:500])
    except (email.errors.HeaderParseError, ValueError):
        return one_line(str(name))[:200]
    return one_line("".join(_piece(content, charset) for content, charset in pieces))[:200]


def _payload(part: Message, result: ParsedFile) -> bytes:
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError, TypeError):
        add_warning(result.warnings, Warn.PART_UNREADABLE)
        return b""
    return payload if isinstance(payload, bytes) else b""


def _part_text(part: Message, result: ParsedFile) -> str:
    """Return a text part decoded by its charset, or by detection where that is absent or wrong."""
    payload = _payload(part, result)
    short = len(str(part.get("Content-Type", ""))) < _HEADER_CHARACTERS
    try:
        charset = part.get_content_charset() if short else None
        if charset and charset not in {"idna", "punycode", "undefined", "unicode_escape"}:
            text = payload.decode(charset)
            result.encoding = result.encoding or charset
            return text
    except (ValueError, LookupError, TypeError):
        add_warning(result.warnings, Warn.GUESSED_ENCODING)
    return decode(payload, result) if payload else ""


def _sent_at(value: str) -> str | None:
    try:
        return parsedate_to_datetime(value).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
