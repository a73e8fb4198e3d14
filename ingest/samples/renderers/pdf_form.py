"""PDF: a printed service request with header fields, paragraphs and a table."""

from __future__ import annotations

import io
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate, Paragraph, TableStyle
from reportlab.platypus import Table as PdfTable

from ingest.samples.model import Sample, Table
from ingest.samples.renderers.heading import header_fields

# The fonts that come with reportlab; unlike the built-in Helvetica they carry letters beyond Latin-1.
FONT, FONT_BOLD = "Vera", "VeraBd"
INK, MUTED, RULE, SHADE = (colors.HexColor(code) for code in ("#1f2933", "#52606d", "#cbd2d9", "#f0f4f8"))
MARGIN = 20 * mm
WIDTH = A4[0] - 2 * MARGIN

BODY = ParagraphStyle("body", fontName=FONT, fontSize=9.5, leading=14, textColor=INK, spaceAfter=7)
CELL = ParagraphStyle("cell", parent=BODY, fontSize=8.5, leading=11.5, spaceAfter=0)
LABEL = ParagraphStyle("label", parent=CELL, textColor=MUTED)
COLUMN = ParagraphStyle("column", parent=CELL, fontName=FONT_BOLD)
KIND = ParagraphStyle("kind", parent=CELL, textColor=MUTED, spaceAfter=4)
TITLE = ParagraphStyle("title", parent=BODY, fontName=FONT_BOLD, fontSize=15, leading=20, spaceAfter=10)
SECTION = ParagraphStyle("section", parent=BODY, fontName=FONT_BOLD, fontSize=10.5, spaceBefore=12)


def render_pdf(sample: Sample) -> bytes:
    """One page or more of A4; `invariant` keeps dates and ids out of the bytes."""
    for name in (FONT, FONT_BOLD):
        pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))
    out = io.BytesIO()
    frame = Frame(
        MARGIN,
        22 * mm,
        WIDTH,
        A4[1] - 42 * mm,
        leftPadding=0,
        rightPadding=0,
        topPadding=0,
        bottomPadding=0,
    )
    document = BaseDocTemplate(
        out,
        pagesize=A4,
        # The footer is drawn last, so that text extraction meets the ticket's own words first.
        pageTemplates=[PageTemplate(frames=[frame], onPageEnd=_footer)],
        title=sample.subject,
        author=sample.requester.name,
        invariant=1,
    )
    document.build(_story(sample))
    return out.getvalue()


def _story(sample: Sample) -> list[Flowable]:
    story: list[Flowable] = [
        _paragraph(f"IT service request no. {sample.id:04d}", KIND),
        _paragraph(sample.subject, TITLE),
        _header_table(header_fields(sample)),
        _paragraph("Description", SECTION),
        *(_paragraph(part, BODY) for part in sample.paragraphs),
    ]
    if sample.table is not None:
        story += [_paragraph("Details", SECTION), _detail_table(sample.table)]
    return story


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(text), style)


def _header_table(fields: dict[str, str]) -> PdfTable:
    rows = [[_paragraph(name, LABEL), _paragraph(value, CELL)] for name, value in fields.items()]
    table = PdfTable(rows, colWidths=[42 * mm, WIDTH - 42 * mm], hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [*_padding(), ("LEFTPADDING", (0, 0), (0, -1), 0), ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE)]
        )
    )
    return table


def _detail_table(content: Table) -> PdfTable:
    rows = [[_paragraph(name, COLUMN) for name in content.columns]]
    rows += [[_paragraph(cell, CELL) for cell in row] for row in content.rows]
    table = PdfTable(rows, colWidths=[WIDTH / len(content.columns)] * len(content.columns), repeatRows=1)
    table.setStyle(
        TableStyle(
            [*_padding(), ("BACKGROUND", (0, 0), (-1, 0), SHADE), ("GRID", (0, 0), (-1, -1), 0.4, RULE)]
        )
    )
    return table


def _padding() -> list[tuple[object, ...]]:
    whole = ((0, 0), (-1, -1))
    return [("VALIGN", *whole, "TOP"), ("TOPPADDING", *whole, 3), ("BOTTOMPADDING", *whole, 4)]


def _footer(canvas: Canvas, document: BaseDocTemplate) -> None:
    canvas.saveState()
    canvas.setFont(FONT, 7.5)
    canvas.setFillColor(MUTED)
    canvas.drawString(MARGIN, 12 * mm, "Please send this form to helpdesk@example.com")
    canvas.drawRightString(A4[0] - MARGIN, 12 * mm, f"Page {document.page}")
    canvas.restoreState()
