"""A mail server of its own: takes what it is given, can be down, and can hang before it confirms."""

from __future__ import annotations

import email
import socketserver
import threading
from email.message import Message


class SmtpServer:
    """Listens on a free port of this machine while it is entered; ``hang`` keeps the last word back."""

    def __init__(self, port: int = 0) -> None:
        self.received: list[Message] = []
        self.hang = threading.Event()
        self.reached, self.released = threading.Event(), threading.Event()
        fake = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                fake._serve(self.rfile, self.wfile)

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> SmtpServer:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, rfile, wfile) -> None:  # type: ignore[no-untyped-def]
        def say(line: str) -> None:
            wfile.write(line.encode() + b"\r\n")
            wfile.flush()

        say("220 fake")
        for raw in rfile:
            word = raw.decode("latin-1").strip().upper()
            if word.startswith("DATA"):
                say("354 go on")
                self._take(rfile)
                if self.hang.is_set():
                    self.reached.set()
                    self.released.wait(60)
                    return
                say("250 taken")
            elif word.startswith("QUIT"):
                say("221 bye")
                return
            else:
                say("250 ok")

    def _take(self, rfile) -> None:  # type: ignore[no-untyped-def]
        lines = []
        for raw in rfile:
            if raw == b".\r\n":
                break
            lines.append(raw[1:] if raw.startswith(b"..") else raw)
        self.received.append(email.message_from_bytes(b"".join(lines)))
