"""Checks on ZIP-based documents before anything in them is unpacked (FACTS 18, 19)."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator

from lxml import etree

from ingest.parsers.clean import add_warning
from ingest.parsers.limits import MEBIBYTE, ParseLimits
from ingest.parsers.result import Code, ParsedFile, ParseError, Warn

_LOCAL_HEADER_BYTES = 30
_ENCRYPTED_FLAG = 0x1
_CONTENT_TYPES = "[Content_Types].xml"
_CONTENT_TYPES_BYTES = 2 * MEBIBYTE
_METADATA_BYTES = MEBIBYTE


def open_document(data: bytes, limits: ParseLimits, *, part: str, kind: str) -> zipfile.ZipFile:
    """Return the opened archive of an Office document after checking its directory.

    `part` is the folder the main part lies in, such as `word/`.
    Raises ParseError: corrupt, encrypted, bomb, macro, or type_mismatch for another kind of archive.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        names = check_directory(archive, len(data), limits)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise ParseError(Code.CORRUPT, "The document is damaged: its archive cannot be opened.") from error
    lowered = {name.lower() for name in names}
    if _CONTENT_TYPES.lower() not in lowered or not any(name.startswith(part) for name in lowered):
        raise ParseError(
            Code.TYPE_MISMATCH, f"The file is named .{kind} but its content is another kind of archive."
        )
    types = read_part(archive, _CONTENT_TYPES, _CONTENT_TYPES_BYTES)
    if b"macroEnabled" in types or any(name.endswith("vbaproject.bin") for name in lowered):
        raise ParseError(Code.MACRO, "The document contains macros and is not accepted.")
    return archive


def check_directory(archive: zipfile.ZipFile, size: int, limits: ParseLimits) -> list[str]:
    """Refuse bombs and encrypted archives by the directory alone; return the entry names."""
    entries = archive.infolist()
    if len(entries) > limits.archive_entries:
        raise ParseError(Code.BOMB, f"The archive has more than {limits.archive_entries} entries.")
    if any(entry.flag_bits & _ENCRYPTED_FLAG for entry in entries):
        raise ParseError(Code.ENCRYPTED, "The archive is protected with a password.")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > limits.unpacked_bytes:
        raise ParseError(
            Code.BOMB, f"The document would unpack to {unpacked // MEBIBYTE} MB; it was not opened."
        )
    for entry in entries:
        if entry.file_size > MEBIBYTE and entry.file_size > limits.compression_ratio * entry.compress_size:
            raise ParseError(Code.BOMB, "The document is compressed beyond what real documents reach.")
    _refuse_overlaps(entries, size)
    # A few writers separate folders as Windows does.
    return [entry.filename.replace("\\", "/") for entry in entries]


def read_part(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return one entry, whatever the case of its name; an over-long one is a bomb."""
    wanted = name.lower()
    for entry in archive.infolist():
        if entry.filename.replace("\\", "/").lower() == wanted:
            if entry.file_size > most:
                raise ParseError(Code.BOMB, f"The part {name} of the document is too large.")
            return _read(archive, entry)
    return b""


def add_core_properties(archive: zipfile.ZipFile, result: ParsedFile) -> None:
    """Copy title, author and dates from the document's properties, where there are any."""
    try:
        data = read_part(archive, "docProps/core.xml", _METADATA_BYTES)
        values = core_properties(data) if data else {}
    except ParseError:
        # A document without readable properties is still a document.
        add_warning(result.warnings, Warn.PART_UNREADABLE)
        return
    result.title = values.pop("title", None)
    result.metadata.update(values)


def core_properties(data: bytes) -> dict[str, str]:
    """Return the properties this project keeps, shortened."""
    kept = {"title", "subject", "creator", "keywords", "created", "modified", "lastModifiedBy"}
    values: dict[str, str] = {}
    for _, element in walk(data, ("end",)):
        name = local_name(element.tag)
        if name in kept and element.text and element.text.strip():
            values[name] = element.text.strip()[:300]
    return values


def walk(data: bytes, events: tuple[str, ...]) -> Iterator[tuple[str, etree._Element]]:
    """Yield parse events of one XML part; document types, entities and the network stay shut.

    Raises ParseError: bomb for a document type, corrupt for XML that is not well-formed.
    """
    if b"<!DOCTYPE" in data[:4096] or b"<!ENTITY" in data[:65_536]:
        raise ParseError(Code.BOMB, "A part of the document declares a document type; it was not read.")
    try:
        yield from etree.iterparse(
            io.BytesIO(data), events=events, resolve_entities=False, load_dtd=False, no_network=True
        )
    except etree.XMLSyntaxError as error:
        raise ParseError(Code.CORRUPT, "The document is damaged: a part of it is not valid XML.") from error


def local_name(tag: object) -> str:
    """Return an element's name without its namespace: strict and transitional files differ there."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(entry)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, ValueError) as error:
        name = entry.filename[:100]
        raise ParseError(Code.CORRUPT, f"The document is damaged in its part {name}.") from error


def _refuse_overlaps(entries: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse entries that share bytes: one compressed kernel counted many times is a bomb."""
    end = 0
    for entry in sorted(entries, key=lambda item: item.header_offset):
        if entry.header_offset < end:
            raise ParseError(Code.BOMB, "The archive has overlapping entries.")
        # The local header repeats the name; its extra field may differ and is not counted.
        end = entry.header_offset + _LOCAL_HEADER_BYTES + len(entry.filename) + entry.compress_size
    if end > size:
        raise ParseError(Code.CORRUPT, "The document is cut off.")
