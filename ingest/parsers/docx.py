"""Word documents: body, tables, headers, footers, notes and comments, straight from the XML parts.

python-docx is not used for reading: it builds every element as an object, omits notes and text boxes,
and refuses the strict format.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, field

from lxml import etree

from ingest.parsers.clean import TextBuilder, add_warning, one_line
from ingest.parsers.containers import add_core_properties, local_name, open_document, read_part, walk
from ingest.parsers.features import extract_features
from ingest.parsers.limits import MEBIBYTE, ParseLimits
from ingest.parsers.result import Code, ParsedFile, ParseError, Warn
from ingest.parsers.text import first_line

_PART_BYTES = 64 * MEBIBYTE
_STYLE_BYTES = 8 * MEBIBYTE
_MAIN = "word/document.xml"
_SIDE_PARTS = (
    (re.compile(r"word/header\d*\.xml"), "header"),
    (re.compile(r"word/footer\d*\.xml"), "footer"),
    (re.compile(r"word/footnotes\.xml"), "footnote"),
    (re.compile(r"word/endnotes\.xml"), "endnote"),
    (re.compile(r"word/comments\.xml"), "comment"),
)
_OFF = {"0", "false", "off", "none"}
_WHITE = {"ffffff", "fefefe"}
_CELL_JOINER = " | "


def parse(data: bytes, limits: ParseLimits) -> ParsedFile:
    """Read a .docx file; each paragraph or table row becomes a segment."""
    result = ParsedFile(kind="docx")
    with open_document(data, limits, part="word/", kind="docx") as archive:
        main = read_part(archive, _main_part(archive), _PART_BYTES)
        if not main:
            raise ParseError(Code.CORRUPT, "The document has no text part.")
        add_core_properties(archive, result)
        hidden_styles = _hidden_styles(archive, result)
        builder = TextBuilder(result, limits)
        reader = _PartReader(builder, hidden_styles)
        reader.read(main, "")
        for name in sorted(archive.namelist()):
            label = next((label for pattern, label in _SIDE_PARTS if pattern.fullmatch(name)), None)
            if label and not builder.is_full:
                _read_side_part(reader, archive, name, label, result)
    builder.finish()
    result.title = result.title or first_line(result.text)
    result.metadata["paragraphs"] = reader.paragraphs
    result.metadata["tables"] = reader.tables
    result.features = extract_features(result.text)
    return result


def _main_part(archive: zipfile.ZipFile) -> str:
    """Return the main part's name; a few writers number it."""
    names = archive.namelist()
    if _MAIN in names:
        return _MAIN
    return next((name for name in names if re.fullmatch(r"word/document\d*\.xml", name)), _MAIN)


def _read_side_part(
    reader: _PartReader, archive: zipfile.ZipFile, name: str, label: str, result: ParsedFile
) -> None:
    try:
        reader.read(read_part(archive, name, _PART_BYTES), label)
    except ParseError as error:
        if error.code is not Code.CORRUPT:
            raise
        # A damaged footnote does not cost the letter.
        add_warning(result.warnings, Warn.PART_UNREADABLE)


def _hidden_styles(archive: zipfile.ZipFile, result: ParsedFile) -> frozenset[str]:
    """Return the ids of styles whose text is not shown."""
    hidden = set()
    try:
        for _, element in walk(read_part(archive, "word/styles.xml", _STYLE_BYTES) or b"<none/>", ("end",)):
            if local_name(element.tag) == "style":
                properties = _child(element, "rPr")
                if properties is not None and _is_on(_child(properties, "vanish")):
                    hidden.add(_attribute(element, "styleId"))
                element.clear()
    except ParseError:
        add_warning(result.warnings, Warn.PART_UNREADABLE)
    return frozenset(hidden)


@dataclass(slots=True)
class _Paragraph:
    """A paragraph being read; `at` keeps nested text boxes in document order."""

    shown: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    shaded: bool = False
    hidden_style: bool = False


@dataclass(slots=True)
class _Row:
    """A table row being read."""

    cells: list[str] = field(default_factory=list)
    shaded: bool = False


class _PartReader:
    """Streams one XML part after another into the builder."""

    def __init__(self, builder: TextBuilder, hidden_styles: frozenset[str]) -> None:
        self.paragraphs = 0
        self.tables = 0
        self._builder = builder
        self._hidden_styles = hidden_styles
        self._label = ""
        self._open: list[_Paragraph] = []
        self._rows: list[_Row] = []
        self._fallbacks = 0
        self._styled_tables = 0

    def read(self, data: bytes, label: str) -> None:
        """Read one part; its segments carry the label."""
        self._label = label
        self._open, self._rows = [], []
        for event, element in walk(data, ("start", "end")):
            if self._builder.is_full:
                return
            name = local_name(element.tag)
            if event == "start":
                self._start(name)
            else:
                self._end(name, element)

    def _start(self, name: str) -> None:
        if name == "Fallback":
            self._fallbacks += 1
        elif name == "p":
            self._open.append(_Paragraph())
        elif name == "tr":
            self._rows.append(_Row())
        elif name == "tc" and self._rows:
            self._rows[-1].cells.append("")
            self._rows[-1].shaded = False
        elif name == "tbl":
            self.tables += 1

    def _end(self, name: str, element: etree._Element) -> None:
        if name == "Fallback":
            # The same text box again, for old readers.
            self._fallbacks -= 1
        elif name == "r" and self._open and not self._fallbacks:
            self._end_run(element)
        elif name == "pPr" and self._open:
            self._end_paragraph_properties(element)
        elif name == "tcPr" and self._rows:
            self._rows[-1].shaded = _is_shaded(element)
        elif name == "p" and self._open:
            self._end_paragraph()
        elif name == "tr" and self._rows:
            self._end_row()
        elif name == "tblStyle":
            self._styled_tables += 1
        if name in {"p", "tr", "tbl", "sectPr", "pict", "drawing"}:
            _free(element)

    def _end_run(self, run: etree._Element) -> None:
        text = _run_text(run)
        if not text:
            return
        paragraph = self._open[-1]
        properties = _child(run, "rPr")
        (paragraph.hidden if self._is_hidden(properties, paragraph) else paragraph.shown).append(text)

    def _end_paragraph_properties(self, properties: etree._Element) -> None:
        style = _child(properties, "pStyle")
        self._open[-1].hidden_style = style is not None and _attribute(style, "val") in self._hidden_styles
        self._open[-1].shaded = _is_shaded(properties)

    def _is_hidden(self, properties: etree._Element | None, paragraph: _Paragraph) -> bool:
        """Return whether a reader of the printed page would not see the run."""
        if properties is None:
            return paragraph.hidden_style
        vanish = _child(properties, "vanish")
        if vanish is not None:
            return _is_on(vanish)
        style = _child(properties, "rStyle")
        if paragraph.hidden_style or (style is not None and _attribute(style, "val") in self._hidden_styles):
            return True
        colour = _child(properties, "color")
        if colour is None or _attribute(colour, "val").lower() not in _WHITE:
            return False
        # White on a dark cell or in a styled table is a heading, not a secret.
        in_table = bool(self._rows) and (self._rows[-1].shaded or self._styled_tables > 0)
        return not (paragraph.shaded or in_table or _is_shaded(properties))

    def _end_paragraph(self) -> None:
        paragraph = self._open.pop()
        self._builder.add_hidden("".join(paragraph.hidden))
        text = "".join(paragraph.shown)
        if not text.strip():
            return
        if self._rows and self._rows[-1].cells:
            cells = self._rows[-1].cells
            cells[-1] = f"{cells[-1]} {one_line(text)}".strip()
            return
        self._add(text, self._label)

    def _end_row(self) -> None:
        row = self._rows.pop()
        text = _CELL_JOINER.join(row.cells) if any(row.cells) else ""
        if self._rows and self._rows[-1].cells:
            # A table in a cell: its rows become part of the cell.
            cells = self._rows[-1].cells
            cells[-1] = f"{cells[-1]} {text}".strip()
        elif text:
            self._add(text, self._label or "table")

    def _add(self, text: str, label: str) -> None:
        self.paragraphs += 1
        self._builder.add(text, unit="paragraph", index=self.paragraphs, label=label)


def _run_text(run: etree._Element) -> str:
    parts = []
    for child in run:
        name = local_name(child.tag)
        if name == "t":
            parts.append(child.text or "")
        elif name in {"tab", "ptab"}:
            parts.append("\t")
        elif name in {"br", "cr"}:
            parts.append("\n")
        elif name == "noBreakHyphen":
            parts.append("-")
    return "".join(parts)


def _child(element: etree._Element, name: str) -> etree._Element | None:
    return next((child for child in element if local_name(child.tag) == name), None)


def _attribute(element: etree._Element, name: str) -> str:
    return next((str(value) for key, value in element.attrib.items() if local_name(key) == name), "")


def _is_on(element: etree._Element | None) -> bool:
    return element is not None and _attribute(element, "val").lower() not in _OFF


def _is_shaded(properties: etree._Element) -> bool:
    shading = _child(properties, "shd")
    return shading is not None and _attribute(shading, "fill").lower() not in {"", "auto", *_WHITE}


def _free(element: etree._Element) -> None:
    """Drop what has been read, so that memory does not grow with the document."""
    element.clear(keep_tail=True)
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
