"""CSV, JSON, XML and XLSX: text with the place each piece came from (I1)."""

from __future__ import annotations

import pytest

from ingest.parsers.result import ParseError
from ingest.tests.parsers.support import read, spans, xlsx


def code_of(data: bytes, name: str) -> str:
    with pytest.raises(ParseError) as caught:
        read(data, name)
    return caught.value.code


def test_a_csv_record_is_a_line_and_a_row() -> None:
    """I1: quoted breaks stay within their record, the header is known."""
    parsed = read(b'id;text\n1;"two\nlines"\n2;plain\n', "a.csv")
    assert spans(parsed) == [("id | text", "row", 1), ("1 | two lines", "row", 2), ("2 | plain", "row", 3)]
    assert parsed.metadata["header"] == ["id", "text"]
    assert parsed.metadata["delimiter"] == ";"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_delimiters_are_found(delimiter: str) -> None:
    """I1."""
    parsed = read(delimiter.join(["a", "b", "c"]).encode() + b"\n" + delimiter.join("123").encode(), "a.csv")
    assert (parsed.metadata["delimiter"], parsed.metadata["columns"]) == (delimiter, 3)


def test_rows_of_unequal_length_are_read_and_noted() -> None:
    """I1."""
    assert read(b"a,b\n1\n1,2,3\n", "a.csv").warnings == ["uneven_rows"]


def test_json_values_carry_their_path_and_every_digit() -> None:
    """I1: numbers are kept as written."""
    parsed = read(b'{"subject": "VPN", "n": 12345678901234567890.10, "tags": ["a", true]}', "a.json")
    assert parsed.text.split("\n") == ["subject: VPN", "n: 12345678901234567890.10", "tags: a", "tags: true"]
    assert [segment.label for segment in parsed.segments] == ["subject", "n", "tags.0", "tags.1"]
    assert parsed.title == "VPN"


@pytest.mark.parametrize("text", ["{'a': 1}", '{"a": 1,}', "[NaN]", '{"a": 1} x', '["\t"]', "[01]", "{"])
def test_json_is_read_strictly(text: str) -> None:
    """I1: RFC 8259, nothing more."""
    assert code_of(text.encode(), "a.json") == "malformed"


def test_json_in_utf16_and_with_repeated_keys() -> None:
    """I1: both are read, the second with a warning."""
    assert read('{"ä": "ö"}'.encode("utf-16"), "a.json").text == "ä: ö"
    assert "duplicate_keys" in read(b'{"a": 1, "a": 2}', "a.json").warnings


def test_xml_elements_and_attributes_become_lines() -> None:
    """I1: each with its line number in the file."""
    parsed = read(b'<?xml version="1.0"?>\n<t id="7">\n<subject>VPN</subject>\n</t>', "a.xml")
    assert parsed.text == "t id: 7\nsubject: VPN"
    assert [segment.index for segment in parsed.segments] == [2, 3]
    assert (parsed.title, parsed.metadata["root"]) == ("VPN", "t")


@pytest.mark.parametrize("encoding", ["iso-8859-1", "windows-1252", "utf-16", "shift_jis"])
def test_xml_follows_its_declaration(encoding: str) -> None:
    """I1."""
    text = "エラー" if encoding == "shift_jis" else "Störung"
    data = f'<?xml version="1.0" encoding="{encoding}"?><t>{text}</t>'.encode(encoding)
    assert read(data, "a.xml").text == f"t: {text}"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<a><b></a>", "malformed"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "malformed"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "bomb"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "bomb"),
        (b"<a>" * 5_000, "bomb"),
    ],
)
def test_broken_and_hostile_xml_is_refused(data: bytes, code: str) -> None:
    """I1, FACTS 18: no entity is expanded, nothing outside is read."""
    assert code_of(data, "a.xml") == code


def test_a_workbook_gives_rows_by_sheet() -> None:
    """I1: numbers as people write them."""
    parsed = read(xlsx([["id", "ok"], [1, True], [2.5, None]]), "a.xlsx")
    assert parsed.text.split("\n") == ["id | ok", "1 | TRUE", "2.5"]
    assert {segment.label for segment in parsed.segments} == {"Items"}
