"""Posting to an address somebody typed in: never inwards, never for long (S5)."""

from __future__ import annotations

import socket
import time
from unittest import mock

import pytest

from common.outbound import OutboundError, post, url_check
from tests.fakes.webhook_server import WebhookServer


def resolving(*addresses: str):  # type: ignore[no-untyped-def]
    """Every name has these addresses."""
    family = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]
    found = [(kind, 1, 6, "", (address, 443)) for kind, address in zip(family, addresses, strict=True)]
    return mock.patch("common.outbound.socket.getaddrinfo", return_value=found)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.9", "172.16.4.4", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1", "2002:7f00:1::", "2001:0:5ef5:79fb::1", "ff02::1", "192.88.99.1", "198.18.0.1",
        "fec0::1", "3fff::1", "168.63.129.16", "::ffff:168.63.129.16", "::7f00:1", "::ffff:0:7f00:1",
        "fd00:ec2::254",
    ],
)  # fmt: skip
def test_a_name_that_leads_inwards_is_refused(address: str) -> None:
    """S5: private, local and special ranges, also hidden inside other addresses."""
    with resolving(address), pytest.raises(OutboundError) as refused:
        url_check("https://hooks.example.org/x", allow_private=False)
    assert refused.value.permanent


def test_one_inward_address_among_public_ones_is_enough() -> None:
    """A name that has both would be a lottery."""
    with resolving("93.184.216.34", "127.0.0.1"), pytest.raises(OutboundError):
        url_check("https://hooks.example.org/x", allow_private=False)


def test_a_public_name_is_let_through_with_the_address_it_was_judged_by() -> None:
    """The connection goes to this address."""
    with resolving("93.184.216.34"):
        assert url_check("https://hooks.example.org/x", allow_private=False).address == "93.184.216.34"


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "file:///etc/passwd",
        "https://u:p@hooks.example.org/",
        "https://",
        "https://h:x/",
    ],
)
def test_other_schemes_and_user_names_are_refused(url: str) -> None:
    """S5: only https to a named host."""
    with resolving("93.184.216.34"), pytest.raises(OutboundError):
        url_check(url, allow_private=False)


def test_an_address_that_is_not_ascii_is_refused_as_such() -> None:
    """S5: callers wait for this error alone; any other ends their work."""
    for url in ("https://hooks.example.org/caf\u00e9", "https://hooks.example.org/?q=\u00fc"):
        with resolving("93.184.216.34"), pytest.raises(OutboundError) as refused:
            post(url, b"{}", {}, allow_private=False)
        assert refused.value.permanent


def test_a_name_that_changes_its_mind_does_not_lead_inwards() -> None:
    """S5, DNS rebinding: the name is asked once, and the connection goes where that answer said."""
    opened: list[str] = []

    def connect(self: object, host: str, *_: object, **__: object) -> None:
        opened.append(host)
        raise OSError("Nothing is really opened.")

    with (
        resolving("93.184.216.34") as asked,
        mock.patch("httpcore.SyncBackend.connect_tcp", connect),
        pytest.raises(OutboundError),
    ):
        post("https://rebind.example.org/x", b"{}", {}, allow_private=False)
    assert opened == ["93.184.216.34"]
    assert asked.call_count == 1


def test_at_connect_time_a_private_address_is_refused_too() -> None:
    """S5: what was public when it was saved may have become private."""
    with WebhookServer() as server:
        with pytest.raises(OutboundError):
            post(server.url.replace("http", "https"), b"{}", {}, allow_private=False)
        assert server.received == []


def test_a_redirect_is_not_followed() -> None:
    """S5: it could lead inwards."""
    with WebhookServer() as inner, WebhookServer(status=302, headers={"location": inner.url}) as outer:
        with pytest.raises(OutboundError) as refused:
            post(outer.url, b"{}", {}, allow_private=True)
        assert refused.value.status == 302
        assert inner.received == []


def test_proxy_variables_are_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS 11."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with WebhookServer() as server:
        assert post(server.url, b"{}", {}, allow_private=True) == 200


def test_a_byte_now_and_then_does_not_restart_the_clock() -> None:
    """FACTS 8: the deadline is one of the wall clock."""
    with WebhookServer(dribble_seconds=0.05) as server:
        started = time.monotonic()
        with pytest.raises(OutboundError):
            post(server.url, b"{}", {}, allow_private=True, deadline_seconds=0.4)
        assert time.monotonic() - started < 10


def test_an_endless_answer_is_cut() -> None:
    """FACTS 11: an answer may not fill the memory."""
    with WebhookServer(body=b"x" * 1_000_000) as server, pytest.raises(OutboundError) as refused:
        post(server.url, b"{}", {}, allow_private=True)
    assert "longer" in refused.value.message
