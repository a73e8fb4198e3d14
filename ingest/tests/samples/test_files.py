"""The written files: right type, repeatable bytes, a manifest that fits, and text that parsers find."""

import csv
import io
import json
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as ET

import docx
import pypdfium2
import pytest

from ingest.parsers.sandbox import parse_file
from ingest.samples.model import Sample
from ingest.samples.render import render
from ingest.samples.samples import MANIFEST_NAME, Manifest, load_samples, write_samples


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return write_samples(tmp_path_factory.mktemp("samples"))


def of_type(file_type: str) -> list[Sample]:
    return [sample for sample in load_samples() if sample.file_type == file_type]


def squeezed(text: str) -> str:
    """Without white space: layouts break lines where they like."""
    return "".join(text.split())


def csv_rows(sample: Sample) -> list[list[str]]:
    delimiter = ";" if sample.style == "sheet" else ","
    text = render(sample).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def test_it_writes_one_file_a_sample_and_the_manifest(written: Manifest):
    """C28: 140 non-empty files with telling names, listed with their labels."""
    names = {path.name for path in written.folder.iterdir()}
    assert names == {entry.file for entry in written.entries} | {MANIFEST_NAME}
    assert len(names) == 141
    assert all(path.stat().st_size > 400 for path in written.folder.iterdir())
    assert "it-0003-vpn-drops.txt" in names


def test_the_manifest_agrees_with_the_samples(written: Manifest):
    """C28: the manifest on disk carries the labels of the content, key by key."""
    listed = json.loads(written.path.read_text(encoding="utf-8"))
    assert listed == [
        {
            "file": s.file_name,
            "category": s.category,
            "severity": s.severity,
            "subject": s.subject,
            "requester": {"name": s.requester.name, "email": s.requester.email},
            "file_type": s.file_type,
        }
        for s in load_samples()
    ]
    assert all(entry["file"].endswith(f".{entry['file_type']}") for entry in listed)


def test_writing_again_gives_the_same_bytes(
    written: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """C28: neither the day nor the clock shows in a file, so a second run changes nothing."""
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(2_000_000_000))
    again = write_samples(tmp_path / "not" / "there" / "yet")
    different = [
        path.name
        for path in written.folder.iterdir()
        if path.read_bytes() != (again.folder / path.name).read_bytes()
    ]
    assert different == []


@pytest.mark.parametrize("sample", of_type("pdf"), ids=lambda s: s.slug)
def test_a_pdf_is_a_readable_page(sample: Sample):
    """C28: header fields, paragraphs and table are text in the PDF, every letter of them drawn."""
    pages = list(pypdfium2.PdfDocument(render(sample)))
    text = squeezed("".join(page.get_textpage().get_text_range() for page in pages))
    assert len(pages) == 1
    for part in [sample.subject, sample.requester.name, *sample.fields.values(), *sample.paragraphs]:
        assert squeezed(part) in text
    for row in sample.table.rows if sample.table else ():
        assert all(squeezed(cell) in text for cell in row)


@pytest.mark.parametrize("sample", of_type("docx"), ids=lambda s: s.slug)
def test_a_docx_has_headings_tables_and_no_foreign_author(sample: Sample):
    """C28: Word reads it, and the template's own author is gone."""
    content = render(sample)
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    document = docx.Document(io.BytesIO(content))
    assert document.paragraphs[0].text == sample.subject
    assert document.paragraphs[0].style.name == "Heading 1"
    assert len(document.tables) == (1 if sample.table is None else 2)
    assert document.core_properties.author == sample.requester.name


def test_csv_exports_are_even_and_come_in_several_shapes():
    """C28: each row has as many cells as the first; forms, sheets and monitoring rows occur."""
    for sample in of_type("csv"):
        rows = csv_rows(sample)
        assert {len(row) for row in rows} == {len(rows[0])}, sample.id
        cells = {cell for row in rows for cell in row}
        assert {sample.subject, sample.body, sample.requester.email} <= cells
    assert {sample.style for sample in of_type("csv")} == {"form", "rows", "sheet"}


def test_json_payloads_and_xml_exports_parse_and_hide_the_labels():
    """C28: the structured files hold the words of the sender and no field that gives the answer away."""
    for sample in of_type("json"):
        payload = json.loads(render(sample))
        assert {sample.subject, sample.body} <= {v for v in payload.values() if isinstance(v, str)}
        assert not {"category", "severity", "priority"} & set(payload)
    for sample in of_type("xml"):
        incident = ET.fromstring(render(sample))
        assert incident.findtext("short_description") == sample.subject
        assert incident.findtext("description") == sample.body
        assert not {"category", "severity", "priority"} & {element.tag for element in incident.iter()}


def test_logs_look_like_logs_and_texts_use_their_encoding():
    """C28: the log lines survive untouched beside the note; mails are saved as the sample asks."""
    for sample in of_type("log"):
        content = render(sample).decode()
        assert sample.log in content
        assert content.startswith("Subject: ") is not sample.note_last
    encodings = set()
    for sample in of_type("txt"):
        assert sample.body in render(sample).decode(sample.encoding)
        encodings.add(sample.encoding)
    assert encodings == {"utf-8", "utf-8-sig", "cp1252"}


def test_the_parsers_recover_subject_and_body_from_every_file(written: Manifest):
    """C28, I1: nothing that a person wrote is lost between the sample and the text that is classified."""
    samples = load_samples()
    with ThreadPoolExecutor(2) as pool:
        parsed = list(pool.map(lambda s: parse_file(written.folder / s.file_name, s.file_name), samples))
    missing = []
    for sample, result in zip(samples, parsed, strict=True):
        text = squeezed(result.text)
        phrases = [sample.subject, sample.requester.name, *sample.paragraphs]
        missing += [(sample.file_name, phrase[:60]) for phrase in phrases if squeezed(phrase) not in text]
    assert missing == []
