"""The type of a file, by its extension and its content together."""

from __future__ import annotations

import re

from ingest.parsers.result import Code, ParseError

SUPPORTED = ("pdf", "docx", "txt", "log", "csv", "json", "xml", "xlsx", "eml")

_KIND_BY_EXTENSION = {
    "pdf": "pdf",
    "docx": "docx",
    "txt": "txt",
    "text": "txt",
    "log": "log",
    "csv": "csv",
    "tsv": "csv",
    "json": "json",
    "xml": "xml",
    "xlsx": "xlsx",
    "eml": "eml",
}
_MACRO_EXTENSIONS = {"docm", "dotm", "xlsm", "xltm", "xlam", "pptm"}
_TEXT_KINDS = {"txt", "log", "csv", "json", "xml", "eml"}

_SIGNATURES = (
    (b"%PDF-", "PDF document"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"PK\x05\x06", "ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Office document"),
    (b"\x1f\x8b", "gzip archive"),
    (b"BZh", "bzip2 archive"),
    (b"\xfd7zXZ\x00", "xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip archive"),
    (b"Rar!\x1a\x07", "RAR archive"),
    (b"\x89PNG\r\n\x1a\n", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF87a", "GIF image"),
    (b"GIF89a", "GIF image"),
    (b"\x7fELF", "program"),
    (b"{\\rtf", "RTF document"),
    (b"SQLite format 3\x00", "database"),
)
_TEXT_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\x00\x00\xfe\xff")
_PDF_HEADER_WINDOW = 1024
_SAMPLE = 65_536
_MACHINE_BYTES = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")


def extension_of(name: str) -> str:
    """Return the extension of a file name, lower-case and without its dot, or an empty string."""
    base = re.split(r"[/\\]", name.strip())[-1]
    stem, dot, extension = base.rpartition(".")
    return extension.lower() if dot and stem else ""


def kind_by_name(name: str) -> str:
    """Return the kind that the extension promises.

    Raises ParseError (unsupported_type, macro) where the extension alone decides.
    """
    extension = extension_of(name)
    if extension in _MACRO_EXTENSIONS:
        raise ParseError(Code.MACRO, f"A .{extension} file may carry macros and is not accepted.")
    kind = _KIND_BY_EXTENSION.get(extension)
    if kind is None:
        named = f"Files of type .{extension}" if extension else "Files without an extension"
        raise ParseError(
            Code.UNSUPPORTED_TYPE, f"{named} are not supported; send one of {', '.join(SUPPORTED)}."
        )
    return kind


def detect(name: str, data: bytes) -> str:
    """Return the kind of a file after checking that its content fits its extension."""
    kind = kind_by_name(name)
    if not data.strip(b" \t\r\n\x00"):
        raise ParseError(Code.EMPTY_FILE, "The file is empty.")
    found = describe(data)
    if kind == "pdf":
        _require(b"%PDF-" in data[:_PDF_HEADER_WINDOW], kind, found)
    elif kind in {"docx", "xlsx"}:
        if found == "old Office document" and _ENCRYPTED_PACKAGE in data:
            raise ParseError(Code.ENCRYPTED, "The document is protected with a password.")
        _require(found == "ZIP archive", kind, found)
    else:
        _require(found == "text", kind, found)
        _check_text_kind(kind, data)
    return kind


def describe(data: bytes) -> str:
    """Return what the content looks like: "text", "binary data" or the name of a known format."""
    if data.startswith(_TEXT_MARKS):
        return "text"
    for signature, label in _SIGNATURES:
        if data.startswith(signature):
            return label
    return "text" if looks_like_text(data) else "binary data"


def looks_like_text(data: bytes) -> bool:
    """Return whether bytes can be text in some encoding, UTF-16 without a mark included."""
    sample = data[:_SAMPLE]
    if sample.count(0) > len(sample) // 50:
        return wide_encoding(sample) is not None
    return len(_MACHINE_BYTES.findall(sample)) <= max(2, len(sample) // 20)


def wide_encoding(sample: bytes) -> str | None:
    """Return the UTF-16 or UTF-32 byte order of unmarked text, judged by where its zero bytes lie."""
    half = len(sample) // 2
    if half < 1:
        return None
    quarters = [sample[offset::4].count(0) * 4 for offset in range(4)]
    if min(quarters[1:]) > len(sample) * 0.9 and quarters[0] < len(sample) * 0.1:
        return "utf-32-le"
    if min(quarters[:3]) > len(sample) * 0.9 and quarters[3] < len(sample) * 0.1:
        return "utf-32-be"
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    # Short JSON such as `["é"]` has few zero bytes; Latin-script text has them nearly everywhere.
    if odd > half * 0.4 and even < half * 0.05:
        return "utf-16-le"
    if even > half * 0.4 and odd < half * 0.05:
        return "utf-16-be"
    return None


def _check_text_kind(kind: str, data: bytes) -> None:
    """Refuse text whose first character shows another format than the extension names."""
    head = data[:4096].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00")
    if kind == "json" and head.startswith((b"<?xml", b"<!DOCTYPE", b"<html")):
        _require(False, kind, "markup")
    if kind == "xml" and head.startswith((b"{", b"[")):
        _require(False, kind, "JSON text")


def _require(matches: bool, kind: str, found: str) -> None:
    if not matches:
        raise ParseError(
            Code.TYPE_MISMATCH, f"The file is named .{kind} but its content is {found}; it was not read."
        )
