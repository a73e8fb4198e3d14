"""Visible text of HTML mail bodies, and apart from it the text a style hides."""

from __future__ import annotations

import re

from lxml import etree

_SKIPPED = {"script", "style", "head", "title", "template", "noscript", "object", "svg"}
_BLOCKS = {"p", "div", "br", "tr", "li", "table", "ul", "ol", "blockquote", "pre", "hr", "section", "article"}
_BLOCKS |= {f"h{level}" for level in range(1, 7)}
_CELLS = {"td", "th"}
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|opacity\s*:\s*0(?![.\d])"
    r"|(?<![-\w])color\s*:\s*(?:#fff(?:fff)?\b|white\b)",
    re.IGNORECASE,
)
_BLANK_LINES = re.compile(r"\n\s*\n\s*")
_SPACES = re.compile(r"[ \t\r\n\xa0]+")


def html_to_text(markup: str) -> tuple[str, str]:
    """Return (visible, hidden) text. White text with a background of its own counts as visible."""
    encoded = markup.replace("\x00", "").encode("utf-8", "replace")
    if not encoded.strip():
        return "", ""
    try:
        root = etree.fromstring(encoded, etree.HTMLParser(encoding="utf-8", no_network=True, recover=True))
    except etree.XMLSyntaxError:
        return "", ""
    if root is None:
        return "", ""
    reader = _Reader()
    for event, element in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        reader.take(event, element)
    return reader.text(), _SPACES.sub(" ", "".join(reader.hidden)).strip()


class _Reader:
    """Follows the tree and sorts text into shown and hidden."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.hidden: list[str] = []
        self._skip = 0
        self._hide = 0

    def take(self, event: str, element: etree._Element) -> None:
        """Take one event of the walk."""
        if event in {"comment", "pi"}:
            self._write(element.tail)
            return
        tag = element.tag if isinstance(element.tag, str) else ""
        step = 1 if event == "start" else -1
        skipped, hiding = tag in _SKIPPED, _hides(element)
        if event == "start":
            self._skip += skipped
            self._hide += hiding
            self._separate(tag)
            self._write(element.text)
            return
        self._skip += step * skipped
        self._hide += step * hiding
        self._separate(tag)
        self._write(element.tail)

    def text(self) -> str:
        """Return the visible text with tidy lines."""
        lines = (line.strip() for line in "".join(self.shown).split("\n"))
        return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()

    def _separate(self, tag: str) -> None:
        if tag in _BLOCKS and self.shown and not self.shown[-1].endswith("\n"):
            self.shown.append("\n")
        elif tag in _CELLS:
            self.shown.append(" ")

    def _write(self, text: str | None) -> None:
        if not text or self._skip:
            return
        (self.hidden if self._hide else self.shown).append(_SPACES.sub(" ", text))


def _hides(element: etree._Element) -> bool:
    if element.get("hidden") is not None:
        return True
    style = (element.get("style") or "")[:2_000]
    match = _HIDING.search(style)
    if match is None:
        return False
    return not ("color" in match.group(0).lower() and "background" in style.lower())
