"""XML through defusedxml: no entities, nothing external, bounded depth; text with its element names."""

from __future__ import annotations

import codecs
import html.entities
import io
import re
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, InputSource, Locator

from defusedxml.common import DTDForbidden, EntitiesForbidden, ExternalReferenceForbidden
from defusedxml.sax import make_parser

from ingest.parsers.clean import TextBuilder, one_line
from ingest.parsers.detect import wide_encoding
from ingest.parsers.features import extract_features
from ingest.parsers.limits import ParseLimits
from ingest.parsers.result import Code, ParsedFile, ParseError

_DECLARATION = re.compile(
    rb"^\s{0,100}<\?xml[^>]{0,200}?encoding\s{0,10}=\s{0,10}[\"']([A-Za-z0-9._:-]{1,40})[\"']"
)
# What expat reads by itself; all else is decoded here and handed over as UTF-8.
_NATIVE = {"utf-8", "iso8859-1", "ascii"}
# Codecs that are not character sets, or cost more than linear time.
_REFUSED_CODECS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf-7", "undefined"}
_LABEL_CHARACTERS = 200
_TITLE_ELEMENTS = {"title", "subject", "summary"}


class _Full(Exception):
    """The text limit is reached; reading on would bring nothing."""


def parse(data: bytes, limits: ParseLimits) -> ParsedFile:
    """Read an XML document; each run of text or attribute becomes a segment with its line number."""
    result = ParsedFile(kind="xml")
    builder = TextBuilder(result, limits)
    handler = _TextHandler(builder, limits)
    # Names keep their prefixes and are cut here: an undeclared prefix is no reason to refuse a ticket.
    parser = make_parser()
    parser.setContentHandler(handler)
    try:
        parser.parse(_source(data, result))
    except _Full:
        pass
    except (EntitiesForbidden, DTDForbidden) as error:
        message = "The XML declares entities of its own; such files are not read."
        raise ParseError(Code.BOMB, message) from error
    except ExternalReferenceForbidden as error:
        raise ParseError(Code.BOMB, "The XML refers to an external entity; it was not followed.") from error
    except SAXParseException as error:
        place = f"{error.getMessage()} at line {error.getLineNumber()}"
        raise ParseError(Code.MALFORMED, f"The XML is not well-formed: {place}.") from error
    builder.finish()
    result.title = handler.title
    result.metadata = {"root": handler.root, "elements": handler.elements}
    result.features = extract_features(result.text)
    return result


def _source(data: bytes, result: ParsedFile) -> InputSource:
    source = InputSource()
    encoding = _encoding(data)
    result.encoding = "iso-8859-1" if encoding == "iso8859-1" else encoding
    if encoding not in _NATIVE:
        try:
            data = data.decode(encoding).encode("utf-8")
        except (UnicodeError, LookupError) as error:
            raise ParseError(Code.MALFORMED, f"The XML is not valid {encoding} text.") from error
        source.setEncoding("utf-8")
    source.setByteStream(io.BytesIO(data))
    return source


def _encoding(data: bytes) -> str:
    """Return the encoding by byte order mark, then by declaration, then UTF-8."""
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    wide = wide_encoding(data[:200])
    if wide:
        return wide
    match = _DECLARATION.match(data.removeprefix(codecs.BOM_UTF8))
    if not match:
        return "utf-8"
    declared = match.group(1).decode("ascii")
    try:
        name = codecs.lookup(declared).name
    except LookupError as error:
        raise ParseError(Code.MALFORMED, f"The XML declares the unknown encoding {declared}.") from error
    if name in _REFUSED_CODECS:
        raise ParseError(Code.MALFORMED, f"The XML declares the encoding {declared}, which is not accepted.")
    return name


class _TextHandler(ContentHandler):
    """Turns parse events into lines `element: text`."""

    def __init__(self, builder: TextBuilder, limits: ParseLimits) -> None:
        super().__init__()
        self.root = ""
        self.elements = 0
        self.title: str | None = None
        self._builder = builder
        self._limits = limits
        self._path: list[str] = []
        self._run: list[str] = []
        self._locator: Locator | None = None
        self._run_line = 1

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802
        """Keep the locator; it knows the current line."""
        self._locator = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        """Open an element."""
        self._flush()
        if len(self._path) >= self._limits.nesting_depth:
            raise ParseError(Code.BOMB, f"The XML nests deeper than {self._limits.nesting_depth} levels.")
        name = _local(name)
        self._path.append(name)
        self.elements += 1
        self.root = self.root or name
        for key, value in attrs.items():
            if not key.startswith("xmlns"):
                self._emit(f"{name} {_local(key)}", value, self._line())

    def endElement(self, name: str) -> None:  # noqa: N802
        """Close an element."""
        self._flush()
        self._path.pop()

    def characters(self, content: str) -> None:
        """Collect text; expat hands it over in pieces."""
        if not self._run:
            self._run_line = self._line()
        self._run.append(content)

    def skippedEntity(self, name: str) -> None:  # noqa: N802
        """Put in the character for an HTML entity of a document type that is not loaded."""
        self._run.append(html.entities.html5.get(f"{name};", ""))

    def _flush(self) -> None:
        text = "".join(self._run).strip()
        self._run.clear()
        if not text:
            return
        name = self._path[-1] if self._path else ""
        if self.title is None and name.lower() in _TITLE_ELEMENTS:
            self.title = one_line(text)[:200]
        self._emit(name, text, self._run_line)

    def _emit(self, name: str, text: str, line: int) -> None:
        if not text.strip():
            return
        label = "/".join(self._path[-12:])[-_LABEL_CHARACTERS:]
        if not self._builder.add(f"{name}: {text.strip()}", unit="line", index=line, label=label):
            raise _Full

    def _line(self) -> int:
        return (self._locator.getLineNumber() or 1) if self._locator else 1


def _local(name: str) -> str:
    """Return a name without its namespace prefix, shortened."""
    return name.rpartition(":")[2][:_LABEL_CHARACTERS]
