"""From a sample to the bytes of its file: one renderer for each file type."""

from __future__ import annotations

from collections.abc import Callable

from ingest.samples.model import Sample
from ingest.samples.renderers.csv_export import render_csv
from ingest.samples.renderers.json_payload import render_json
from ingest.samples.renderers.log_excerpt import render_log
from ingest.samples.renderers.mail_text import render_txt
from ingest.samples.renderers.pdf_form import render_pdf
from ingest.samples.renderers.word_form import render_docx
from ingest.samples.renderers.xml_incident import render_xml

RENDERERS: dict[str, Callable[[Sample], bytes]] = {
    "pdf": render_pdf,
    "docx": render_docx,
    "txt": render_txt,
    "log": render_log,
    "csv": render_csv,
    "json": render_json,
    "xml": render_xml,
}


def render(sample: Sample) -> bytes:
    """The bytes of the sample's file; the same sample always gives the same bytes."""
    return RENDERERS[sample.file_type](sample)
