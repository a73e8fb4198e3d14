"""A receiver of webhooks: keeps what it gets, answers as told, and can dribble or hang."""

from __future__ import annotations

import http.server
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Received:
    """One request."""

    headers: dict[str, str]
    body: bytes


@dataclass
class WebhookServer:
    """Listens on a free port of this machine while it is entered."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    dribble_seconds: float = 0.0
    received: list[Received] = field(default_factory=list)

    def __enter__(self) -> WebhookServer:
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                names = {name.lower(): value for name, value in self.headers.items()}
                fake.received.append(Received(names, body))
                self.send_response(fake.status)
                for name, value in fake.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                fake.answer(self.wfile)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def answer(self, out) -> None:  # type: ignore[no-untyped-def]
        """Send the body, a byte at a time where it dribbles."""
        try:
            if not self.dribble_seconds:
                out.write(self.body)
                return
            for _ in range(1000):
                out.write(b".")
                out.flush()
                time.sleep(self.dribble_seconds)
        except OSError:
            return

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"
