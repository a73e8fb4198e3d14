"""`parse_file`: one file, one child process with limits; the parent imports no parser."""

from __future__ import annotations

import json
import logging
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ingest.parsers.detect import kind_by_name
from ingest.parsers.limits import DEFAULT_LIMITS, MEBIBYTE, ParseLimits
from ingest.parsers.result import Code, ParsedFile, ParseError, ParserBusy

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[2]
_STDERR_BYTES = 16_384
_CHUNK = 262_144
_NAME_CHARACTERS = 255
_STARVED = 0.25
_OUT_OF_MEMORY_MARKS = (b"memory allocation of", b"MemoryError", b"bad_alloc", b"ut of memory")


@dataclass(slots=True)
class Outcome:
    """How a child ended, and what it cost."""

    status: int | None = None
    reply: bytearray = field(default_factory=bytearray)
    errors: bytearray = field(default_factory=bytearray)
    expired: bool = False
    flooded: bool = False
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


def parse_file(source: bytes | Path | str, name: str, limits: ParseLimits = DEFAULT_LIMITS) -> ParsedFile:
    """Return the text of a file, given its bytes or path and the name its sender gave it.

    Safe to call from any thread. Raises ParseError with a stable code, ParserBusy on a starved machine.
    """
    return parse_measured(source, name, limits)[0]


def parse_measured(
    source: bytes | Path | str, name: str, limits: ParseLimits = DEFAULT_LIMITS
) -> tuple[ParsedFile, Outcome]:
    """Do what `parse_file` does and also return the child's time and peak memory."""
    kind_by_name(name)
    with _opened(source) as stream:
        _check_size(stream, limits)
        outcome = run_child(stream, name, limits)
    reply = _read_reply(outcome, limits)
    outcome.peak_bytes = int(reply["peak_bytes"])
    if "error" in reply:
        if outcome.errors:
            logger.warning("The parser failed on a file: %s", outcome.errors.decode("utf-8", "replace"))
        raise ParseError(Code(reply["error"]["code"]), str(reply["error"]["message"]))
    return ParsedFile.from_dict(reply["ok"]), outcome


@dataclass(slots=True)
class Table:
    """The rows of a file. They stay as the child wrote them until they are asked for, one by one."""

    kind: str
    sheet: str
    count: int
    lines: list[bytes]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row with the number a spreadsheet program shows beside it; the first is the head."""
        for line in self.lines:
            number, cells = json.loads(line)
            yield number, cells


def parse_table(
    source: bytes | Path | str, name: str, *, rows: int = 0, limits: ParseLimits = DEFAULT_LIMITS
) -> Table:
    """Return the rows of a CSV file or workbook, at most `rows` of them where that is given.

    Safe to call from any thread. Raises ParseError with a stable code, ParserBusy on a starved machine.
    """
    if kind_by_name(name) not in {"csv", "xlsx"}:
        raise ParseError(Code.UNSUPPORTED_TYPE, "Send a CSV file or an Excel workbook (.xlsx).")
    with _opened(source) as stream:
        _check_size(stream, limits)
        outcome = run_child(stream, name, limits, table_rows=rows)
    _check_end(outcome, limits)
    lines = bytes(outcome.reply).splitlines()
    end = json.loads(lines[-1])
    if "error" in end:
        raise ParseError(Code(end["error"]["code"]), str(end["error"]["message"]))
    head = json.loads(lines[0])
    return Table(kind=head["kind"], sheet=head["sheet"], count=end["ok"]["rows"], lines=lines[1:-1])


def run_child(stream: IO[bytes], name: str, limits: ParseLimits, **more: Any) -> Outcome:
    """Run the child on an open file and collect its answer within the deadline."""
    request = json.dumps({"name": name[-_NAME_CHARACTERS:], "limits": limits.to_dict(), **more})
    started = time.monotonic()
    # No preexec_fn: it may deadlock in a threaded parent. The child sets its own limits.
    process = subprocess.Popen(  # noqa: S603 - fixed program, no shell
        [sys.executable, "-s", "-E", "-m", "ingest.parsers.child", request],
        stdin=stream,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=_ROOT,
        env={"LANG": "C.UTF-8", "PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "1"},
        start_new_session=True,
    )
    outcome = Outcome()
    try:
        _collect(process, outcome, started + limits.wall_seconds, limits.reply_bytes)
    finally:
        _end(process, outcome, started + limits.wall_seconds)
        outcome.seconds = time.monotonic() - started
    return outcome


def _opened(source: bytes | Path | str) -> IO[bytes]:
    """Return a real file to hand over as standard input: nothing needs to be pumped into a pipe."""
    if not isinstance(source, bytes):
        return open(source, "rb")
    stream = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    stream.write(source)
    stream.seek(0)
    return stream


def _check_size(stream: IO[bytes], limits: ParseLimits) -> None:
    size = os.fstat(stream.fileno()).st_size
    if size == 0:
        raise ParseError(Code.EMPTY_FILE, "The file is empty.")
    if size > limits.input_bytes:
        raise ParseError(
            Code.TOO_LARGE,
            f"The file has {size / MEBIBYTE:.1f} MB; at most {limits.input_bytes // MEBIBYTE} MB are read.",
        )


def _collect(process: subprocess.Popen[bytes], outcome: Outcome, deadline: float, reply_bytes: int) -> None:
    """Read both pipes until the child closes them, the deadline passes or the reply grows too long."""
    assert process.stdout is not None
    assert process.stderr is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, outcome.reply)
        selector.register(process.stderr, selectors.EVENT_READ, outcome.errors)
        while selector.get_map():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                outcome.expired = True
                return
            for key, _ in selector.select(remaining):
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.data is outcome.reply:
                    outcome.reply += chunk
                else:
                    outcome.errors += chunk[: max(0, _STDERR_BYTES - len(outcome.errors))]
            if len(outcome.reply) > reply_bytes:
                outcome.flooded = True
                return


def _end(process: subprocess.Popen[bytes], outcome: Outcome, deadline: float) -> None:
    """Make sure that the child is gone, and note how it ended and what it cost."""
    usage = None
    if not (outcome.expired or outcome.flooded):
        usage = _reap_before(process, deadline)
        outcome.expired = usage is None
    if usage is None:
        # Not reaped yet, so the id is still the child's own and its group can be nobody else's.
        os.killpg(process.pid, signal.SIGKILL)
        usage = _reap(process, 0)
    outcome.status = process.returncode
    if usage is not None:
        outcome.cpu_seconds = usage.ru_utime + usage.ru_stime
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _reap_before(process: subprocess.Popen[bytes], deadline: float) -> resource.struct_rusage | None:
    """Wait for a child that has closed its pipes; it normally ends at once."""
    pause = 0.0005
    while True:
        usage = _reap(process, os.WNOHANG)
        if usage is not None or time.monotonic() > deadline:
            return usage
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def _reap(process: subprocess.Popen[bytes], options: int) -> resource.struct_rusage | None:
    """Collect the exit status with its resource usage, which `Popen.wait` would throw away."""
    pid, status, usage = os.wait4(process.pid, options)
    if pid == 0:
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def _read_reply(outcome: Outcome, limits: ParseLimits) -> dict[str, Any]:
    """Return the child's JSON, or raise the ParseError (or ParserBusy) that its end means."""
    _check_end(outcome, limits)
    reply: dict[str, Any] = json.loads(outcome.reply)
    return reply


def _check_end(outcome: Outcome, limits: ParseLimits) -> None:
    """Raise the ParseError (or ParserBusy) that the child's end means, unless it came with an answer."""
    if outcome.flooded:
        raise ParseError(Code.BOMB, "The file gives more text than can be taken in.")
    if outcome.expired and outcome.cpu_seconds < limits.cpu_seconds * _STARVED:
        raise ParserBusy("The parser waited for a processor until its time was over.")
    if outcome.expired or outcome.status == -signal.SIGXCPU or outcome.cpu_seconds >= limits.cpu_seconds:
        raise ParseError(Code.TIMEOUT, "The file takes too long to read.")
    if outcome.status == 0 and outcome.reply:
        return
    logger.warning(
        "The parser ended with status %s: %s", outcome.status, outcome.errors.decode("utf-8", "replace")
    )
    # A kill from outside is the kernel running out of memory.
    if outcome.status == -signal.SIGKILL or any(mark in outcome.errors for mark in _OUT_OF_MEMORY_MARKS):
        raise ParseError(Code.MEMORY, "The file needs more memory than allowed.")
    raise ParseError(Code.CORRUPT, "The file is damaged and cannot be read.")
