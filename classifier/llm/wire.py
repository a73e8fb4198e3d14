"""The one way bytes leave for a provider: no redirects, no proxies, a deadline on every socket read,
and an answer that is cut off before it fills the memory, however well it is compressed.

The SDKs sit on two generations of one HTTP library; both accept a transport, so both get this one.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx
import httpx2

from classifier.llm.deadline import current_deadline
from classifier.llm.types import FailureKind, LlmError

MAX_ANSWER_BYTES = 256 * 1024
CONNECT_SECONDS = 3.0
MAX_IDLE = 100
KEEPALIVE_SECONDS = 30.0

RawHeaders = list[tuple[bytes, bytes]]

# What described the bytes on the wire no longer describes the decoded body.
_WIRE_HEADERS = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """A complete, decoded, bounded answer."""

    status: int
    headers: RawHeaders
    body: bytes


def _seconds_left(timeout: float | None) -> float | None:
    """Return the smaller of the library's timeout and what the call's deadline leaves."""
    deadline = current_deadline.get()
    if deadline is None:
        return timeout
    left = deadline.remaining()
    if left <= 0.0:
        raise httpcore.ReadTimeout("The deadline of the call has passed.")
    return left if timeout is None else min(timeout, left)


class _DeadlineStream(httpcore.NetworkStream):
    """A socket whose reads and writes stop at the deadline: a byte a second cannot restart the clock."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _seconds_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _seconds_left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, _seconds_left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _DeadlineBackend(httpcore.NetworkBackend):
    """Opens sockets of the kind above."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._backend.connect_tcp(host, port, _seconds_left(timeout), local_address, socket_options)
        return _DeadlineStream(stream)

    def sleep(self, seconds: float) -> None:
        raise NotImplementedError("Nothing in this layer sleeps.")


def _decompress(decoder: Any, chunk: bytes, limit: int) -> Iterator[bytes]:
    """Yield decoded pieces of one chunk, none of them longer than ``limit`` bytes."""
    while chunk:
        piece = decoder.decompress(chunk, limit)
        yield piece
        chunk = decoder.unconsumed_tail
        if not piece:
            return


def _bounded_body(chunks: Iterable[bytes], encoding: bytes, max_bytes: int) -> bytes:
    """Collect the decoded body.

    Raises:
        LlmError: oversized, as soon as one byte too many is there.
    """
    decoder = zlib.decompressobj(32 + zlib.MAX_WBITS) if encoding in {b"gzip", b"deflate"} else None
    body = bytearray()
    for chunk in chunks:
        pieces = (chunk,) if decoder is None else _decompress(decoder, chunk, max_bytes + 1)
        for piece in pieces:
            body += piece
            if len(body) > max_bytes:
                raise LlmError(FailureKind.OVERSIZED, f"The answer is longer than {max_bytes} bytes.")
    return bytes(body)


class Wire:
    """Connections that keep the rules of this module. Threads may share one wire.

    Each connection has a pool to itself, and a call takes one and gives it back. A common pool looks through
    all of its connections under one lock for every request; with a hundred threads waiting for a slow
    provider, a third of them stood at that lock.
    """

    def __init__(
        self, *, connect_seconds: float = CONNECT_SECONDS, max_answer_bytes: int = MAX_ANSWER_BYTES
    ) -> None:
        self._connect_seconds = connect_seconds
        self._max_answer_bytes = max_answer_bytes
        # Reading the certificates costs more than a call; the connections share what was read.
        self._certificates = httpcore.default_ssl_context()
        self._idle: list[httpcore.ConnectionPool] = []

    @contextmanager
    def _connection(self) -> Iterator[httpcore.ConnectionPool]:
        """A connection for one call: the one used last, else a new one."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = httpcore.ConnectionPool(
                ssl_context=self._certificates,
                max_connections=1,
                keepalive_expiry=KEEPALIVE_SECONDS,
                network_backend=_DeadlineBackend(),
            )
        try:
            yield connection
        finally:
            if len(self._idle) < MAX_IDLE:
                self._idle.append(connection)
            else:
                connection.close()

    def send(
        self, method: bytes, url: str, headers: RawHeaders, body: bytes, timeout: dict[str, Any]
    ) -> WireAnswer:
        """Send one request and return the whole answer.

        Raises:
            LlmError: timeout, connect, redirect or oversized.
        """
        try:
            return self._send(method, url, headers, body, timeout)
        except (httpcore.ReadTimeout, httpcore.WriteTimeout, httpcore.PoolTimeout) as error:
            raise LlmError(FailureKind.TIMEOUT, "The provider did not answer in time.") from error
        except (httpcore.ConnectTimeout, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise LlmError(FailureKind.CONNECT, f"No connection: {type(error).__name__}.") from error
        except zlib.error as error:
            raise LlmError(FailureKind.NOT_JSON, "The answer's compression is broken.") from error

    def _send(
        self, method: bytes, url: str, headers: RawHeaders, body: bytes, timeout: dict[str, Any]
    ) -> WireAnswer:
        kept = [(name, value) for name, value in headers if name.lower() != b"accept-encoding"]
        extensions = {"timeout": timeout | {"connect": self._connect_seconds}}
        wanted = [*kept, (b"accept-encoding", b"gzip")]
        with (
            self._connection() as connection,
            connection.stream(method, url, headers=wanted, content=body, extensions=extensions) as response,
        ):
            if 300 <= response.status < 400:
                raise LlmError(FailureKind.REDIRECT, "The provider redirects; correct its base URL.")
            named = {name.lower(): value for name, value in response.headers}
            encoding = named.get(b"content-encoding", b"").strip().lower()
            decoded = _bounded_body(response.iter_stream(), encoding, self._max_answer_bytes)
            answer_headers = [pair for pair in response.headers if pair[0].lower() not in _WIRE_HEADERS]
            return WireAnswer(response.status, answer_headers, decoded)

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()


class HttpxTransport(httpx.BaseTransport):
    """The wire for the groq SDK and for Ollama."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send through the wire."""
        answer = self._wire.send(
            request.method.encode(),
            str(request.url),
            request.headers.raw,
            request.read(),
            dict(request.extensions.get("timeout", {})),
        )
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)

    def close(self) -> None:
        """Close the wire."""
        self._wire.close()


class Httpx2Transport(httpx2.BaseTransport):
    """The wire for the openai SDK."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send through the wire."""
        answer = self._wire.send(
            request.method.encode(),
            str(request.url),
            request.headers.raw,
            request.read(),
            dict(request.extensions.get("timeout", {})),
        )
        return httpx2.Response(answer.status, headers=answer.headers, content=answer.body)

    def close(self) -> None:
        """Close the wire."""
        self._wire.close()


def httpx_client(wire: Wire, *, timeout_seconds: float, base_url: str = "") -> httpx.Client:
    """Return a client that ignores proxy variables, follows nothing and uses the wire."""
    return httpx.Client(
        transport=HttpxTransport(wire),
        base_url=base_url,
        timeout=timeout_seconds,
        follow_redirects=False,
        trust_env=False,
    )


def httpx2_client(wire: Wire, *, timeout_seconds: float) -> httpx2.Client:
    """Return the same for the other generation of the library."""
    return httpx2.Client(
        transport=Httpx2Transport(wire), timeout=timeout_seconds, follow_redirects=False, trust_env=False
    )
