"""Everything on one machine: database, web, worker and scheduler, until interrupted (O1)."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

HOST = "127.0.0.1"
_STOP_SECONDS = 15.0
_RESTART_SECONDS = (1.0, 2.0, 5.0, 15.0)


class Child:
    """One process that is started again when it ends by itself."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._log = log
        self._failures = 0
        self._next_start = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def tend(self, now: float) -> bool:
        """Start when it does not run and its pause is over; True when it had ended by itself."""
        if self.process is not None and self.process.poll() is None:
            return False
        ended = self.process is not None
        if ended:
            self.process = None
            self._next_start = now + _RESTART_SECONDS[min(self._failures, len(_RESTART_SECONDS) - 1)]
            self._failures += 1
        if now >= self._next_start:
            self._start()
        return ended

    def _start(self) -> None:
        """In a session of its own, so that Ctrl-C reaches only the parent, which stops them in order."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  fixed commands
                self._command,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=settings.BASE_DIR,
                start_new_session=True,
            )

    def stop(self, deadline: float) -> None:
        """Ask politely, then insist."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Command(BaseCommand):
    """``manage.py serve``."""

    help = "Prepare the database, start web, worker and scheduler, load the demo, serve until interrupted."

    def add_arguments(self, parser: Any) -> None:
        """Options."""
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
        parser.add_argument("--threads", type=int, default=8, help="Threads of the web process.")
        parser.add_argument("--workers", type=int, default=3, help="Threads of the worker.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, start, load, wait."""
        port: int = options["port"]
        self._check_port(port)
        self._prepare()
        children = self._children(port, options["threads"], options["workers"])
        signal.signal(signal.SIGTERM, self._interrupt)
        try:
            for child in children:
                child.tend(time.monotonic())
            self._wait_for_web(port, children)
            self._load_demo(children)
            self._ready(port)
            self._watch(children)
        except KeyboardInterrupt:
            self.stdout.write("\nStopping …")
        finally:
            # A second Ctrl-C must not leave children behind.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            deadline = time.monotonic() + _STOP_SECONDS
            for child in reversed(children):
                child.stop(deadline)

    @staticmethod
    def _interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    def _check_port(self, port: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise CommandError(
                    f"Port {port} is taken. Stop what listens there, or choose another: PORT=8001 make run"
                ) from error

    def _prepare(self) -> None:
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        self._log_to_file()
        self.stdout.write("Preparing the database …")
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        call_command("load_defaults", verbosity=0)

    def _log_to_file(self) -> None:
        """The terminal shows how far the start is; what the application logs of it stands with the others."""
        logs = settings.VAR_DIR / "log"
        logs.mkdir(exist_ok=True)
        for handler in logging.getLogger().handlers:
            if type(handler) is logging.StreamHandler:
                handler.setStream((logs / "serve.log").open("a", encoding="utf-8"))

    def _children(self, port: int, threads: int, workers: int) -> list[Child]:
        logs = settings.VAR_DIR / "log"
        environment = {**os.environ, "DEMO": "1" if settings.DEMO else "0", "PYTHONUNBUFFERED": "1"}
        environment.setdefault("SITE_URL", f"http://{HOST}:{port}")
        python = [sys.executable, "-m"]
        web = [*python, "gunicorn", "config.wsgi", "--bind", f"{HOST}:{port}", "--worker-class", "gthread"]
        web += ["--threads", str(threads), "--timeout", "60", "--graceful-timeout", "10"]
        celery = [*python, "celery", "-A", "config"]
        worker = [*celery, "worker", "-P", "threads", "-c", str(workers)]
        worker += ["--without-mingle", "--without-gossip"]
        beat = [*celery, "beat", "--pidfile", ""]
        commands = {"web": web, "worker": worker, "beat": beat}
        return [Child(name, command, environment, logs / f"{name}.log") for name, command in commands.items()]

    def _wait_for_web(self, port: int, children: list[Child]) -> None:
        """Until the web process accepts connections."""
        for _ in range(600):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.settimeout(1)
                if probe.connect_ex((HOST, port)) == 0:
                    return
            web = children[0].process
            if web is not None and web.poll() is not None:
                raise CommandError(f"The web process ended; see {settings.VAR_DIR / 'log' / 'web.log'}.")
            time.sleep(0.1)
        raise CommandError("The web process did not start within a minute.")

    def _load_demo(self, children: list[Child]) -> None:
        """Load the demo through the worker that was just started; what ends meanwhile is started again."""
        if not settings.DEMO:
            return
        loading = subprocess.Popen(
            [sys.executable, "manage.py", "load_demo"],
            cwd=settings.BASE_DIR,
            env={**os.environ, "DEMO": "1", "LOG_LEVEL": "WARNING"},
        )
        try:
            while loading.poll() is None:
                self._tend(children)
                time.sleep(0.5)
        finally:
            if loading.poll() is None:
                loading.terminate()
                loading.wait()
        if loading.returncode:
            self.stderr.write("The demo could not be loaded; the application serves without it.")

    def _ready(self, port: int) -> None:
        self.stdout.write(self.style.SUCCESS(f"\nSwitchyard is ready: http://{HOST}:{port}/"))
        if settings.DEMO:
            self.stdout.write(
                "Sign in as admin, lead, agent or requester (one client) or other-lead (another client),\n"
                "password switchyard-demo. The admin is at /admin/, the desk at /desk/, the portal at\n"
                "/portal/, the API documentation at /api/v1/docs."
            )
        self.stdout.write(f"Logs are in {settings.VAR_DIR / 'log'}. Press Ctrl-C to stop.")

    def _watch(self, children: list[Child]) -> None:
        while True:
            self._tend(children)
            time.sleep(0.5)

    def _tend(self, children: list[Child]) -> None:
        for child in children:
            if child.tend(time.monotonic()):
                self.stderr.write(f"The {child.name} process ended and is started again.")
