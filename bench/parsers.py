"""Run the file parsers over a folder of public files, and time 5 MB of each type (P10, I1).

    python bench/parsers.py DATA_FOLDER [--no-corpus] [--no-p10] [--list]

Prints counts by folder and code, valid files that were refused, hostile or broken files that were
accepted, the slowest files and the largest memory. Which files ought to be valid is judged by the
naming conventions of their suites and, where a suite has none, by the lists below.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
import time
import zipfile
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ingest.parsers.detect import extension_of, kind_by_name
from ingest.parsers.limits import DEFAULT_LIMITS, MEBIBYTE
from ingest.parsers.result import ParseError
from ingest.parsers.sandbox import parse_measured

VALID, INVALID, EITHER = "valid", "invalid", "either"
UNSUPPORTED = {"xls", "xlsb", "ods", "gz", "zip", "bad-format", "html", ""}
P10_BYTES = 5 * MEBIBYTE
P10_SECONDS = 3.0


@dataclass(slots=True)
class Row:
    """One file's outcome."""

    folder: str
    path: Path
    expected: str
    code: str
    message: str
    seconds: float
    peak_bytes: int


def expectation(path: Path) -> str:
    """Return whether a file ought to be read, by its suite's conventions."""
    name, suite, extension = path.name, path.parent.name, extension_of(path.name)
    if extension in UNSUPPORTED or extension not in _known_extensions():
        return INVALID
    if path.stat().st_size == 0:
        return INVALID
    if suite == "JSONTestSuite":
        return {"y": VALID, "n": INVALID}.get(name[0], EITHER)
    if suite == "feedparser":
        return VALID if name.startswith("wellformed") else EITHER
    if suite == "defusedxml":
        return VALID if name == "simple-ns.xml" else INVALID
    if extension == "xlsm":
        return INVALID
    return VALID


def _known_extensions() -> set[str]:
    known = set()
    for extension in ("pdf", "docx", "txt", "log", "csv", "tsv", "json", "xml", "xlsx", "eml"):
        kind_by_name(f"a.{extension}")
        known.add(extension)
    return known | {"xlsm", "docm"}


def measure(folder: str, path: Path) -> Row:
    """Parse one file and note what became of it."""
    expected = expectation(path)
    started = time.monotonic()
    try:
        result, outcome = parse_measured(path, path.name)
    except ParseError as error:
        return Row(folder, path, expected, error.code.value, error.message, time.monotonic() - started, 0)
    code = "ok, no text" if "no_text" in result.warnings else "ok"
    return Row(folder, path, expected, code, "", time.monotonic() - started, outcome.peak_bytes)


def run_corpus(data: Path, workers: int) -> list[Row]:
    """Parse every file of the `files_*` folders."""
    tasks = [
        (folder.name, path)
        for folder in sorted(data.glob("files_*"))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("LICENSE")
    ]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda task: measure(*task), tasks))


def report(rows: list[Row], *, list_all: bool) -> None:
    """Print the corpus figures."""
    by_folder: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        by_folder[row.folder][row.code] += 1
    for folder, counts in by_folder.items():
        print(
            f"{folder:18} {sum(counts.values()):4}  " + ", ".join(f"{c} {n}" for c, n in counts.most_common())
        )
    valid = [row for row in rows if row.expected == VALID]
    refused = [row for row in valid if not row.code.startswith("ok")]
    share = 100 * len(refused) / len(valid)
    print(f"\nought to be valid: {len(valid)}; refused: {len(refused)} ({share:.2f} %)")
    _print_rows(refused)
    accepted = [row for row in rows if row.expected == INVALID and row.code.startswith("ok")]
    invalid = sum(row.expected == INVALID for row in rows)
    print(f"\nought to be refused: {invalid}; accepted: {len(accepted)}")
    _print_rows(accepted)
    if list_all:
        print("\nall refusals")
        _print_rows([row for row in rows if not row.code.startswith("ok")])
    seconds = sorted(row.seconds for row in rows)
    median, p95 = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.95)]
    print(f"\nmedian {median:.3f} s, p95 {p95:.3f} s; slowest:")
    for row in sorted(rows, key=lambda row: -row.seconds)[:5]:
        print(f"  {row.seconds:6.2f} s  {row.code:12} {row.path.name}")
    for row in sorted(rows, key=lambda row: -row.peak_bytes)[:3]:
        print(f"  {row.peak_bytes / MEBIBYTE:6.0f} MB {row.code:12} {row.path.name}")


def _print_rows(rows: list[Row]) -> None:
    for row in rows:
        print(f"  {row.code:16} {row.path.parent.name}/{row.path.name}: {row.message}")


def samples() -> dict[str, bytes]:
    """Make about 5 MB of each type, as a customer might send it."""
    rng = random.Random(7)
    phrase = "the server returned an error after update order invoice login café 500 timeout user"
    words = phrase.split(" ")

    def sentence() -> str:
        return " ".join(rng.choices(words, k=12))

    lines = [sentence() for _ in range(72_000)]
    text = "\n".join(lines)
    log = "\n".join(f"2027-01-01 10:00:00,123 {rng.choice(['INFO', 'ERROR'])} app {line}" for line in lines)
    table = "id,status,text\n" + "\n".join(f"{n},open,{line}" for n, line in enumerate(lines))
    part = lines[: int(len(lines) * 0.78)]
    documents = json.dumps([{"id": n, "text": line} for n, line in enumerate(part)], ensure_ascii=False)
    markup = "<r>" + "".join(f'<t id="{n}">{line}</t>' for n, line in enumerate(part)) + "</r>"
    made = {"txt": text, "log": log, "csv": table, "json": documents, "xml": markup}
    files = {kind: _cut(value, kind) for kind, value in made.items()}
    files["pdf"] = make_pdf(lines)
    files["docx"] = make_docx(lines)
    return files


def _cut(text: str, kind: str) -> bytes:
    data = text.encode()
    if kind in {"json", "xml"}:
        return data
    return data[: data.rindex(b"\n", 0, P10_BYTES)]


def make_pdf(lines: list[str]) -> bytes:
    """Return a PDF of about 5 MB: text pages, uncompressed as many generators write them."""
    from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415 - only this bench needs it

    target = io.BytesIO()
    canvas = Canvas(target, pageCompression=0)
    for start in range(0, 56_000, 60):
        text = canvas.beginText(40, 800)
        text.textLines([lines[at % len(lines)] for at in range(start, start + 60)])
        canvas.drawText(text)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def make_docx(lines: list[str]) -> bytes:
    """Return a Word file whose packed size is about 5 MB, with text that does not repeat."""
    rng = random.Random(8)
    body = "".join(f"<w:p><w:r><w:t>{line} {rng.getrandbits(400):x}</w:t></w:r></w:p>" for line in lines)
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        document = f'<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>'
        archive.writestr("word/document.xml", document)
    return target.getvalue()


def run_p10() -> bool:
    """Print the time from bytes to text for each type; return whether all are in time."""
    in_time = True
    for kind, data in samples().items():
        started = time.monotonic()
        try:
            result, outcome = parse_measured(data, f"sample.{kind}")
        except ParseError as error:
            print(f"P10 {kind:5} {len(data) / MEBIBYTE:5.2f} MB  refused: {error.code} {error.message}")
            in_time = False
            continue
        seconds = time.monotonic() - started
        in_time = in_time and seconds < P10_SECONDS
        size, peak = len(data) / MEBIBYTE, outcome.peak_bytes / MEBIBYTE
        print(
            f"P10 {kind:5} {size:5.2f} MB  {seconds:5.2f} s (CPU {outcome.cpu_seconds:5.2f} s)  "
            f"{len(result.text):>9,} characters  {len(result.segments):>7,} segments  "
            f"peak {peak:4.0f} MB  {result.warnings}"
        )
    return in_time


def run_overhead() -> None:
    """Print what one child costs for a small text."""
    times = []
    for _ in range(15):
        started = time.monotonic()
        parse_measured(b"My printer is on fire.\n", "a.txt", DEFAULT_LIMITS)
        times.append(time.monotonic() - started)
    times.sort()
    median, worst = 1000 * times[7], 1000 * times[-1]
    print(f"overhead of one small .txt: median {median:.0f} ms, worst of 15 {worst:.0f} ms\n")


def main() -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--no-corpus", action="store_true")
    parser.add_argument("--no-p10", action="store_true")
    parser.add_argument("--list", action="store_true", help="print every refusal")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    run_overhead()
    if not options.no_corpus:
        report(run_corpus(options.data, options.workers), list_all=options.list)
    return 0 if options.no_p10 or run_p10() else 1


if __name__ == "__main__":
    raise SystemExit(main())
