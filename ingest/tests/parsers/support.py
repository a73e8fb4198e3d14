"""Small files of each type, sound and hostile, made on the spot."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping

import pytest
from openpyxl import Workbook
from reportlab.pdfgen.canvas import Canvas

from ingest.parsers.child import parse_bytes
from ingest.parsers.limits import DEFAULT_LIMITS, ParseLimits
from ingest.parsers.result import ParsedFile, ParseError
from ingest.parsers.sandbox import Outcome, parse_measured, run_child

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def read(data: bytes, name: str, limits: ParseLimits = DEFAULT_LIMITS) -> ParsedFile:
    """Parse in this process: quick, for what the text looks like."""
    return parse_bytes(data, name, limits)


def refusal(data: bytes, name: str, limits: ParseLimits = DEFAULT_LIMITS) -> ParseError:
    """The refusal of a sound process: the test fails when the file is read."""
    with pytest.raises(ParseError) as caught:
        parse_measured(data, name, limits)
    return caught.value


def attack(data: bytes, name: str, limits: ParseLimits = DEFAULT_LIMITS) -> tuple[str, Outcome]:
    """Run a hostile file in the confined child; its code ("ok" when read) and what it cost."""
    outcomes: list[Outcome] = []

    def noted(*args: object) -> Outcome:
        outcomes.append(run_child(*args))  # type: ignore[arg-type]
        return outcomes[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.parsers.sandbox.run_child", noted)
        try:
            parse_measured(data, name, limits)
        except ParseError as error:
            return error.code.value, outcomes[-1]
    return "ok", outcomes[-1]


def spans(parsed: ParsedFile) -> list[tuple[str, str, int]]:
    """Every segment as (its text, unit, index): what positions promise."""
    return [(parsed.text[s.start : s.end], s.unit, s.index) for s in parsed.segments]


def pdf(*pages: str, password: str | None = None) -> bytes:
    """A PDF with one line of text a page."""
    target = io.BytesIO()
    canvas = Canvas(target, encrypt=password)
    for text in pages:
        canvas.drawString(72, 720, text)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def archive(entries: Mapping[str, bytes | str]) -> bytes:
    """A ZIP archive."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return target.getvalue()


def docx(body: str, extra: Mapping[str, bytes | str] | None = None) -> bytes:
    """A Word document with the given paragraphs as XML."""
    document = f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    return archive({"[Content_Types].xml": "<Types/>", "word/document.xml": document, **(extra or {})})


def paragraph(text: str, properties: str = "") -> str:
    """One Word paragraph."""
    return f"<w:p><w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r></w:p>"


def xlsx(rows: list[list[object]], title: str = "Items") -> bytes:
    """A workbook with one sheet."""
    book = Workbook()
    sheet = book.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def pdf_stream_bomb(megabytes: int) -> bytes:
    """A PDF of some kilobytes whose page content unpacks to many megabytes."""
    packed = zlib.compress(b"q " * (megabytes * 524_288), 9)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R>>",
        b"<</Filter/FlateDecode/Length %d>>stream\n" % len(packed) + packed + b"\nendstream",
    ]
    out = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj" % number + content + b"endobj\n"
    start = len(out)
    out += b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % at for at in offsets)
    return out + b"trailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % start
