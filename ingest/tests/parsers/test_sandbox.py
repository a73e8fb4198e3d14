"""The child gives up the network, other programs and most memory before it reads (I1)."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.parsers.sandbox import parse_file, parse_measured
from ingest.tests.parsers.support import docx, paragraph, pdf

LIBRARIES = {"pypdfium2", "lxml.etree", "python_calamine", "charset_normalizer"}
ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
from ingest.parsers.confine import confine
from ingest.parsers.limits import DEFAULT_LIMITS
{before}
confine(DEFAULT_LIMITS, memory_bytes=DEFAULT_LIMITS.memory_bytes)
try:
    {attempt}
except (OSError, PermissionError, MemoryError) as error:
    print("refused", type(error).__name__)
else:
    print("allowed")
"""


@pytest.mark.parametrize(
    ("before", "attempt"),
    [
        ("import socket", "socket.create_connection(('127.0.0.1', 9), 1)"),
        ("import subprocess", "subprocess.run(['/bin/true'])"),
        ("import os", "os.fork()"),
        ("", "open('/tmp/x-switchyard-test', 'wb').write(b'x' * 5_000_000)"),
        ("", "bytearray(700 * 1024 * 1024)"),
        (
            "import ctypes",
            "ctypes.CDLL(None, use_errno=True).socket(2, 1, 0) >= 0 or (_ for _ in ()).throw(OSError())",
        ),
    ],
)
def test_a_confined_process_may_not(before: str, attempt: str) -> None:
    """I1: no network, no programs, no large files, no more memory; native code included."""
    program = PROGRAM.format(before=before, attempt=attempt)
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "allowed" not in ran.stdout
    assert "refused" in ran.stdout or ran.returncode < 0


def test_parents_import_no_parser_library() -> None:
    """I1: a web process never loads what reads hostile files."""
    program = f"import sys, ingest.parsers.sandbox; print({LIBRARIES!r} & set(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "set()"


def test_threads_may_parse_at_once() -> None:
    """I1: safe from any thread."""
    files = [(pdf("page"), "a.pdf"), (docx(paragraph("word")), "a.docx"), (b"text", "a.txt")] * 2
    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(lambda file: parse_file(*file).text, files))
    assert texts == ["page", "word", "text"] * 2


def test_the_cost_of_a_parse_is_known() -> None:
    """I1: time and memory are measured by child."""
    _, outcome = parse_measured(b"text", "a.txt")
    assert 0 < outcome.cpu_seconds < 5
    assert 0 < outcome.peak_bytes < 200 * 1024 * 1024


def test_a_path_in_the_name_means_nothing() -> None:
    """I1: the sender's name is data."""
    assert parse_file(b"text", "../../etc/passwd\x00/x.txt").text == "text"
