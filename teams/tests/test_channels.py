"""Channels, preferences, caps and back-off of the outbox (S4, S5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any
from unittest import mock

from cryptography.fernet import Fernet
from django.contrib.auth.models import Group as AuthGroup
from django.core import mail
from django.test import TestCase, override_settings
from django.utils import timezone

from common.exceptions import ValidationFailed
from common.registries import Obsolete, notification_renderers
from teams.choices import Group, NotificationState
from teams.models import Alert, Client, Notification, NotificationTarget, Team, User
from teams.services.channels import one_line
from teams.services.notifications import (
    notification_owe,
    notification_replay,
    notification_tell,
    notifications_deliver,
)
from teams.services.signing import webhook_headers
from teams.services.sorting import render_collected
from teams.services.targets import PAUSE_AFTER, target_resume, target_save
from teams.services.timing import digest_due, quiet_end
from tests.fakes.webhook_server import WebhookServer

KEY = Fernet.generate_key().decode()
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def _plain(payload: Mapping[str, Any]) -> dict[str, str]:
    words = str(payload.get("subject") or payload["message"])
    return {"subject": words, "text": f"{words}\n\nMore words."}


def _gone(payload: Mapping[str, Any]) -> dict[str, str]:
    raise Obsolete("The ticket is gone.")


KNOWN = {
    "sla.warning": _plain,
    "sla.gone": _gone,
    "ticket.assigned": _plain,
    "requester.reply": _plain,
    "alert.raised": _plain,
    "alert.resolved": _plain,
    "notice.collected": render_collected,
}


@override_settings(CREDENTIAL_KEYS=[KEY], WEBHOOK_ALLOW_PRIVATE_ADDRESSES=True)
class OutboxCase(TestCase):
    """A team, a person, and renderers of the test's own."""

    def setUp(self) -> None:
        patched = mock.patch.object(notification_renderers, "get", KNOWN.__getitem__)
        patched.start()
        self.addCleanup(patched.stop)
        self.team = Team.objects.create(slug="network", name="Network")
        self.person = User.objects.create_user("ada", "ada@example.org", "x", time_zone="Europe/Berlin")
        self.now = timezone.now()

    def target(
        self, url: str = "", channel: str = "email", secret: str = "", **more: Any
    ) -> NotificationTarget:
        """A target of the team, or of whom ``more`` names."""
        values = {"team": self.team, "channel": channel, "address": "team@example.org", **more}
        return target_save(target=NotificationTarget(**values), url=url, signing_secret=secret)

    def tell(self, key: str = "one", kind: str = "sla.warning", **more: Any) -> int:
        """Tell the team."""
        return notification_tell(
            event_key=key, kind=kind, payload={"subject": f"Subject {key}"}, **{"team": self.team, **more}
        )

    def due_now(self) -> None:
        """Let time pass for everything that waits."""
        Notification.objects.update(next_at=timezone.now())
        NotificationTarget.objects.update(next_at=None)


class ChannelTests(OutboxCase):
    """The form of each channel."""

    def test_the_signature_is_that_of_the_standard(self) -> None:
        """S5: computed with the reference library for this secret, id and time."""
        headers = webhook_headers(
            secret=SECRET, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330,
            body=b'{"test": 2432232314}',
        )  # fmt: skip
        self.assertEqual(headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")

    def test_a_webhook_keeps_its_id_over_retries_and_is_signed(self) -> None:
        """S4: webhooks carry one id."""
        with WebhookServer(status=500) as server:
            self.target(server.url, "webhook", SECRET)
            self.tell()
            self.assertEqual(notifications_deliver(now=timezone.now()), 0)
            server.status = 200
            self.due_now()
            self.assertEqual(notifications_deliver(now=timezone.now()), 1)
            first, second = server.received
        self.assertEqual(first.headers["webhook-id"], second.headers["webhook-id"])
        for got in (first, second):
            signed = webhook_headers(
                secret=SECRET, message_id=got.headers["webhook-id"],
                timestamp=int(got.headers["webhook-timestamp"]), body=got.body,
            )  # fmt: skip
            self.assertEqual(got.headers["webhook-signature"], signed["webhook-signature"])
        self.assertEqual(json.loads(first.body)["type"], "sla.warning")
        tries = Notification.objects.get().tries.order_by("pk")
        self.assertEqual([(row.succeeded, row.status) for row in tries], [(False, 500), (True, 200)])

    def test_chat_text_cannot_ring_the_channel(self) -> None:
        """S5: Slack's own signs in a ticket's subject are text."""
        with WebhookServer() as server:
            self.target(server.url, "slack")
            self.target(server.url, "msteams")
            self.tell("<!channel> & co")
            self.assertEqual(notifications_deliver(now=timezone.now()), 2)
            bodies = [json.loads(got.body) for got in server.received]
        slack = next(body for body in bodies if "text" in body)
        self.assertIn("&lt;!channel&gt; &amp; co", slack["text"])
        card = next(body for body in bodies if "attachments" in body)["attachments"][0]["content"]
        self.assertEqual(card["body"][0]["inlines"][0]["text"], "Subject <!channel> & co")

    def test_a_subject_is_one_line_without_hidden_signs(self) -> None:
        """FACTS: the subject of a mail is a header."""
        self.assertEqual(one_line("A\r\nBcc: x@y\u202e\u200b  b" + "c" * 300)[:14], "A Bcc: x@y bcc")
        self.target()
        notification_tell(
            event_key="x",
            kind="sla.warning",
            payload={"subject": "A\r\nBcc: evil@example.org"},
            team=self.team,
        )
        self.assertEqual(notifications_deliver(now=timezone.now()), 1)
        self.assertEqual(mail.outbox[0].subject, "A Bcc: evil@example.org")
        self.assertEqual(mail.outbox[0].recipients(), ["team@example.org"])

    def test_secrets_are_kept_encrypted_and_only_the_host_is_shown(self) -> None:
        """NotificationTarget: the URL of a chat channel is a secret."""
        with WebhookServer() as server:
            row = self.target(server.url + "/token-1234", "slack")
        self.assertEqual(row.address, "127.0.0.1")
        self.assertNotIn(b"token-1234", bytes(row.secret_url or b""))

    @override_settings(WEBHOOK_ALLOW_PRIVATE_ADDRESSES=False)
    def test_an_inward_address_is_refused_when_it_is_saved(self) -> None:
        """S5."""
        for url in ("https://127.0.0.1/x", "https://localhost/x", "http://hooks.example.org/"):
            with self.subTest(url=url), self.assertRaises(ValidationFailed):
                self.target(url, "slack")

    def test_what_has_lost_its_reason_is_skipped_with_the_reason(self) -> None:
        """Nothing is lost silently."""
        self.target()
        self.tell(kind="sla.gone")
        notifications_deliver(now=timezone.now())
        row = Notification.objects.get()
        self.assertEqual((row.state, row.error), (NotificationState.SKIPPED, "The ticket is gone."))


class IsolationTests(OutboxCase):
    """One receiver never costs another."""

    def test_a_hanging_receiver_keeps_back_only_its_own(self) -> None:
        """FACTS: a slow webhook receiver slows neither requests nor other recipients."""
        with WebhookServer(dribble_seconds=0.05) as slow, WebhookServer() as quick:
            self.target(slow.url, "webhook", name="slow")
            self.target(quick.url, "webhook", name="quick")
            self.target()
            for number in range(5):
                self.tell(str(number))
            with mock.patch("teams.services.channels.post", _post_briefly):
                self.assertEqual(notifications_deliver(now=timezone.now()), 10)
            self.assertEqual(len(slow.received), 1)
            self.assertEqual(len(quick.received), 5)
        waiting = Notification.objects.filter(target__name="slow")
        self.assertEqual(sorted(waiting.values_list("attempts", flat=True)), [0, 0, 0, 0, 1])

    def test_a_dead_mail_server_keeps_nothing_else_back(self) -> None:
        """S5: more mails are due than a pass takes; a webhook that is due after them still goes out."""
        for number in range(6):
            notification_owe(
                event_key=f"m{number}", kind="sla.warning", channel="email",
                recipient=f"{number}@example.org", payload={"message": "x"},
                not_before=self.now - timedelta(hours=1),
            )  # fmt: skip
        with WebhookServer() as server:
            self.target(server.url, "webhook", SECRET)
            notification_tell(event_key="w", kind="sla.warning", payload={"message": "x"}, team=self.team)
            with mock.patch("django.core.mail.EmailMultiAlternatives.send", side_effect=OSError):
                for _ in range(3):
                    notifications_deliver(now=timezone.now(), limit=4)
            self.assertEqual(len(server.received), 1)

    def test_an_address_that_may_not_be_called_is_given_up_at_once(self) -> None:
        """S5: what trying again cannot mend is not tried again."""
        with override_settings(WEBHOOK_ALLOW_PRIVATE_ADDRESSES=True):
            self.target("http://127.0.0.1:9/hook", "webhook", SECRET)
        notification_tell(event_key="w", kind="sla.warning", payload={"message": "x"}, team=self.team)
        with override_settings(WEBHOOK_ALLOW_PRIVATE_ADDRESSES=False):
            notifications_deliver(now=timezone.now())
        self.assertEqual(Notification.objects.get().state, NotificationState.FAILED)

    def test_a_target_that_is_set_back_is_not_asked_before_its_time(self) -> None:
        """S5: back-off is the target's, not only the message's."""
        with WebhookServer(status=503, headers={"retry-after": "600"}) as server:
            target = self.target(server.url, "webhook")
            self.tell("one")
            notifications_deliver(now=timezone.now())
            target.refresh_from_db()
            assert target.next_at is not None
            self.assertGreater(target.next_at, timezone.now() + timedelta(minutes=9))
            self.tell("two")
            notifications_deliver(now=timezone.now())
            self.assertEqual(len(server.received), 1)
        self.assertEqual(Notification.objects.get(event_key="two").attempts, 0)

    def test_a_target_that_always_fails_is_paused_with_an_alert_and_can_be_resumed(self) -> None:
        """S5: after many failures in a row a person looks at it; what waited goes out then."""
        with WebhookServer(status=500) as server:
            target = self.target(server.url, "webhook")
            for number in range(PAUSE_AFTER):
                self.tell(str(number))
                self.due_now()
                notifications_deliver(now=timezone.now())
            target.refresh_from_db()
            self.assertIsNotNone(target.paused_at)
            alert = Alert.objects.get(rule="notification_target")
            asked = len(server.received)
            self.due_now()
            notifications_deliver(now=timezone.now())
            self.assertEqual(len(server.received), asked)
            server.status = 200
            target_resume(target=target, now=timezone.now())
            self.assertGreater(notifications_deliver(now=timezone.now()), 0)
        alert.refresh_from_db()
        self.assertEqual(alert.state, "resolved")

    def test_a_receiver_that_is_gone_is_not_asked_again(self) -> None:
        """Standard Webhooks: 410 ends it."""
        with WebhookServer(status=410) as server:
            target = self.target(server.url, "webhook")
            self.tell()
            notifications_deliver(now=timezone.now())
        target.refresh_from_db()
        self.assertFalse(target.is_active)
        self.assertEqual(Notification.objects.get().state, NotificationState.FAILED)

    def test_a_message_given_up_can_be_sent_again_under_its_id(self) -> None:
        """S4: the replay keeps the id."""
        self.target()
        self.tell()
        Notification.objects.update(state=NotificationState.FAILED, attempts=8)
        row = Notification.objects.get()
        self.assertTrue(notification_replay(row=row, now=timezone.now()))
        self.assertFalse(notification_replay(row=row, now=timezone.now()))
        self.assertEqual(notifications_deliver(now=timezone.now()), 1)
        self.assertIn(row.uuid.hex, mail.outbox[0].extra_headers["Message-ID"])


def _post_briefly(url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool) -> int:
    from common.outbound import post

    return post(url, body, headers, allow_private=allow_private, deadline_seconds=0.5)


class PreferenceTests(OutboxCase):
    """What a team or person wants, and when (S5)."""

    def test_a_person_who_chose_nothing_is_told_by_mail_once(self) -> None:
        """The team's address and the person's may be the same."""
        self.target(address="ada@example.org")
        self.assertEqual(self.tell(people=[self.person]), 1)

    def test_who_lost_the_client_is_told_nothing_of_it(self) -> None:
        """T10: a ticket may still carry the name of somebody who may no longer see it."""
        client = Client.objects.create(slug="c", name="C")
        told = partial(notification_tell, kind="sla.breach", payload={}, client=client, people=[self.person])
        self.assertEqual(told(event_key="1"), 0)
        self.person.clients.add(client)
        self.assertEqual(told(event_key="2"), 1)

    def test_a_kind_that_is_not_wanted_is_not_owed(self) -> None:
        """S5: kinds by channel."""
        self.target(team=None, user=self.person, address="ada@example.org", kinds=["ticket"])
        self.assertEqual(self.tell(team=None, people=[self.person]), 0)
        self.assertEqual(self.tell("two", kind="ticket.assigned", team=None, people=[self.person]), 1)

    def test_preferences_hold_for_what_is_owed_to_the_bare_address(self) -> None:
        """S5: whoever owes directly does not pass by the choice; mail to requesters is another matter."""
        self.target(team=None, user=self.person, address="ada@example.org", kinds=["ticket"])
        for kind in ("sla.warning", "requester.reply"):
            notification_owe(
                event_key=kind,
                kind=kind,
                channel="email",
                recipient="ada@example.org",
                payload={"subject": kind},
            )
        self.assertEqual(notifications_deliver(now=timezone.now()), 1)
        self.assertEqual(mail.outbox[0].subject, "requester.reply")

    def test_quiet_hours_in_the_persons_zone(self) -> None:
        """S5: 22 to 7 in Berlin, over midnight and the change of the clock."""
        target = NotificationTarget(user=self.person, quiet_from=time(22), quiet_until=time(7))
        cases = {
            datetime(2026, 6, 1, 19, 59, tzinfo=UTC): None,
            datetime(2026, 6, 1, 20, 0, tzinfo=UTC): datetime(2026, 6, 2, 5, 0, tzinfo=UTC),
            datetime(2026, 6, 2, 4, 59, tzinfo=UTC): datetime(2026, 6, 2, 5, 0, tzinfo=UTC),
            datetime(2026, 6, 2, 5, 0, tzinfo=UTC): None,
            datetime(2027, 3, 27, 22, 0, tzinfo=UTC): datetime(2027, 3, 28, 5, 0, tzinfo=UTC),
        }
        for now, wanted in cases.items():
            with self.subTest(now=now):
                self.assertEqual(quiet_end(target, now=now), wanted)

    def test_quiet_hours_end_in_the_future_in_the_hour_that_comes_twice(self) -> None:
        """S5: 02:30 of the autumn change is the second one for who is in the second hour."""
        target = self.target(quiet_from=time(22), quiet_until=time(2, 30), time_zone="Europe/Berlin")
        now = datetime(2027, 10, 31, 1, 15, tzinfo=UTC)
        self.assertEqual(quiet_end(target, now=now), datetime(2027, 10, 31, 1, 30, tzinfo=UTC))

    def test_digest_times(self) -> None:
        """S5: full hours, and eight in the morning of the person's zone."""
        now = datetime(2026, 6, 1, 7, 20, tzinfo=UTC)
        hourly = NotificationTarget(user=self.person, digest="hourly")
        daily = NotificationTarget(user=self.person, digest="daily")
        self.assertEqual(digest_due(hourly, now=now), datetime(2026, 6, 1, 8, 0, tzinfo=UTC))
        self.assertEqual(digest_due(daily, now=now), datetime(2026, 6, 2, 6, 0, tzinfo=UTC))

    def test_quiet_hours_hold_back_and_urgent_passes(self) -> None:
        """S5: critical breaches pass, unless that is switched off."""
        local = timezone.now().astimezone(UTC)
        around = {
            "quiet_from": (local - timedelta(hours=1)).time(),
            "quiet_until": (local + timedelta(hours=1)).time(),
        }
        target = self.target(**around)
        self.tell("calm")
        self.tell("alarm", urgent=True)
        self.assertEqual(notifications_deliver(now=timezone.now()), 1)
        self.assertEqual(mail.outbox[0].subject, "Subject alarm")
        self.assertEqual(Notification.objects.get(event_key="calm").hold, "quiet")
        NotificationTarget.objects.filter(pk=target.pk).update(urgent_passes=False)
        self.tell("second alarm", urgent=True)
        self.assertEqual(notifications_deliver(now=timezone.now()), 0)

    def test_a_digest_is_one_mail_with_everything_in_it(self) -> None:
        """S5: collected rows go out together, each names what carried it."""
        self.target(digest="hourly")
        for number in range(4):
            self.tell(str(number))
        self.assertEqual(notifications_deliver(now=timezone.now()), 0)
        self.due_now()
        self.assertEqual(notifications_deliver(now=timezone.now()), 1)
        self.assertEqual(len(mail.outbox), 1)
        for number in range(4):
            self.assertIn(f"Subject {number}", str(mail.outbox[0].body))
        folded = Notification.objects.filter(state=NotificationState.FOLDED)
        self.assertEqual(folded.count(), 4)
        self.assertEqual(
            {row.folded_into.state for row in folded if row.folded_into}, {NotificationState.SENT}
        )
        self.assertEqual(notifications_deliver(now=timezone.now()), 0)


class CapTests(OutboxCase):
    """No storm (FACTS: mail bombs)."""

    @override_settings(NOTIFICATION_CAP_PER_HOUR=5)
    def test_what_is_over_the_cap_goes_out_as_one_and_nothing_is_lost(self) -> None:
        """S5: 30 messages become 5 and a sixth that carries 25."""
        self.target()
        for number in range(30):
            self.tell(f"n{number}")
        self.assertEqual(notifications_deliver(now=timezone.now()), 5)
        self.assertEqual(Notification.objects.filter(hold="cap").count(), 25)
        self.assertEqual(set(Notification.objects.filter(hold="cap").values_list("attempts", flat=True)), {0})
        self.due_now()
        self.assertEqual(notifications_deliver(now=timezone.now()), 1)
        self.assertEqual(len(mail.outbox), 6)
        told = " ".join(f"{message.subject} {message.body}" for message in mail.outbox)
        self.assertEqual([n for n in range(30) if f"Subject n{n}" not in told], [])

    @override_settings(NOTIFICATION_CAP_PER_HOUR=5)
    def test_the_cap_is_by_recipient_and_kind(self) -> None:
        """One noisy kind does not keep back another."""
        self.target()
        for number in range(7):
            self.tell(f"n{number}")
        self.tell("other", kind="ticket.assigned")
        self.assertEqual(notifications_deliver(now=timezone.now()), 6)


class AlertTargetTests(OutboxCase):
    """Who hears of alerts (S7)."""

    @override_settings(NOTIFICATION_CAP_PER_HOUR=0)
    def test_an_alert_reaches_the_house_and_who_asked_for_it(self) -> None:
        """S7: the address in the environment, targets of the house, leads and teams who named alerts."""
        from teams.services.alerts import alert_raise

        client, other = (Client.objects.create(slug=slug, name=slug) for slug in ("a", "b"))
        lead, stranger = (
            User.objects.create_user(name, f"{name}@example.org", "x") for name in ("lead", "stranger")
        )
        for user, belongs in ((lead, client), (stranger, other)):
            user.groups.add(AuthGroup.objects.get(name=Group.LEADS.value))
            user.clients.add(belongs)
            self.target(team=None, user=user, address=user.email, kinds=["alert"])
        self.target(kinds=[])
        self.target(team=None, address="house@example.org")
        with WebhookServer() as slack, override_settings(SLACK_WEBHOOK_URL=slack.url):
            alert_raise(rule="r", message="Too slow.", client=client, now=timezone.now())
            notifications_deliver(now=timezone.now())
            self.assertEqual(len(slack.received), 1)
        self.assertEqual({m.recipients()[0] for m in mail.outbox}, {"lead@example.org", "house@example.org"})
