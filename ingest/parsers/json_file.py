"""JSON, read strictly as RFC 8259 says, and flattened to `path: value` lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from ingest.parsers.clean import TextBuilder, add_warning, one_line
from ingest.parsers.detect import wide_encoding
from ingest.parsers.features import extract_features
from ingest.parsers.limits import ParseLimits
from ingest.parsers.result import Code, ParsedFile, ParseError, Warn

_PATH_PARTS_SHOWN = 3
_PATH_CHARACTERS = 200
_TITLE_KEYS = ("title", "subject", "summary", "name")


class _Number(str):
    """A number kept as written, so that no digit is lost and none is computed."""

    __slots__ = ()


def parse(data: bytes, limits: ParseLimits) -> ParsedFile:
    """Read a JSON document; each scalar becomes a line and a segment labelled with its path."""
    result = ParsedFile(kind="json")
    document = load(_decode(data, result), result)
    builder = TextBuilder(result, limits)
    for number, (path, value) in enumerate(_leaves(document, limits), start=1):
        text = f"{_shown(path)}: {_scalar(value)}" if path else _scalar(value)
        label = ".".join(path)[:_PATH_CHARACTERS]
        if not builder.add(text, unit="element", index=number, label=label):
            break
    builder.finish()
    result.title = _title(document)
    size = len(document) if isinstance(document, (list, dict)) else 1
    result.metadata = {"root": _type_name(document), "size": size}
    result.features = extract_features(result.text)
    return result


def load(text: str, result: ParsedFile) -> Any:
    """Return the value of a JSON text.

    Raises ParseError: malformed where the grammar is broken, bomb where it nests too deeply.
    """

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) != len(pairs):
            add_warning(result.warnings, Warn.DUPLICATE_KEYS)
        return values

    try:
        return json.loads(
            text,
            object_pairs_hook=members,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        message = f"The JSON is not valid: {error.msg} at line {error.lineno}, column {error.colno}."
        raise ParseError(Code.MALFORMED, message) from error
    except RecursionError as error:
        raise ParseError(Code.BOMB, "The JSON nests too deeply.") from error


def _decode(data: bytes, result: ParsedFile) -> str:
    """Decode as RFC 8259 asks (UTF-8), tolerating a byte order mark and UTF-16."""
    encoding: str = json.detect_encoding(data)
    if not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\x00\x00\xfe\xff")):
        encoding = wide_encoding(data) or "utf-8"
    result.encoding = encoding.removesuffix("-sig")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ParseError(Code.MALFORMED, f"The JSON is not valid {result.encoding} text.") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ParseError(Code.MALFORMED, f"The JSON is not valid: {name} is not a JSON number.")


def _leaves(document: Any, limits: ParseLimits) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every scalar with its path, in document order, without recursion."""
    stack: list[Iterator[tuple[tuple[str, ...], Any]]] = [iter([((), document)])]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
            continue
        path, value = entry
        if not isinstance(value, (dict, list)):
            yield path, value
            continue
        if len(stack) > limits.nesting_depth:
            raise ParseError(Code.BOMB, f"The JSON nests deeper than {limits.nesting_depth} levels.")
        stack.append(_children(path, value))


def _children(
    path: tuple[str, ...], value: dict[str, Any] | list[Any]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        return (((*path, key[:_PATH_CHARACTERS]), item) for key, item in value.items())
    return (((*path, str(position)), item) for position, item in enumerate(value))


def _shown(path: tuple[str, ...]) -> str:
    """Return the last few names of a path; positions in lists say nothing to a reader."""
    names = [part for part in path if not part.isdigit()] or list(path)
    return one_line(".".join(names[-_PATH_PARTS_SHOWN:]))[:_PATH_CHARACTERS]


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return str(value)
    return json.dumps(value)


def _type_name(value: object) -> str:
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else "scalar"


def _title(document: object) -> str | None:
    if not isinstance(document, dict):
        return None
    for key in _TITLE_KEYS:
        value = document.get(key)
        if isinstance(value, str) and value.strip():
            return one_line(value)[:200]
    return None
