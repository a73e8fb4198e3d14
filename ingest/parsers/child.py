"""The child process: confines itself, reads one file from standard input, answers JSON, ends."""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import IO, Any

from ingest.parsers.confine import confine
from ingest.parsers.detect import detect, extension_of
from ingest.parsers.limits import ParseLimits
from ingest.parsers.result import Code, ParsedFile, ParseError

_MODULES = {
    "pdf": "ingest.parsers.pdf",
    "docx": "ingest.parsers.docx",
    "txt": "ingest.parsers.text",
    "log": "ingest.parsers.log",
    "csv": "ingest.parsers.csv_file",
    "json": "ingest.parsers.json_file",
    "xml": "ingest.parsers.xml_file",
    "xlsx": "ingest.parsers.xlsx",
    "eml": "ingest.parsers.eml",
}


def parse_bytes(data: bytes, name: str, limits: ParseLimits) -> ParsedFile:
    """Parse in this very process, without confinement; for the child and for tests."""
    kind = detect(name, data)
    # Imported by name so that a text file does not pay for the PDF library.
    result: ParsedFile = importlib.import_module(_MODULES[kind]).parse(data, limits)
    return result


def answer(data: bytes, name: str, limits: ParseLimits) -> dict[str, Any]:
    """Return the reply for one file: `{"ok": …}` or `{"error": …}`."""
    return guarded(lambda: parse_bytes(data, name, limits).to_dict())


def write_table(data: bytes, name: str, limits: ParseLimits, rows: int, target: IO[bytes]) -> None:
    """Write the rows of a table, one JSON value a line: what it is, each row, how it ended.

    `rows` stops early (for a look at the head); 0 reads on to the end. Lines go out as they are made, so that
    a large sheet is held once and not twice.
    """

    def put(value: Any) -> None:
        target.write(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n")

    def work() -> dict[str, Any]:
        table = importlib.import_module("ingest.parsers.table").read_table(data, name, limits)
        put({"kind": table.kind, "sheet": table.sheet})
        taken = 0
        for number, cells in table.rows:
            put([number, cells])
            taken += 1
            if taken == rows:
                break
        return {"rows": taken}

    put(guarded(work))


def guarded(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what the work gives, under "ok", or the refusal it ended with, under "error"."""
    try:
        return {"ok": work()}
    except ParseError as error:
        return {"error": {"code": error.code.value, "message": error.message}}
    except MemoryError:
        return {"error": {"code": Code.MEMORY.value, "message": "The file needs more memory than allowed."}}
    except RecursionError:
        return {"error": {"code": Code.BOMB.value, "message": "The file nests too deeply."}}
    except Exception:  # noqa: BLE001 - the edge: a library may raise anything on a damaged file
        traceback.print_exc(limit=-8)
        return {"error": {"code": Code.CORRUPT.value, "message": "The file is damaged and cannot be read."}}


def peak_bytes() -> int:
    """Return the most memory this process has held.

    The kernel's own count survives `exec` and so would include the parent's size.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            lines = [line for line in status if line.startswith("VmHWM:")]
    except OSError:
        return 0
    return int(lines[0].split()[1]) * 1024 if lines else 0


def main() -> None:
    """Run one parse. The first argument is JSON: the file's name and the limits."""
    request = json.loads(sys.argv[1])
    limits = ParseLimits.from_dict(request["limits"])
    name = str(request["name"])
    # A library that prints must not damage the reply.
    reply_to = os.dup(1)
    os.dup2(2, 1)
    gc.disable()
    confine(limits, memory_bytes=limits.memory_for(extension_of(name)))
    with open(0, "rb", closefd=False) as source:
        data = source.read(limits.input_bytes + 1)
    if "table_rows" in request:
        with open(reply_to, "wb", buffering=65_536) as target:
            write_table(data, name, limits, int(request["table_rows"]), target)
        os._exit(0)
    values = {**answer(data, name, limits), "peak_bytes": peak_bytes()}
    reply = json.dumps(values, ensure_ascii=False).encode("utf-8", "replace")
    with open(reply_to, "wb") as target:
        target.write(reply)
    # Skips the teardown of native libraries, which can crash after a damaged file.
    os._exit(0)


if __name__ == "__main__":
    main()
