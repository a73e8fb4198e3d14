"""What a text says about a failure: stack-trace signature, exceptions, error codes, log levels."""

from __future__ import annotations

import hashlib
import re
from collections import Counter

from ingest.parsers.result import Features

_WINDOW = 1_000_000
_LINE_CAP = 1_000
_FRAMES_IN_SIGNATURE = 8
_FRAMES_KEPT = 50
_LIST_CAP = 50

_LEVEL = re.compile(
    r"\b(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|SEVERE|CRIT(?:ICAL)?|FATAL|EMERG(?:ENCY)?|ALERT|PANIC)\b"
)
_LEVEL_LOWER = re.compile(
    r"(?:\[|\blevel[=:]\s?\"?|\s|\")(trace|debug|info|notice|warn(?:ing)?|error|err|crit(?:ical)?|fatal|"
    r"emerg|alert|panic)(?:\]|:|\"|\s-\s)"
)
_LEVEL_NAMES = {
    "WARNING": "WARN",
    "ERR": "ERROR",
    "SEVERE": "ERROR",
    "CRIT": "CRITICAL",
    "FATAL": "CRITICAL",
    "EMERG": "CRITICAL",
    "EMERGENCY": "CRITICAL",
    "ALERT": "CRITICAL",
    "PANIC": "CRITICAL",
}

_FRAMES = (
    # Python:   File "app/views.py", line 10, in get
    re.compile(r'^\s*File "(?P<file>[^"]{1,300})", line \d+(?:, in (?P<name>\S{1,200}))?'),
    # Java, .NET, JavaScript:   at pkg.Class.method(File.java:10)
    re.compile(r"^\s*at (?P<name>[\w.$<>/@\[\]`+~ -]{1,200}?)\s?\((?P<file>[^)]{0,300})\)"),
    re.compile(r"^\s*at (?P<name>[\w./:\\$<>@-]{1,300}):\d+(?::\d+)?$"),
    # PHP and gdb:   #0 /var/www/a.php(12): f()     #3 0x00007f in main () at a.c:12
    re.compile(r"^\s*#\d+\s+(?:0x[0-9a-fA-F]+ in )?(?P<name>[\w/.:<>~-]{1,200})\s?(?:\(|\+)"),
    # Ruby:   from a.rb:10:in `call'
    re.compile(r"^\s*(?:from )?(?P<file>[\w/.-]{1,200}\.rb):\d+:in [`'](?P<name>[^']{1,200})'"),
    # Go:   main.handler(0xc000, 0x1)
    re.compile(r"^(?P<name>[\w./*()-]{1,150}\.[\w.()*]{1,100})\((?:0x[0-9a-f]+|\.\.\.|\{)"),
)
_FRAME_STARTS = ("File ", "at ", "#", "from ")
_EXCEPTION_WORDS = ("Exception", "Error", "Throwable", "Failure", "Interrupt")
_EXCEPTION = re.compile(
    r"(?<![\w.])((?:[A-Za-z_][\w$]{0,60}\.){0,12}[A-Z][\w$]{0,80}(?:Exception|Error|Throwable|Failure|Interrupt))\b"
)
_ERROR_CODES = re.compile(
    r"\b(?:(?:ORA|PLS|TNS|SQL|DB2|KB|ERR|IDOC|HY|TF|MSG|CVE-\d{4}|AADSTS|SQLSTATE)[-_ ]?\d{3,7}"
    r"|0x[89A-Fa-f][0-9A-Fa-f]{7}"
    r"|ERR_[A-Z][A-Z0-9_]{2,40}"
    r"|E(?:CONNREFUSED|CONNRESET|TIMEDOUT|NOENT|ACCES|PIPE|ADDRINUSE|HOSTUNREACH|NOTFOUND|PERM|NOSPC)"
    r"|[A-Z]{1,4}\d{4,6}[A-Z]?(?=\s{0,3}[:\-]))\b"
)
_CODE_HINT = re.compile(r"\d{3}|ERR_|\bE[A-Z]{3}|(?:code|errno|status)\W{1,4}-?\d", re.IGNORECASE)
_NAMED_CODES = re.compile(
    r"\b(HTTP(?:/\d\.\d)?|status(?: code)?|error(?: code)?|code|errno|exit(?: code| status)?|event id"
    r"|SQLSTATE)"
    r"[\"']?\s{0,2}[:=#\[(]?\s{0,2}[\"']?(-?\d{1,6}|[0-9A-Z]{5})\b",
    re.IGNORECASE,
)


def extract_features(text: str) -> Features:
    """Return the failure signals in a text; only its first million characters are read."""
    features = Features()
    levels: Counter[str] = Counter()
    codes: dict[str, None] = {}
    exceptions: dict[str, None] = {}
    stacks = _StackReader()
    for raw in text[:_WINDOW].split("\n"):
        line = raw[:_LINE_CAP]
        level = level_of(line)
        if level:
            levels[level] += 1
        _collect(_exceptions_in(line), exceptions)
        _collect(_codes_in(line), codes)
        stacks.feed(line)
    features.levels = dict(levels)
    features.error_codes = list(codes)
    features.exceptions = list(exceptions)
    features.stack_count = stacks.count
    features.stack_frames = stacks.frames
    features.stack_signature = stacks.signature
    return features


def level_of(line: str) -> str | None:
    """Return the log level that a line declares near its start, under one name for each severity."""
    head = line[:160]
    match = _LEVEL.search(head) or _LEVEL_LOWER.search(head)
    if not match:
        return None
    name = match.group(1).upper()
    return _LEVEL_NAMES.get(name, name)


def frame_of(line: str) -> str | None:
    """Return a stack frame reduced to what survives a rebuild: file base name and function."""
    stripped = line.lstrip()
    if not (stripped.startswith(_FRAME_STARTS) or "(" in stripped or ".rb:" in stripped):
        return None
    for pattern in _FRAMES:
        match = pattern.match(line[:_LINE_CAP])
        if match:
            return _normalised(match.groupdict())
    return None


def _normalised(groups: dict[str, str | None]) -> str:
    file = re.split(r"[/\\]", groups.get("file") or "")[-1]
    file = re.sub(r":\d+|\bline \d+", "", file)
    name = re.sub(r"0x[0-9a-fA-F]+|\$\$?Lambda\S*|\d+", "", groups.get("name") or "").strip()
    return f"{file}:{name}" if file and name else file or name


def _exceptions_in(line: str) -> list[str]:
    return _EXCEPTION.findall(line) if any(word in line for word in _EXCEPTION_WORDS) else []


def _codes_in(line: str) -> list[str]:
    if not _CODE_HINT.search(line):
        return []
    found = [match.group(0) for match in _ERROR_CODES.finditer(line)]
    for match in _NAMED_CODES.finditer(line):
        label, value = match.group(1).lower().split("/")[0], match.group(2)
        if not value.isalpha() and not _is_success(label, value):
            found.append(f"{label} {value}")
    return found


def _is_success(label: str, value: str) -> bool:
    """Leave out codes that report that all went well."""
    if label.startswith(("http", "status")):
        return not (value.isdigit() and 400 <= int(value) <= 599)
    return value == "0"


def _collect(found: list[str], into: dict[str, None]) -> None:
    for value in found:
        if len(into) >= _LIST_CAP:
            return
        into.setdefault(value)


class _StackReader:
    """Follows stack traces line by line; the first one gives the signature."""

    def __init__(self) -> None:
        self.count = 0
        self.frames: list[str] = []
        self._exception = ""
        self._gap = 0
        self._inside = False
        self._python = False

    @property
    def signature(self) -> str | None:
        """Return a short hash that is equal for equal failures, whatever the line numbers."""
        if not self.frames:
            return None
        frames = self.frames[-_FRAMES_IN_SIGNATURE:] if self._python else self.frames[:_FRAMES_IN_SIGNATURE]
        material = "\n".join([self._exception, *frames])
        return hashlib.sha256(material.encode()).hexdigest()[:16]

    def feed(self, line: str) -> None:
        """Take the next line of the text."""
        frame = frame_of(line)
        if frame is None:
            self._between(line)
            return
        if not self._inside:
            self._inside = True
            self.count += 1
            if self.count == 1:
                self._python = line.lstrip().startswith("File ")
        self._gap = 0
        if self.count == 1 and len(self.frames) < _FRAMES_KEPT:
            self.frames.append(frame)

    def _between(self, line: str) -> None:
        names = _exceptions_in(line)
        # Python names the exception below its frames, the others above them.
        if names and self.count <= 1 and (not self.frames or (self._python and self._inside)):
            self._exception = names[0]
        if not self._inside:
            return
        # Python prints the source line between two frames, Java "Caused by" and "... 5 more".
        continues = line.startswith((" ", "\t")) or line.lstrip().startswith(("Caused by", "..."))
        self._gap = self._gap + 1 if continues else 9
        if self._gap > 3:
            self._inside = False
