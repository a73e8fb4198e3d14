"""The outbox: owed once, tried with growing pauses, given up where a person sees it (S4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from smtplib import SMTPServerDisconnected
from typing import Any
from unittest import mock

from django.core import mail
from django.test import TestCase
from django.utils import timezone

from common.registries import notification_renderers
from teams.choices import NotificationState
from teams.models import Notification
from teams.services.notifications import ATTEMPTS, notification_owe, notifications_deliver


def _plain(payload: Mapping[str, Any]) -> dict[str, str]:
    return {"subject": str(payload["subject"]), "text": "Text."}


def _broken(payload: Mapping[str, Any]) -> dict[str, str]:
    raise TypeError("A mistake in a renderer.")


class OutboxTests(TestCase):
    """Delivery."""

    def setUp(self) -> None:
        known = {"test.plain": _plain, "test.broken": _broken}
        patched = mock.patch.object(notification_renderers, "get", known.__getitem__)
        patched.start()
        self.addCleanup(patched.stop)

    def owe(self, kind: str = "test.plain", key: str = "one") -> Notification:
        """One message that is owed."""
        notification_owe(
            event_key=key, kind=kind, channel="email", recipient="a@example.org", payload={"subject": key}
        )
        return Notification.objects.get(event_key=key)

    def test_a_broken_message_stops_no_other_and_is_given_up_in_the_end(self) -> None:
        """S4: one row failing never stops a batch, and a person sees what could not be sent."""
        broken, whole = self.owe("test.broken", "broken"), self.owe("test.plain", "whole")
        self.assertEqual(notifications_deliver(now=timezone.now()), 1)
        whole.refresh_from_db()
        self.assertEqual(whole.state, NotificationState.SENT)
        for _ in range(ATTEMPTS):
            Notification.objects.update(next_at=timezone.now())
            notifications_deliver(now=timezone.now())
        broken.refresh_from_db()
        self.assertEqual((broken.state, broken.error), (NotificationState.FAILED, "TypeError"))
        self.assertEqual(broken.attempts, ATTEMPTS)

    def test_a_server_that_is_down_is_tried_again_later_with_the_same_message_id(self) -> None:
        """S4: the pauses grow; nothing is sent twice."""
        row = self.owe()
        down = mock.patch("django.core.mail.EmailMultiAlternatives.send")
        pauses = []
        with down as send:
            send.side_effect = SMTPServerDisconnected("down")
            for _ in range(3):
                Notification.objects.update(next_at=timezone.now())
                before = timezone.now()
                self.assertEqual(notifications_deliver(now=before), 0)
                row.refresh_from_db()
                pauses.append(row.next_at - before)
        self.assertEqual(notifications_deliver(now=timezone.now()), 0)
        self.assertGreater(pauses[1], pauses[0] * 1.9)
        Notification.objects.update(next_at=timezone.now())
        self.assertEqual(notifications_deliver(now=timezone.now()), 1)
        self.assertEqual(notifications_deliver(now=timezone.now()), 0)
        self.assertEqual(len(mail.outbox), 1)
        self.assertIn(row.uuid.hex, mail.outbox[0].extra_headers["Message-ID"])

    def test_a_message_that_kills_its_sender_every_time_is_given_up(self) -> None:
        """FACTS 1: attempts are counted before the send; a killed process reports nothing."""
        row = self.owe()
        past = timezone.now() - timedelta(minutes=5)
        Notification.objects.update(
            state=NotificationState.SENDING, attempts=ATTEMPTS, lease_until=past, next_at=past
        )
        self.assertEqual(notifications_deliver(now=timezone.now()), 0)
        row.refresh_from_db()
        self.assertEqual((row.state, row.attempts), (NotificationState.FAILED, ATTEMPTS))
