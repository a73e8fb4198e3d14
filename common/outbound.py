"""Posting to an address somebody typed in: never inwards, never for long, never more than a little back.

The name is resolved once, every address it has is judged, and the connection goes to the judged one, so that
a name which answers differently the second time (DNS rebinding) leads nowhere. No redirects, no proxies.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore

DEADLINE_SECONDS: Final = 10.0
ANSWER_BYTES: Final = 64 * 1024
_ERROR_TEXT = 200
_NOT_OURS = tuple(
    ipaddress.ip_network(text)
    # Addresses that carry another one inside: translated, tunnelled, relayed.
    for text in (
        "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "192.88.99.0/24",
        # Site-local addresses and the second range for documentation, which ``ipaddress`` takes for public.
        "fec0::/10", "3fff::/20",
        # The host of a virtual machine at Azure: a public number that is answered inside.
        "168.63.129.16/32",
    )
)  # fmt: skip


class OutboundError(Exception):
    """The message did not arrive. ``permanent``: trying again cannot help; ``status``: the HTTP answer."""

    def __init__(
        self, message: str, *, status: int | None = None, permanent: bool = False, retry_after: int = 0
    ) -> None:
        self.message, self.status, self.permanent, self.retry_after = message, status, permanent, retry_after
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Place:
    """A checked address: where the connection goes and by which name."""

    host: str
    port: int
    address: str


def url_check(url: str, *, allow_private: bool) -> Place:
    """Resolve a URL and judge where it leads. Blocks for as long as the resolver does.

    Raises OutboundError (permanent) for another scheme, for user names or other letters than ASCII in it, and
    for a host that has an address of a private, local or otherwise special range; not permanent for a name
    that is not found.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OutboundError("The address is not a valid URL.", permanent=True) from None
    schemes = {"https", "http"} if allow_private else {"https"}
    if parts.scheme not in schemes or not parts.hostname:
        raise OutboundError("The address must begin with https:// and name a host.", permanent=True)
    if not url.isascii():
        raise OutboundError("Write the address in ASCII: xn-- names and percent codes.", permanent=True)
    if parts.username or parts.password:
        raise OutboundError("The address may not hold a user name or password.", permanent=True)
    port = port or (443 if parts.scheme == "https" else 80)
    addresses = _resolve(parts.hostname, port)
    if not allow_private and any(not _is_public(address) for address in addresses):
        raise OutboundError("The address leads into a private network.", permanent=True)
    return Place(parts.hostname, port, addresses[0])


def _resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OutboundError("The host of the address cannot be found.") from None
    return [str(entry[4][0]) for entry in found]


def _is_public(text: str) -> bool:
    """Whether an address is one of the open Internet."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in _NOT_OURS if network.version == address.version):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_private: bool,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> int:
    """Post and return the status of an answer below 300. Everything together ends at the deadline.

    Only the resolver cannot be interrupted: callers that must not wait for it run this in a thread they can
    leave. Raises OutboundError.
    """
    until = time.monotonic() + deadline_seconds
    place = url_check(url, allow_private=allow_private)
    pool = httpcore.ConnectionPool(network_backend=_Pinned(place, until), max_connections=1)
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    sent += [(b"host", _host_header(url)), (b"user-agent", b"Switchyard"), (b"accept-encoding", b"identity")]
    try:
        with pool, pool.stream("POST", url, headers=sent, content=body) as answer:
            status, text = answer.status, _text(answer.iter_stream())
            found = {name.lower(): value for name, value in answer.headers}
    except (httpcore.TimeoutException, TimeoutError):
        raise OutboundError("The receiver did not answer in time.") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError) as error:
        raise OutboundError(f"No connection: {type(error).__name__}.") from error
    if status < 300:
        return status
    raise OutboundError(
        f"The receiver answered {status}. {text}".strip(),
        status=status,
        permanent=status == 410,
        retry_after=_seconds(found.get(b"retry-after", b"")),
    )


def _host_header(url: str) -> bytes:
    return urlsplit(url).netloc.encode("ascii")


def _text(chunks: Iterable[bytes]) -> str:
    """The first words of an answer; more than the cap is an error, not memory."""
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > ANSWER_BYTES:
            raise OutboundError(f"The answer is longer than {ANSWER_BYTES} bytes.")
    return " ".join(bytes(body[: 4 * _ERROR_TEXT]).decode("utf-8", "replace").split())[:_ERROR_TEXT]


def _seconds(value: bytes) -> int:
    return int(value) if value.isdigit() and len(value) < 6 else 0


class _Pinned(httpcore.NetworkBackend):
    """Connects to the judged address, whatever the name says by now; TLS still checks the name."""

    def __init__(self, place: Place, until: float) -> None:
        self._place, self._until = place, until
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        address, left = self._place.address, _left(self._until)
        stream = self._backend.connect_tcp(address, port, left, local_address, socket_options)
        return _Timed(stream, self._until)

    def sleep(self, seconds: float) -> None:
        raise NotImplementedError("Nothing here waits before trying again.")


class _Timed(httpcore.NetworkStream):
    """A socket whose every operation ends at the deadline: a byte a second does not restart the clock."""

    def __init__(self, stream: httpcore.NetworkStream, until: float) -> None:
        self._stream, self._until = stream, until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._until))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._until))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        inner = self._stream.start_tls(ssl_context, server_hostname, _left(self._until))
        return _Timed(inner, self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("The deadline has passed.")
    return left
