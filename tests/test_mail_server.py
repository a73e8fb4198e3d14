"""A mail server that goes down, a sender that is killed: each message arrives, once or under one id (S4)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from django.db import connection
from django.test import TransactionTestCase, override_settings
from django.utils import timezone

from teams.choices import NotificationState
from teams.models import Notification, NotificationTarget, Team
from teams.services.notifications import notification_tell, notifications_deliver
from teams.services.targets import target_save
from tests.fakes.smtp_server import SmtpServer

ROOT = Path(__file__).resolve().parents[1]
SMTP = "django.core.mail.backends.smtp.EmailBackend"
ALERT = {
    "rule": "r",
    "subject_of_alert": "",
    "message": "M",
    "severity": "info",
    "since": "2026-01-01T00:00:00+00:00",
}
SEND = (
    "import django; django.setup(); from django.utils import timezone; "
    "from teams.services.notifications import notifications_deliver as d; print(d(now=timezone.now()))"
)


class MailServerTests(TransactionTestCase):
    """Real processes and a real socket."""

    def setUp(self) -> None:
        self.team = Team.objects.create(slug="network", name="Network")

    def owe(self, count: int) -> None:
        """So many messages to as many addresses."""
        for number in range(count):
            target_save(
                target=NotificationTarget(team=self.team, address=f"n{number}@example.org", kinds=["alert"])
            )
        notification_tell(event_key="x", kind="alert.raised", payload=ALERT, team=self.team)

    def environment(self, port: int, folder: str) -> dict[str, str]:
        """Settings of a process of its own on the test's database."""
        database = connection.settings_dict
        if connection.vendor == "sqlite":
            url = f"sqlite:///{database['NAME']}"
        else:
            user, host, to = (database.get(key) or "" for key in ("USER", "HOST", "PORT"))
            url = f"postgres://{user}@{host}:{to or 5432}/{database['NAME']}"
        return {
            **os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": url, "VAR_DIR": folder,
            "REDIS_URL": "", "EMAIL_BACKEND": SMTP, "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(port),
            "LOG_LEVEL": "ERROR", "SLACK_WEBHOOK_URL": "",
        }  # fmt: skip

    def test_a_server_that_is_down_for_ten_minutes_loses_nothing_and_doubles_nothing(self) -> None:
        """S4: forty passes against a closed port, then everything arrives once."""
        self.owe(30)
        with SmtpServer() as gone:
            port = gone.port
        now = timezone.now()
        with override_settings(EMAIL_BACKEND=SMTP, EMAIL_HOST="127.0.0.1", EMAIL_PORT=port):
            for tick in range(40):
                self.assertEqual(notifications_deliver(now=now + timedelta(seconds=15 * tick)), 0)
            self.assertEqual(Notification.objects.filter(state=NotificationState.FAILED).count(), 0)
            with SmtpServer(port) as server:
                sent = notifications_deliver(now=now + timedelta(hours=2))
                again = notifications_deliver(now=now + timedelta(hours=3))
        self.assertEqual((sent, again), (30, 0))
        self.assertEqual(len({message["To"] for message in server.received}), 30)
        self.assertEqual(len(server.received), 30)

    def test_a_sender_killed_before_the_confirmation_is_followed_by_one_with_the_same_id(self) -> None:
        """S4, FACTS 1: at least once; the double carries one Message-ID, so that it can be dropped."""
        self.owe(1)
        with SmtpServer() as server, tempfile.TemporaryDirectory() as folder:
            server.hang.set()
            process = subprocess.Popen(
                [sys.executable, "-c", SEND], cwd=ROOT, env=self.environment(server.port, folder),
                start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            self.addCleanup(process.wait)
            self.assertTrue(server.reached.wait(45), "The sender never reached the server.")
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            server.hang.clear()
            row = Notification.objects.get()
            self.assertEqual((row.state, row.attempts), (NotificationState.SENDING, 1))
            Notification.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
            done = subprocess.run(
                [sys.executable, "-c", SEND], cwd=ROOT, env=self.environment(server.port, folder),
                capture_output=True, text=True, check=True,
            )  # fmt: skip
        self.assertEqual(done.stdout.strip().splitlines()[-1], "1")
        ids = [message["Message-ID"] for message in server.received]
        self.assertEqual(len(ids), 2)
        self.assertEqual(len(set(ids)), 1)
        self.assertEqual(Notification.objects.get().state, NotificationState.SENT)

    def test_two_senders_at_once_send_each_message_once(self) -> None:
        """S4: the claim decides."""
        self.owe(25)
        with SmtpServer() as server, tempfile.TemporaryDirectory() as folder:
            senders = [
                subprocess.Popen(
                    [sys.executable, "-c", SEND], cwd=ROOT, env=self.environment(server.port, folder),
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                )
                for _ in range(2)
            ]  # fmt: skip
            outputs = [sender.communicate(timeout=90) for sender in senders]
        counts = [int(out.strip().splitlines()[-1]) for out, _ in outputs]
        self.assertEqual(sum(counts), 25, outputs)
        self.assertEqual(len(server.received), 25)
        self.assertEqual(len({message["Message-ID"] for message in server.received}), 25)
