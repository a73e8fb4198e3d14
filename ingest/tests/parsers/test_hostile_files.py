"""Files made to hurt are refused in bounded time and memory, with a clear reason (I1, FACTS 18–19)."""

from __future__ import annotations

import io
import os
import struct
import zipfile

import pytest

from ingest.parsers.limits import DEFAULT_LIMITS, MEBIBYTE, ParseLimits
from ingest.parsers.result import ParserBusy
from ingest.parsers.sandbox import parse_file
from ingest.tests.parsers.support import (
    archive,
    attack,
    docx,
    paragraph,
    pdf,
    pdf_stream_bomb,
    refusal,
    xlsx,
)

LAUGHS = (
    '<!DOCTYPE a [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]><a>&a9;</a>"
)
CELLS = '<c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c>'
SHEET = f'<worksheet xmlns="x"><sheetData><row r="1">{CELLS}</row></sheetData></worksheet>'


def overlapping_zip() -> bytes:
    """Two directory entries that share the bytes of one member (CVE-2024-0450)."""
    data = docx(paragraph("x"), {"word/header1.xml": b"<a>" + b"x" * 5_000 + b"</a>"})
    start = data.index(b"PK\x01\x02")
    entry_length = 46 + len("[Content_Types].xml")
    entry = data[start : start + entry_length]
    count = struct.unpack("<H", data[-12:-10])[0]
    size = struct.unpack("<I", data[-10:-6])[0]
    tail = data[-22:-14] + struct.pack("<HHI", count + 1, count + 1, size + entry_length) + data[-6:]
    return data[:-22] + entry + tail


def wide_workbook() -> bytes:
    """A workbook whose single sheet claims seventeen billion cells."""
    source = zipfile.ZipFile(io.BytesIO(xlsx([[1]])))
    parts = {name: source.read(name) for name in source.namelist()}
    return archive({**parts, "xl/worksheets/sheet1.xml": SHEET})


def nested_mail(depth: int) -> bytes:
    """A mail of multiparts in multiparts."""
    heads = [f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(depth)]
    return ("Subject: x\n" + "".join(heads) + "Content-Type: text/plain\n\nhi\n").encode()


HOSTILE = {
    "entities.xml": (LAUGHS.encode(), {"bomb"}),
    "deep.json": (b"[" * 100_000, {"bomb", "malformed"}),
    "deep-closed.json": (b"[" * 900 + b"]" * 900, {"bomb"}),
    "deep.xml": (b"<a>" * 100_000, {"bomb"}),
    "zeros.docx": (docx(paragraph("x"), {"word/media/a.bin": b"\0" * (60 * MEBIBYTE)}), {"bomb"}),
    "overlap.docx": (overlapping_zip(), {"bomb"}),
    "entries.docx": (docx(paragraph("x"), {f"word/m/{n}": "" for n in range(6_000)}), {"bomb"}),
    "doctype.docx": (
        archive({"[Content_Types].xml": "<Types/>", "word/document.xml": LAUGHS}),
        {"bomb"},
    ),
    "macro.docx": (docx(paragraph("x"), {"word/vbaProject.bin": b"x"}), {"macro"}),
    "macro-typed.docx": (
        archive({"[Content_Types].xml": "<Types>macroEnabled</Types>", "word/document.xml": "<a/>"}),
        {"macro"},
    ),
    "wide.xlsx": (wide_workbook(), {"bomb"}),
    "nested.eml": (nested_mail(5_000), {"bomb"}),
    "headers.eml": (b"Subject: " + b"x " * MEBIBYTE + b"\n\nhi", {"bomb", "ok"}),
    "stream.pdf": (pdf_stream_bomb(400), {"timeout", "memory", "corrupt", "bomb", "ok"}),
    "quotes.csv": (b'a,"' + b"x" * (3 * MEBIBYTE), {"malformed"}),
    "cut.docx": (docx(paragraph("x"))[:-200], {"corrupt"}),
    "cut.xlsx": (xlsx([[1]])[:-300], {"corrupt"}),
    "cut.pdf": (b"%PDF-1.7\n" + os.urandom(3_000), {"corrupt"}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_costs_little_and_gets_a_reason(name: str) -> None:
    """I1: refused (or harmlessly read) within 10 CPU-seconds and 512 MB."""
    data, codes = HOSTILE[name]
    code, outcome = attack(data, f"x.{name.rpartition('.')[2]}")
    assert code in codes
    assert outcome.cpu_seconds < DEFAULT_LIMITS.cpu_seconds + 1
    assert outcome.peak_bytes <= DEFAULT_LIMITS.memory_for(name.rpartition(".")[2])


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"", "a.txt", "empty_file"),
        (b" \r\n\t ", "a.csv", "empty_file"),
        (b"MZ" + bytes(range(256)) * 20, "a.txt", "type_mismatch"),
        (b"just text", "a.pdf", "type_mismatch"),
        (b"just text", "a.docx", "type_mismatch"),
        (pdf("x"), "a.docx", "type_mismatch"),
        (docx(paragraph("x")), "a.xlsx", "type_mismatch"),
        (archive({"a.txt": "x"}), "a.docx", "type_mismatch"),
        (docx(paragraph("x")), "a.txt", "type_mismatch"),
        (b"<?xml version='1.0'?><a/>", "a.json", "type_mismatch"),
        (b'{"a": 1}', "a.xml", "type_mismatch"),
        (b"\x89PNG\r\n\x1a\nrest", "a.log", "type_mismatch"),
        (b"x", "a.docm", "macro"),
        (b"x", "a.exe", "unsupported_type"),
        (b"x", "a", "unsupported_type"),
        (b"no headers here\n\nbody", "a.eml", "malformed"),
    ],
)
def test_a_wrong_file_is_refused_with_its_reason(data: bytes, name: str, code: str) -> None:
    """I1: type by content and extension, each refusal has its code and a sentence."""
    error = refusal(data, name)
    assert error.code == code
    assert error.message.endswith(".")


def test_an_encrypted_office_file_is_named_as_such() -> None:
    """I1."""
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le")
    assert refusal(data, "a.docx").code == "encrypted"


def test_a_file_over_the_size_limit_is_not_even_opened() -> None:
    """I1: size limit."""
    assert refusal(b"x" * 11, "a.txt", ParseLimits(input_bytes=10)).code == "too_large"


def test_time_is_cut_off() -> None:
    """I1: a child that will not end is killed by its CPU limit, and the caller is told."""
    code, outcome = attack(b"x,y\n" * 3_000_000, "a.csv", ParseLimits(cpu_seconds=1))
    assert code == "timeout"
    assert outcome.cpu_seconds < 3


def test_a_machine_without_time_is_no_fault_of_the_file() -> None:
    """STYLE 11: the wall clock ran out, the processor was hardly used: another try, no refusal."""
    with pytest.raises(ParserBusy):
        parse_file(b"x,y\n" * 400_000, "a.csv", ParseLimits(wall_seconds=0.05))


def test_memory_is_cut_off() -> None:
    """I1: the address space of the child has a limit of its own."""
    code, outcome = attack(
        b"[" + b'"a",' * 3_000_000 + b'"a"]', "a.json", ParseLimits(memory_bytes=120 * MEBIBYTE)
    )
    assert code == "memory"
    assert outcome.peak_bytes <= 120 * MEBIBYTE


def test_a_flood_of_text_is_cut_off() -> None:
    """I1: what comes out is limited as well as what goes in."""
    parsed = parse_file(b"line\n" * 100_000, "a.txt", ParseLimits(characters_out=1_000, segments_out=10))
    assert (len(parsed.text), len(parsed.segments)) == (999, 10)
    assert {"truncated", "segments_truncated"} <= set(parsed.warnings)
