"""kill -9 of a working worker loses no ticket, triages none twice and leaves none stuck (C2, FACTS 6)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from django.db import connection
from django.test import TransactionTestCase

from classifier.models import WorkflowRun
from classifier.tests.support import load_world, open_ticket
from ticketing.choices import TriageIntent
from ticketing.models import Ticket, TicketEvent

ROOT = Path(__file__).resolve().parents[1]
TICKETS = 40
DEADLINE_SECONDS = 45.0


class WorkerKillTests(TransactionTestCase):
    """Two real workers on the file-system broker, the first killed in the middle."""

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        database = connection.settings_dict
        if connection.vendor == "sqlite":
            url = f"sqlite:///{database['NAME']}"
        else:
            user, host, port = (database.get(key) or "" for key in ("USER", "HOST", "PORT"))
            url = f"postgres://{user}@{host}:{port or 5432}/{database['NAME']}"
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": url,
            "VAR_DIR": self.folder.name,
            "REDIS_URL": "",
            "RUN_LEASE_SECONDS": "3",
            "LOG_LEVEL": "ERROR",
        }

    def worker(self) -> subprocess.Popen[bytes]:
        """A worker in a process group of its own."""
        command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-P", "threads", "-c", "2"]
        process = subprocess.Popen(
            [*command, "-l", "ERROR", "--without-mingle", "--without-gossip"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.addCleanup(self.kill, process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End the whole group without a chance to clean up."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def sweep(self) -> None:
        """What beat does every thirty seconds."""
        code = "import django; django.setup(); from classifier.tasks import sweep; sweep()"
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=self.environment, check=True)

    def finished(self) -> int:
        """How many tickets are triaged."""
        return Ticket.objects.exclude(triaged_at=None).count()

    def wait_for(self, count: int) -> None:
        """Until so many tickets are triaged."""
        until = time.monotonic() + DEADLINE_SECONDS
        while self.finished() < count:
            if time.monotonic() > until:
                waiting = WorkflowRun.objects.exclude(state="completed")
                states = list(waiting.values_list("purpose", "state", "attempts", "error"))
                self.fail(f"{self.finished()} of {count} tickets were triaged in time: {states}")
            time.sleep(0.05)

    def test_every_ticket_ends_triaged_once(self) -> None:
        """C2: the row records what is owed; the message is only a nudge."""
        client, _ = load_world()
        for number in range(TICKETS):
            open_ticket(
                client,
                f"The VPN of office {number} does not connect since the update.",
                requester=f"u-{number}",
                intent=TriageIntent.BACKGROUND,
            )
        self.sweep()
        first = self.worker()
        self.wait_for(3)
        self.kill(first)
        self.assertLess(self.finished(), TICKETS, "The worker was killed too late to prove anything.")
        time.sleep(3.5)
        self.sweep()
        self.worker()
        self.wait_for(TICKETS)
        runs = Counter(WorkflowRun.objects.filter(purpose="triage").values_list("ticket_id", "state"))
        self.assertEqual(set(runs.values()), {1})
        self.assertEqual({state for _, state in runs}, {"completed"})
        doubled = Counter(TicketEvent.objects.filter(verb="ticket.triaged").values_list("ticket_id", "field"))
        self.assertLessEqual(max(doubled.values(), default=1), 1)
