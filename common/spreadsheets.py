"""Cells that no spreadsheet takes for a formula (T12)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_CELL_LIMIT: Final = 32_000


def cell_text(value: object) -> str:
    """A value as the text of a cell; one that a spreadsheet would calculate begins with an apostrophe.

    Times are ISO 8601, lists are joined by commas, nothing is empty. Control characters are left out.
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    text = _CONTROL.sub("", text)[:_CELL_LIMIT]
    return f"'{text}" if text.startswith(_STARTS) else text
