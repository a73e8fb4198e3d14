"""A language model server for tests and demonstrations: answers correctly, or with any fault on demand.

Speaks OpenAI's, Azure's and Groq's chat routes, Ollama's native one and OpenAI's embeddings. In a test::

    with FakeLlmServer() as server:
        server.faults(Fault.HTTP_503)          # the next request; then correct answers again
        ... server.requests[0].body ...

By hand: ``python -m tests.fakes.llm_server --port 9009``, then ``PUT /fault`` with ``{"fault": "hang"}``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import socket
import sys
import threading
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Body = dict[str, Any]
Answerer = Callable[[Body], Body]


class Fault(StrEnum):
    """What can go wrong."""

    NONE = "none"
    SLOW_DRIP = "slow_drip"
    DRIP_HEADERS = "drip_headers"
    HANG = "hang"
    DISCONNECT = "disconnect"
    CUT_BODY = "cut_body"
    HTML = "html"
    NOT_JSON_BODY = "not_json_body"
    LIST_BODY = "list_body"
    CHOICES_NULL = "choices_null"
    CHOICES_EMPTY = "choices_empty"
    CONTENT_EMPTY = "content_empty"
    ERROR_IN_200 = "error_in_200"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    TOOL_CALLS = "tool_calls"
    REFUSAL = "refusal"
    INVALID_JSON = "invalid_json"
    NAN = "nan"
    DEEP_JSON = "deep_json"
    MISSING_FIELD = "missing_field"
    UNKNOWN_CATEGORY = "unknown_category"
    CONFIDENCE_7 = "confidence_7"
    CONFIDENCE_TEXT = "confidence_text"
    GZIP_BOMB = "gzip_bomb"
    GZIP_BROKEN = "gzip_broken"
    OVERSIZED = "oversized"
    REDIRECT = "redirect"
    HTTP_400 = "http_400"
    HTTP_400_SCHEMA = "http_400_schema"
    HTTP_400_CONTEXT = "http_400_context"
    HTTP_400_GENERATION = "http_400_generation"
    HTTP_401 = "http_401"
    HTTP_403 = "http_403"
    HTTP_404 = "http_404"
    HTTP_408 = "http_408"
    HTTP_429 = "http_429"
    HTTP_429_DATE = "http_429_date"
    QUOTA = "quota"
    DECOMMISSIONED = "decommissioned"
    HTTP_500 = "http_500"
    HTTP_503 = "http_503"
    AZURE_FILTER = "azure_filter"
    MISSING_USAGE = "missing_usage"
    FENCED = "fenced"
    THINKING = "thinking"
    TRUNCATED_PROMPT = "truncated_prompt"


@dataclass(frozen=True)
class Recorded:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: Body


@dataclass
class Reply:
    """What goes back over the wire."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


def _error(status: int, message: str, **details: Any) -> Reply:
    headers = {"Content-Type": "application/json"}
    if "retry_after" in details:
        headers["Retry-After"] = str(details.pop("retry_after"))
    return Reply(json.dumps({"error": {"message": message, **details}}).encode(), status, headers)


_ERRORS: dict[Fault, Callable[[], Reply]] = {
    Fault.HTTP_400: lambda: _error(400, "Something is wrong.", type="invalid_request_error", code=None),
    Fault.HTTP_400_SCHEMA: lambda: _error(
        400, "Invalid schema.", type="invalid_request_error", param="response_format", code=None
    ),
    Fault.HTTP_400_CONTEXT: lambda: _error(
        400, "This model's maximum context length is 8192 tokens.", code="context_length_exceeded"
    ),
    Fault.HTTP_400_GENERATION: lambda: _error(
        400, "Failed to generate JSON.", type="invalid_request_error", code="json_validate_failed"
    ),
    Fault.HTTP_401: lambda: _error(401, "Incorrect API key provided.", code="invalid_api_key"),
    Fault.HTTP_403: lambda: _error(403, "Your country is not supported.", code="unsupported_country"),
    Fault.HTTP_404: lambda: _error(404, "The model does not exist.", code="model_not_found"),
    Fault.HTTP_408: lambda: _error(408, "Request timeout."),
    Fault.HTTP_429: lambda: _error(429, "Slow down.", code="rate_limit_exceeded", retry_after=40),
    Fault.HTTP_429_DATE: lambda: _error(429, "Slow down.", retry_after="Wed, 21 Oct 2099 07:28:00 GMT"),
    Fault.QUOTA: lambda: _error(429, "You exceeded your current quota.", code="insufficient_quota"),
    Fault.DECOMMISSIONED: lambda: _error(
        400, "The model has been decommissioned.", type="invalid_request_error", code="model_decommissioned"
    ),
    Fault.HTTP_500: lambda: _error(500, "The server had an error."),
    Fault.HTTP_503: lambda: _error(503, "Overloaded.", retry_after=7),
    Fault.AZURE_FILTER: lambda: _error(
        400,
        "The response was filtered due to the prompt triggering content management policy.",
        param="prompt",
        code="content_filter",
        innererror={"code": "ResponsibleAIPolicyViolation"},
    ),
    Fault.REDIRECT: lambda: Reply(b"", 307, {"Location": "/v1/chat/elsewhere"}),
    Fault.HTML: lambda: Reply(b"<!DOCTYPE html><html>Log in</html>", 200, {"Content-Type": "text/html"}),
    Fault.NOT_JSON_BODY: lambda: Reply(b"upstream connect error"),
    Fault.LIST_BODY: lambda: Reply(b"[1, 2]"),
    Fault.ERROR_IN_200: lambda: Reply(b'{"error": {"message": "Provider returned error", "code": 429}}'),
    Fault.GZIP_BROKEN: lambda: Reply(b"\x1f\x8bnonsense", 200, {"Content-Encoding": "gzip"}),
}


@cache
def _gzip_bomb(megabytes: int = 512) -> bytes:
    """Compress spaces in pieces: half a megabyte that unfolds to half a gigabyte."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    piece = b" " * (1 << 20)
    return b"".join(compressor.compress(piece) for _ in range(megabytes)) + compressor.flush()


def _resolve(node: Body, root: Body) -> Body:
    reference = node.get("$ref", "")
    return root["$defs"][reference.rsplit("/", 1)[-1]] if reference else node


def _sample(name: str, node: Body, root: Body, words: str) -> Any:
    """Return a valid value for a schema node: an enum's value that the text names, else its first."""
    node = _resolve(node, root)
    if "enum" in node:
        return next((value for value in node["enum"] if str(value).lower() in words), node["enum"][0])
    kind = node.get("type")
    if kind == "object":
        return {key: _sample(key, value, root, words) for key, value in node.get("properties", {}).items()}
    if kind == "array":
        return []
    if kind in {"number", "integer"}:
        return 0.9
    if kind == "boolean":
        return False
    return "en" if name == "language" else f"A {name} from the fake model."


def schema_of(body: Body) -> Body:
    """Return the JSON schema of a request in either dialect."""
    if isinstance(body.get("format"), dict):
        return dict(body["format"])
    described = body.get("response_format", {}).get("json_schema", {})
    return dict(described.get("schema", {}))


def sample_answer(body: Body) -> Body:
    """Answer any structured request correctly: the default of the server."""
    schema = schema_of(body)
    if "answers" in schema.get("properties", {}):
        return {"answers": bulk_entries(body)}
    words = " ".join(str(message["content"]) for message in body["messages"] if message["role"] == "user")
    answer = _sample("", schema, schema, words.lower())
    return answer if isinstance(answer, dict) else {}


def bulk_entries(body: Body) -> list[Body]:
    """One correct answer a ticket of a call about several, each by the words of its own message."""
    schema = schema_of(body)
    item = _resolve(schema["properties"]["answers"]["items"], schema)
    texts = [str(message["content"]) for message in body["messages"] if message["role"] == "user"]
    entries = []
    for name in item["properties"]["id"]["enum"]:
        words = next(text for text in texts if name in text).lower()
        entries.append({**_sample("", item, schema, words), "id": name})
    return entries


def sample_embeddings(body: Body) -> Body:
    """Answer a request for vectors: words are counted, so texts that share words are near each other."""
    size = int(body.get("dimensions", 64))
    data = []
    for index, text in enumerate(body["input"]):
        vector = [0.001] * size
        for word in str(text).lower().split():
            vector[zlib.crc32(word.encode()) % size] += 1.0
        data.append({"object": "embedding", "index": index, "embedding": vector})
    tokens = 10 * len(data)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": body.get("model", ""), "data": data, "usage": usage}


def _content(fault: Fault, answer: Body) -> str | None:
    """Return the text the model would have written."""
    changed: dict[Fault, Body] = {
        Fault.UNKNOWN_CATEGORY: {"category": "spaceships"},
        Fault.CONFIDENCE_7: {"confidence": 7},
        Fault.CONFIDENCE_TEXT: {"confidence": "very sure"},
    }
    text = json.dumps({**answer, **changed.get(fault, {})})
    texts: dict[Fault, str | None] = {
        Fault.REFUSAL: None,
        Fault.CONTENT_EMPTY: "",
        Fault.INVALID_JSON: text[:-2],
        Fault.LENGTH: text[: len(text) // 2],
        Fault.NAN: text.replace("0.9", "NaN"),
        Fault.DEEP_JSON: "[" * 60_000,
        Fault.MISSING_FIELD: json.dumps(dict(list(answer.items())[1:])),
        Fault.FENCED: f"```json\n{text}\n```",
        Fault.THINKING: f"<think>Let me see {{}}.</think>\n{text}",
    }
    return texts.get(fault, text)


class FakeLlmServer:
    """The server; starts in a thread on a free port of the local machine."""

    def __init__(self, answer: Answerer = sample_answer, *, port: int = 0, drip_seconds: float = 1.0) -> None:
        self.answer = answer
        self.embed: Answerer = sample_embeddings
        self.drip_seconds = drip_seconds
        self.requests: list[Recorded] = []
        self.standing_fault = Fault.NONE
        self.stopping = threading.Event()
        self._queued: deque[Fault] = deque()
        self._lock = threading.Lock()
        self._http = _QuietServer(("127.0.0.1", port), self._handler())

    @property
    def url(self) -> str:
        """The root of the server."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def faults(self, *faults: Fault) -> None:
        """Queue faults, one for each of the next requests."""
        with self._lock:
            self._queued.extend(faults)

    def always(self, fault: Fault) -> None:
        """Answer every request with the fault, until told otherwise."""
        self.standing_fault = fault

    def take(self, recorded: Recorded) -> Fault:
        """Record a request and return the fault that is due."""
        with self._lock:
            self.requests.append(recorded)
            return self._queued.popleft() if self._queued else self.standing_fault

    def reply(self, recorded: Recorded, fault: Fault) -> Reply:
        """Return the whole reply to a request."""
        if fault in _ERRORS:
            return _ERRORS[fault]()
        if fault is Fault.GZIP_BOMB:
            headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
            return Reply(_gzip_bomb(), 200, headers)
        if recorded.path.endswith("/embeddings"):
            return Reply(json.dumps(self.embed(recorded.body)).encode())
        ollama = recorded.path.endswith("/api/chat")
        body = self._ollama(recorded.body, fault) if ollama else self._chat(recorded.body, fault)
        if fault is Fault.OVERSIZED:
            body["padding"] = "x" * 400_000
        text = json.dumps(body).encode()
        if "gzip" in recorded.headers.get("accept-encoding", ""):
            headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
            return Reply(gzip.compress(text), 200, headers)
        return Reply(text)

    def _chat(self, body: Body, fault: Fault) -> Body:
        finish = {
            Fault.LENGTH: "length",
            Fault.CONTENT_FILTER: "content_filter",
            Fault.TOOL_CALLS: "tool_calls",
        }
        message = {
            "role": "assistant",
            "content": _content(fault, self.answer(body)),
            "refusal": "I cannot help with that." if fault is Fault.REFUSAL else None,
        }
        choice = {"index": 0, "finish_reason": finish.get(fault, "stop"), "message": message}
        choices: dict[Fault, Any] = {Fault.CHOICES_NULL: None, Fault.CHOICES_EMPTY: []}
        answer: Body = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": body.get("model", ""),
            "choices": choices.get(fault, [choice]),
        }
        if fault is not Fault.MISSING_USAGE:
            answer["usage"] = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
        return answer

    def _ollama(self, body: Body, fault: Fault) -> Body:
        characters = sum(len(message["content"]) for message in body["messages"])
        answer: Body = {
            "model": body.get("model", ""),
            "message": {"role": "assistant", "content": _content(fault, self.answer(body))},
            "done": True,
            "done_reason": "length" if fault is Fault.LENGTH else "stop",
        }
        if fault is not Fault.MISSING_USAGE:
            answer["prompt_eval_count"] = characters // 4
            answer["eval_count"] = 100
        if fault is Fault.TRUNCATED_PROMPT:
            answer["prompt_eval_count"] = characters // 20
        return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(_Handler):
            server_state = fake

        return Handler

    def start(self) -> FakeLlmServer:
        """Serve in the background."""
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Release whatever hangs, and stop."""
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> FakeLlmServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up: the faults are there to make them."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: FakeLlmServer

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""

    def _read_json(self) -> Body:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        decoded = json.loads(raw or b"{}")
        return decoded if isinstance(decoded, dict) else {}

    def do_PUT(self) -> None:
        """Set the standing fault from outside."""
        self.server_state.always(Fault(self._read_json().get("fault", "none")))
        self._send(Reply(b"{}"))

    def do_GET(self) -> None:
        """Show what has arrived so far."""
        shown = [{"path": item.path, "body": item.body} for item in self.server_state.requests]
        self._send(Reply(json.dumps(shown).encode()))

    def do_POST(self) -> None:
        """Answer a chat request, correctly or not."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        recorded = Recorded(self.path, headers, self._read_json())
        fault = self.server_state.take(recorded)
        try:
            self._answer(recorded, fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self, recorded: Recorded, fault: Fault) -> None:
        state = self.server_state
        if fault is Fault.HANG:
            state.stopping.wait(120)
        if fault in {Fault.HANG, Fault.DISCONNECT}:
            self.close_connection = True
            return
        reply = state.reply(recorded, fault)
        if fault is Fault.DRIP_HEADERS:
            self._drip(b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 500)
            return
        if fault is Fault.CUT_BODY:
            reply.headers["Content-Length"] = str(len(reply.body))
            reply.body = reply.body[:20]
            self._send(reply)
            self.close_connection = True
            return
        if fault is Fault.SLOW_DRIP:
            self._head(reply)
            self._drip(reply.body)
            return
        self._send(reply)

    def _head(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()

    def _send(self, reply: Reply) -> None:
        self._head(reply)
        self.wfile.write(reply.body)

    def _drip(self, data: bytes) -> None:
        for byte in data:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server_state.stopping.wait(self.server_state.drip_seconds):
                break
        self.close_connection = True


def refused_url() -> str:
    """Return an address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="A language model server that can fail in every way.")
    parser.add_argument("--port", type=int, default=9009)
    parser.add_argument("--fault", choices=[fault.value for fault in Fault], default=Fault.NONE.value)
    options = parser.parse_args()
    server = FakeLlmServer(port=options.port)
    server.always(Fault(options.fault))
    with server:
        sys.stdout.write(f"Serving at {server.url}; OPENAI_BASE_URL={server.url}/v1\n")
        sys.stdout.flush()
        try:
            server.stopping.wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
