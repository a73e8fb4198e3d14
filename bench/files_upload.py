"""Send every public test file through the upload door and print what became of it (I1, demonstration 5).

    python bench/files_upload.py DATA_FOLDER [--url ADDRESS [--key KEY | --username NAME --password WORD]]

Without `--url` the door of this checkout is used, with a fresh database in a temporary folder, and the
costs of each child process are measured. With it, a running server and its worker do the work.
Which files ought to be valid is judged as in `bench/parsers.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from parsers import INVALID, VALID, expectation

MEBIBYTE = 1024 * 1024
WAIT_SECONDS = 60.0
Fetch = Callable[[str, str, bytes | None, dict[str, str]], tuple[int, dict[str, Any]]]


@dataclass(slots=True)
class Row:
    """One file's way through the door."""

    path: Path
    expected: str
    status: int
    state: str
    code: str = ""
    message: str = ""
    characters: int = 0


@dataclass(slots=True)
class Costs:
    """What the child processes used."""

    cpu_seconds: list[float] = field(default_factory=list)
    wall_seconds: list[float] = field(default_factory=list)
    peak_bytes: list[int] = field(default_factory=list)

    def note(self, outcome: Any) -> None:
        """Add one child's."""
        self.cpu_seconds.append(outcome.cpu_seconds)
        self.wall_seconds.append(outcome.seconds)
        self.peak_bytes.append(outcome.peak_bytes)


def files_in(data: Path) -> Iterator[Path]:
    """Every file of the `files_*` folders, licences left out."""
    for folder in sorted(data.glob("files_*")):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("LICENSE"):
                yield path


def multipart(path: Path, content: bytes | None = None) -> tuple[bytes, dict[str, str]]:
    """A form with one file, as browsers send it; its content is read where none is given."""
    boundary = uuid4().hex
    name = path.name.encode("ascii", "replace").decode().replace('"', "_")
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    body = f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + (
        path.read_bytes() if content is None else content
    )
    return body + f"\r\n--{boundary}--\r\n".encode(), {
        "Content-Type": f"multipart/form-data; boundary={boundary}"
    }


def send(fetch: Fetch, path: Path, read: Callable[[str], None]) -> Row:
    """Upload one file, have it read, and ask what became of it."""
    body, headers = multipart(path)
    status, answer = fetch("POST", "/api/v1/files/upload", body, headers)
    expected = expectation(path)
    if status != 202:
        error = answer.get("error", {})
        return Row(path, expected, status, "refused", error.get("code", ""), error.get("message", ""))
    read(answer["file_id"])
    ends = time.monotonic() + WAIT_SECONDS
    while True:
        status, answer = fetch("GET", f"/api/v1/files/{answer['file_id']}", None, {})
        if status != 200 or answer["status"] != "pending" or time.monotonic() > ends:
            break
        time.sleep(0.2)
    if status != 200:
        return Row(path, expected, status, "lost")
    text = len(answer["text_preview"])
    return Row(path, expected, 202, answer["status"], answer["error_code"], answer["error"], text)


def over_http(url: str, key: str, username: str, password: str) -> Fetch:
    """Calls to a running server, with an API key or a token; a throttled call is made again."""
    token = key

    def fetch(
        method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(url + path, data=body, method=method, headers=headers)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 429:
                time.sleep(min(float(error.headers.get("Retry-After", 1)), 30))
                return fetch(method, path, body, headers)
            try:
                return error.code, json.load(error)
            except ValueError:
                return error.code, {}

    if key:
        return fetch
    login = json.dumps({"username": username, "password": password}).encode()
    status, answer = fetch("POST", "/api/v1/auth/token", login, {"Content-Type": "application/json"})
    if status != 200:
        raise SystemExit(f"Log-in failed with {status}.")
    token = answer["access"]
    return fetch


def report(rows: list[Row], costs: Costs) -> bool:
    """Print the figures; return whether the demonstration holds."""
    for folder in sorted({row.path.parents[1].name for row in rows}):
        own = [row for row in rows if row.path.parents[1].name == folder]
        counts = Counter(row.code or row.state for row in own)
        print(f"{folder:18} {len(own):4}  " + ", ".join(f"{name} {n}" for name, n in counts.most_common()))
    valid = [row for row in rows if row.expected == VALID]
    parsed = [row for row in valid if row.state == "parsed"]
    refused = [row for row in valid if row.state != "parsed"]
    share = 100 * len(refused) / len(valid)
    silent = sum(row.characters == 0 for row in parsed)
    print(f"\nvalid: {len(valid)}, parsed: {len(parsed)} (of these without any text in them: {silent})")
    print(f"valid but refused: {len(refused)} ({share:.2f} %)")
    for row in refused:
        print(f"  {row.code:16} {row.path.parent.name}/{row.path.name}: {row.message}")
    hostile = [row for row in rows if row.expected == INVALID]
    accepted = [row for row in hostile if row.state == "parsed"]
    unclear = [row for row in hostile if row.state != "parsed" and not row.message.endswith(".")]
    print(f"\nbroken or hostile: {len(hostile)}, accepted: {len(accepted)}, without a reason: {len(unclear)}")
    print(
        "  refused for: " + ", ".join(f"{c} {n}" for c, n in Counter(r.code for r in hostile).most_common())
    )
    for row in accepted:
        print(f"  accepted: {row.path.parent.name}/{row.path.name}")
    faults = [row for row in rows if row.status >= 500 or row.state in {"lost", "pending", "failed"}]
    print(f"\nserver errors or files never read: {len(faults)}")
    for row in faults:
        print(f"  {row.status} {row.state} {row.path.name}")
    if costs.cpu_seconds:
        print(
            f"children: {len(costs.cpu_seconds)}, most CPU {max(costs.cpu_seconds):.2f} s, "
            f"longest {max(costs.wall_seconds):.2f} s, most memory {max(costs.peak_bytes) / MEBIBYTE:.0f} MB"
        )
    return not faults and not accepted and not unclear and share < 2


def main() -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--url", default="")
    parser.add_argument("--key", default="", help="an API key with the scope files")
    parser.add_argument("--username", default="lead")
    parser.add_argument("--password", default="switchyard-demo")
    options = parser.parse_args()
    costs = Costs()
    paths = list(files_in(options.data))
    started = time.monotonic()
    if options.url:
        fetch = over_http(options.url.rstrip("/"), options.key, options.username, options.password)
        with ThreadPoolExecutor(4) as pool:
            rows = list(pool.map(lambda path: send(fetch, path, lambda _: None), paths))
        alive, _ = fetch(
            "POST", "/api/v1/files/upload", *multipart(Path(__file__).with_suffix(".txt"), b"alive")
        )
        print(f"server afterwards: {alive}")
    else:
        # A run against a server needs neither Django nor a database.
        from upload_door import Door  # noqa: PLC0415

        door = Door(costs.note)
        rows = [send(door.fetch, path, door.read) for path in paths]
    print(f"{len(rows)} files in {time.monotonic() - started:.0f} s\n")
    return 0 if report(rows, costs) else 1


if __name__ == "__main__":
    raise SystemExit(main())
