"""PDF text by page through pdfium, with form values, annotations and text nobody can see.

pdfplumber is not used: importing it costs a quarter of a second, and pdfminer below it burns CPU on
small hostile files (FACTS 18). pdfium already gives the lines of a table in reading order.
"""

from __future__ import annotations

import ctypes
from typing import Any

import pypdfium2 as pdfium
from pypdfium2 import raw

from ingest.parsers.clean import TextBuilder, add_warning
from ingest.parsers.features import extract_features
from ingest.parsers.limits import ParseLimits
from ingest.parsers.result import Code, ParsedFile, ParseError, Warn
from ingest.parsers.text import first_line

_ANNOTATIONS_PER_PAGE = 1_000
_OBJECTS_PER_PAGE = 3_000
_PAGES_CHECKED_FOR_HIDDEN_TEXT = 30
_VALUE_CHARACTERS = 20_000
_METADATA_CHARACTERS = 300
_WHITE = 250
# pdfium marks a hyphen at a line's end with this noncharacter.
_LINE_END_HYPHEN = "\ufffe"


def parse(data: bytes, limits: ParseLimits) -> ParsedFile:
    """Read a .pdf file; each page is a segment, and so is each filled form field or note."""
    result = ParsedFile(kind="pdf")
    document = _open(data)
    result.pages = len(document)
    if result.pages == 0:
        raise ParseError(Code.CORRUPT, "The PDF has no pages.")
    if result.pages > limits.pages:
        raise ParseError(
            Code.TOO_MANY_PAGES, f"The PDF has {result.pages} pages; at most {limits.pages} are read."
        )
    builder = TextBuilder(result, limits)
    unreadable = 0
    for index in range(result.pages):
        if builder.is_full:
            break
        unreadable += not _read_page(document, index, builder)
    if unreadable == result.pages:
        raise ParseError(Code.CORRUPT, "The PDF is damaged: none of its pages can be read.")
    if unreadable:
        add_warning(result.warnings, Warn.PAGE_UNREADABLE)
    builder.finish()
    _describe(document, result)
    result.features = extract_features(result.text)
    return result


def _open(data: bytes) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if error.err_code in {raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY}:
            raise ParseError(Code.ENCRYPTED, "The PDF is protected with a password.") from error
        raise ParseError(Code.CORRUPT, "The PDF is damaged and cannot be opened.") from error


def _read_page(document: pdfium.PdfDocument, index: int, builder: TextBuilder) -> bool:
    """Add one page's text; return whether the page could be read."""
    try:
        page = document[index]
        textpage = page.get_textpage()
        text = textpage.get_text_range() if textpage.count_chars() > 0 else ""
    except pdfium.PdfiumError:
        return False
    builder.add(text.replace(_LINE_END_HYPHEN, "-"), unit="page", index=index + 1, separator="\n\n")
    for label, value in _annotations(page):
        builder.add(value, unit="page", index=index + 1, label=label)
    if index < _PAGES_CHECKED_FOR_HIDDEN_TEXT:
        builder.add_hidden(_white_text(page, textpage))
    textpage.close()
    page.close()
    return True


def _annotations(page: pdfium.PdfPage) -> list[tuple[str, str]]:
    """Return what people typed onto the page: filled form fields and comments."""
    found = []
    for position in range(min(raw.FPDFPage_GetAnnotCount(page), _ANNOTATIONS_PER_PAGE)):
        annotation = raw.FPDFPage_GetAnnot(page, position)
        if not annotation:
            continue
        if raw.FPDFAnnot_GetSubtype(annotation) == raw.FPDF_ANNOT_WIDGET:
            name, value = _string(annotation, b"T"), _string(annotation, b"V")
            if value and value != "Off":
                found.append(("form field", f"{name}: {value}" if name else value))
        elif raw.FPDFAnnot_GetSubtype(annotation) not in {raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP}:
            contents = _string(annotation, b"Contents")
            if contents:
                found.append(("annotation", contents))
        raw.FPDFPage_CloseAnnot(annotation)
    return found


def _string(annotation: Any, key: bytes) -> str:
    needed = raw.FPDFAnnot_GetStringValue(annotation, key, None, 0)
    if needed <= 2:
        return ""
    buffer = ctypes.create_string_buffer(needed)
    raw.FPDFAnnot_GetStringValue(annotation, key, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), needed)
    return buffer.raw[: needed - 2].decode("utf-16-le", errors="replace")[:_VALUE_CHARACTERS].strip()


def _white_text(page: pdfium.PdfPage, textpage: pdfium.PdfTextPage) -> str:
    """Return the text drawn in white. It also stands in the page's text: white on a dark ground is shown.

    Text in the invisible mode is not listed: that is how scanners add recognised text.
    """
    pieces = []
    try:
        for number, item in enumerate(page.get_objects(filter=(raw.FPDF_PAGEOBJ_TEXT,), max_depth=3)):
            if number >= _OBJECTS_PER_PAGE:
                break
            if _is_white(item.raw):
                pieces.append(_object_text(item.raw, textpage))
    except pdfium.PdfiumError:
        return ""
    return " ".join(piece for piece in pieces if piece.strip())


def _is_white(item: Any) -> bool:
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if not raw.FPDFPageObj_GetFillColor(item, red, green, blue, alpha):
        return False
    return alpha.value < 10 or min(red.value, green.value, blue.value) >= _WHITE


def _object_text(item: Any, textpage: pdfium.PdfTextPage) -> str:
    needed = raw.FPDFTextObj_GetText(item, textpage, None, 0)
    if needed <= 2:
        return ""
    buffer = ctypes.create_string_buffer(needed)
    raw.FPDFTextObj_GetText(item, textpage, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), needed)
    return buffer.raw[: needed - 2].decode("utf-16-le", errors="replace")


def _describe(document: pdfium.PdfDocument, result: ParsedFile) -> None:
    values = document.get_metadata_dict(skip_empty=True)
    result.metadata = {key.lower(): value[:_METADATA_CHARACTERS] for key, value in values.items()}
    result.title = result.metadata.get("title", "").strip() or first_line(result.text)
