"""Fields a lead defines by a pattern: checked before use, so that no pattern can stall triage."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]  # the stable constants of the parse tree
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any, Final

MAX_PATTERN_CHARS: Final = 200
MAX_CUSTOM_TEXT_CHARS: Final = 20_000
MAX_MATCHES: Final = 50
_WINDOW: Final = 300
_STEP: Final = 200
_MAX_WORK: Final = 1_500
"""Steps a pattern may take from one starting point; a window has 300 characters, so this bounds a run."""

_REPEATS: Final = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
_CATEGORIES: Final = {
    sre.CATEGORY_DIGIT: string.digits,
    sre.CATEGORY_WORD: string.ascii_lowercase + string.digits + "_",
    sre.CATEGORY_SPACE: string.whitespace,
}


@dataclass(frozen=True, slots=True)
class CustomField:
    """A field of a category: its name, its pattern (the first group is the value) and a validator's name."""

    name: str
    pattern: str
    validator: str = ""


class UnsafePattern(ValueError):
    """The pattern is not valid or could take more than linear time."""


@lru_cache(maxsize=512)
def compile_safe(pattern: str) -> re.Pattern[str]:
    """Compile ``pattern``, ignoring case.

    Raises ``UnsafePattern`` with a whole sentence for the person who wrote it.
    """
    if not pattern or len(pattern) > MAX_PATTERN_CHARS:
        raise UnsafePattern(f"The pattern must have 1 to {MAX_PATTERN_CHARS} characters.")
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
        tree = sre_parser.parse(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise UnsafePattern(f"The pattern is not a valid regular expression: {error}.") from error
    if compiled.match(""):
        raise UnsafePattern("The pattern must not match empty text.")
    work, _ = _cost(tree)
    if work > _MAX_WORK:
        raise UnsafePattern(
            "The pattern could take too long; give its repetitions an upper limit, such as {1,20}."
        )
    return compiled


def find_custom(field: CustomField, text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of the field's values, line by line in windows of bounded size.

    Raises ``UnsafePattern`` like ``compile_safe``.
    """
    pattern = compile_safe(field.pattern)
    found = 0
    for start, end in _lines(text[:MAX_CUSTOM_TEXT_CHARS]):
        resume = start
        for window in range(start, max(end, start + 1), _STEP):
            for match in pattern.finditer(text, max(window, resume), min(end, window + _WINDOW)):
                if match.start() >= window + _STEP or found >= MAX_MATCHES:
                    break
                span = match.span(1) if pattern.groups and match.group(1) is not None else match.span()
                resume = max(match.end(), resume)
                if span[0] < span[1]:
                    found += 1
                    yield span


def _lines(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for line in text.splitlines(keepends=True):
        yield start, start + len(line.rstrip("\r\n"))
        start += len(line)


def _cost(tree: Any) -> tuple[float, bool]:
    """Return the steps one start can take at worst, and whether the length of a match varies.

    The ways to split the text between repetitions multiply, unless what follows a repetition can never
    be part of it (``[A-Z]+-``). The estimate is an upper bound that refuses some harmless patterns; a
    lead can always write a limit instead.
    """
    parts = list(tree)
    work, paths, varies = 1.0, 1.0, False
    for position, (operation, argument) in enumerate(parts):
        part, part_varies = _part_cost(operation, argument)
        work += paths * part
        following = parts[position + 1] if position + 1 < len(parts) else None
        if part_varies and not _is_settled(operation, argument, following):
            paths *= part
        varies = varies or part_varies
    return max(work, paths), varies


def _is_settled(operation: Any, argument: Any, following: Any) -> bool:
    """Tell whether a repetition of one character can end in a single place only."""
    if operation not in _REPEATS or following is None or len(argument[2]) != 1:
        return False
    own = _charset(*argument[2][0])
    next_operation, next_argument = following
    if next_operation in _REPEATS and next_argument[0] > 0 and len(next_argument[2]) == 1:
        next_operation, next_argument = next_argument[2][0]
    other = _charset(next_operation, next_argument)
    return own is not None and other is not None and own.isdisjoint(other)


def _charset(operation: Any, argument: Any) -> frozenset[str] | None:
    """Return the ASCII characters an item stands for, in lower case; None where it is not plain."""
    if operation is sre.LITERAL:
        return frozenset(chr(argument).lower())
    if operation is not sre.IN:
        return None
    characters: set[str] = set()
    for kind, value in argument:
        if kind is sre.LITERAL:
            characters.add(chr(value).lower())
        elif kind is sre.RANGE and value[1] < 128:
            characters.update(chr(code).lower() for code in range(value[0], value[1] + 1))
        elif kind is sre.CATEGORY and value in _CATEGORIES:
            characters.update(_CATEGORIES[value])
        else:
            return None
    return frozenset(characters)


def _part_cost(operation: Any, argument: Any) -> tuple[float, bool]:
    if operation in _REPEATS:
        return _repeat_cost(*argument)
    if operation is sre.SUBPATTERN:
        return _cost(argument[-1])
    if operation is sre.BRANCH:
        costs = [_cost(branch) for branch in argument[1]]
        return sum(cost for cost, _ in costs), True
    if operation in (sre.ASSERT, sre.ASSERT_NOT, sre.ATOMIC_GROUP):
        return _cost(argument if operation is sre.ATOMIC_GROUP else argument[1])
    if operation in (sre.GROUPREF, sre.GROUPREF_EXISTS):
        return float("inf"), True
    return 1.0, False


def _repeat_cost(low: Any, high: Any, body: Any) -> tuple[float, bool]:
    longest = _WINDOW if high is sre.MAXREPEAT else min(int(high), _WINDOW)
    inner, inner_varies = _cost(body)
    if longest > 1 and inner_varies:
        return float("inf") if longest > 4 else inner**longest, True
    return max(1.0, (longest - min(int(low), longest) + 1) * inner), longest != int(low)
