"""Five schedulers in processes of their own find the same due clocks (S4), on PostgreSQL, where they meet."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from unittest import skipUnless

import pytest
from django.db import connection
from django.test import TransactionTestCase
from django.utils import timezone

from sla.models import Clock, Policy, Segment
from sla.services.checks import check_due
from sla.services.defaults import defaults_load
from teams.models import EscalationStep, Notification
from ticketing.models import Ticket, TicketEvent
from ticketing.tests.world import World

ROOT = Path(__file__).resolve().parents[1]
TICKETS = 40
ADDRESSES = ["first@example.org", "second@example.org"]
CHECK = """
import django, json, sys
django.setup()
from django.utils import timezone
from sla.services.checks import check_due
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(check_due(now=timezone.now())), flush=True)
"""


@pytest.mark.timeout(400)
@skipUnless(connection.vendor == "postgresql", "SQLite has one writer at a time; nothing meets there.")
class FiveSchedulerTests(TransactionTestCase):
    """One outbox row per clock, generation, level, channel and recipient; one escalation per breach."""

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        database = connection.settings_dict
        user, host, port = (database.get(key) or "" for key in ("USER", "HOST", "PORT"))
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": f"postgres://{user}@{host}:{port or 5432}/{database['NAME']}",
            "REDIS_URL": os.environ.get("TEST_REDIS_URL", ""),
            "VAR_DIR": self.folder.name,
            "LOG_LEVEL": "CRITICAL",
        }
        world = World()
        defaults_load()
        Policy.objects.update(actions=["notify", "raise_priority", "escalate"], warn_percents=[50, 75])
        for address in ADDRESSES:
            world.mail_target(world.network, address)
        EscalationStep.objects.create(team=world.network, target=world.hardware, position=1)
        for number in range(TICKETS):
            world.ticket(f"VPN of office {number}")
        Ticket.objects.update(team=world.network)
        # Opened forty hours ago: the responses are late, half of the time of the resolutions is used.
        opened = timezone.now() - timedelta(hours=40)
        Segment.objects.update(started_at=opened)
        Clock.objects.filter(kind="first_response").update(due_at=opened + timedelta(hours=24))
        later = {"due_at": opened + timedelta(hours=72), "warn_at": opened + timedelta(hours=36)}
        Clock.objects.filter(kind="resolution").update(**later)

    def scheduler(self) -> subprocess.Popen[str]:
        """A process that waits for the start and checks once."""
        process = subprocess.Popen(
            [sys.executable, "-c", CHECK],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.addCleanup(self.end, process)
        return process

    def end(self, process: subprocess.Popen[str]) -> None:
        """Nothing is left running."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def test_each_is_told_once_and_escalated_once(self) -> None:
        """S4: whoever comes first takes it; one is killed in the middle and costs nothing."""
        schedulers = [self.scheduler() for _ in range(5)]
        for process in schedulers:
            self.assertEqual(process.stdout.readline().strip(), "ready")
        for process in schedulers:
            process.stdin.write("go\n")
            process.stdin.flush()
        time.sleep(0.05)
        os.killpg(schedulers[0].pid, signal.SIGKILL)
        done = [json.loads(process.communicate()[0].splitlines()[-1]) for process in schedulers[1:]]
        self.assertLessEqual(sum(row["breached"] for row in done), TICKETS)
        # What the killed one held is due still, and found by the next tick.
        check_due(now=timezone.now())
        self.check_rows()

    def check_rows(self) -> None:
        """What the database says when all is done."""
        breached = Clock.objects.filter(kind="first_response", state="breached", actions_owed=False)
        self.assertEqual(breached.count(), TICKETS)
        self.assertEqual(Clock.objects.filter(kind="resolution", warned_percent=50).count(), TICKETS)
        keys = Counter(Notification.objects.values_list("event_key", "channel", "recipient"))
        self.assertEqual(set(keys.values()), {1})
        to_team = [key for key in keys if key[2] in ADDRESSES]
        self.assertEqual(sum(key[0].endswith(":breach") for key in to_team), TICKETS * len(ADDRESSES))
        raised = TicketEvent.objects.filter(verb="ticket.changed", field="priority")
        self.assertEqual(set(Counter(raised.values_list("ticket_id", flat=True)).values()), {1})
        moved = TicketEvent.objects.filter(verb="ticket.assigned", field="team")
        self.assertEqual(set(Counter(moved.values_list("ticket_id", flat=True)).values()), {1})
        self.assertEqual(raised.count(), TICKETS)
