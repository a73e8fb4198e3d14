"""Mails to the person who asked: what they say, who gets none, and that nobody can be bombed (T13)."""

from __future__ import annotations

import re
from datetime import timedelta
from unittest import mock

import time_machine
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import TestCase, override_settings
from django.utils import timezone

from common.actors import system_actor
from teams.choices import NotificationState
from teams.models import Notification
from teams.services.notifications import notifications_deliver
from ticketing.choices import Channel, RequesterMail
from ticketing.models import (
    ClientSettings,
    Message,
    Requester,
    RequesterAddress,
    RequesterMailTemplate,
    Ticket,
    TicketFeedback,
)
from ticketing.services.bulk import BulkChange, bulk_undo, tickets_change
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.feedback import feedback_ticket, feedback_token
from ticketing.services.mail_links import stop_token
from ticketing.services.requester_mail import thread_root
from ticketing.services.requesters import RequesterIdentity, requester_resolve
from ticketing.services.tickets import NewTicket, status_change, ticket_open
from ticketing.tests.world import World

FORGED = "Buy <b>pills</b> at https://evil.example"


@override_settings(REQUESTER_MAIL_ENABLED=True)
class RequesterMailCase(TestCase):
    """A client with a requester by mail, and one with a log-in."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def requester(self, email: str = "victim@example.org", name: str = FORGED) -> Requester:
        """Somebody known by an address nobody verified."""
        return requester_resolve(
            client=self.world.client_a, identity=RequesterIdentity(email=email, name=name)
        )

    def opened(self, **more: object) -> Ticket:
        """A ticket of this requester."""
        values: dict[str, object] = {
            "client": self.world.client_a, "requester": self.requester(), "subject": FORGED, "body": FORGED,
            "channel": Channel.EMAIL, "intent": "none", **more,
        }  # fmt: skip
        return ticket_open(new=NewTicket(**values), actor=system_actor())  # type: ignore[arg-type]

    def deliver(self) -> int:
        """Send everything that is owed, however late."""
        Notification.objects.filter(state=NotificationState.PENDING).update(next_at=timezone.now())
        return notifications_deliver(now=timezone.now())

    def reply(self, ticket: Ticket, body: str = "Please **restart** it.", *, public: bool = True) -> Message:
        """An agent's answer or note."""
        new = NewMessage(body=body, is_public=public)
        return message_add(ticket=ticket, new=new, actor=self.world.actor(self.world.agent))


class AcknowledgementTests(RequesterMailCase):
    """The confirmation."""

    def test_it_names_number_category_and_next_step_and_quotes_nothing(self) -> None:
        """T13: neither text, subject nor name of the sender come back: the address may be forged."""
        ticket = self.world.triage(self.opened(), state="applied", confidence=0.95)
        self.assertEqual(self.deliver(), 1)
        message = mail.outbox[0]
        html = str(message.alternatives[0][0])  # type: ignore[attr-defined]
        for text in (message.subject, str(message.body), html):
            self.assertIn(ticket.reference, text)
            self.assertNotIn("pills", text)
            self.assertNotIn("evil.example", text)
        self.assertIn("Category: Network", str(message.body))
        self.assertIn("A person", str(message.body))
        self.assertEqual(message.recipients(), ["victim@example.org"])

    def test_it_says_that_it_is_automatic_and_how_to_stop_it(self) -> None:
        """T13: no answering machine answers it, and one click ends it."""
        self.opened()
        self.deliver()
        headers = mail.outbox[0].extra_headers
        self.assertEqual(headers["Auto-Submitted"], "auto-generated")
        self.assertEqual(headers["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click")
        self.assertIn("/mail/stop/", headers["List-Unsubscribe"])

    def test_it_waits_for_triage(self) -> None:
        """T13: so that the category can be named."""
        self.opened()
        self.assertEqual(notifications_deliver(now=timezone.now()), 0)

    def test_nobody_is_told_of_imports_of_other_systems_or_of_machines(self) -> None:
        """T13, T14: no mail for imports, none to auto-replies."""
        for channel in (Channel.IMPORT, Channel.ZENDESK, Channel.SAP):
            self.opened(channel=channel)
        self.opened(metadata={"auto_submitted": "auto-replied"})
        self.opened(requester=self.requester("mailer-daemon@example.org"))
        self.opened(requester=self.requester("noreply@example.org"))
        self.opened(requester=requester_resolve(client=self.world.client_a, identity=RequesterIdentity()))
        self.assertEqual(Notification.objects.count(), 0)

    def test_nothing_is_owed_where_no_server_is_set_up_or_the_client_wants_none(self) -> None:
        """T13: the demo and the embedded set-up write to nobody."""
        with override_settings(REQUESTER_MAIL_ENABLED=False):
            self.opened()
        ClientSettings.objects.filter(client=self.world.client_a).update(requester_mail=False)
        self.world.client_a.refresh_from_db()
        self.opened()
        self.assertEqual(Notification.objects.count(), 0)

    def test_a_person_with_a_log_in_is_told_too(self) -> None:
        """T13: the account's address is the person's own."""
        self.world.ticket()
        self.deliver()
        self.assertEqual(mail.outbox[0].recipients(), ["rita@example.org"])


class BombTests(RequesterMailCase):
    """FACTS: an auto-reply to an unverified address must not be a weapon."""

    @override_settings(REQUESTER_MAIL_PER_DAY=3)
    def test_a_hundred_forged_requests_are_three_mails(self) -> None:
        """T13: the rest is skipped, with the reason, in the outbox."""
        for _ in range(100):
            self.opened()
        self.deliver()
        self.deliver()
        self.assertEqual(len(mail.outbox), 3)
        skipped = Notification.objects.filter(state=NotificationState.SKIPPED)
        self.assertEqual(skipped.count(), 97)
        self.assertIn("not verified", skipped[0].error)

    @override_settings(REQUESTER_MAIL_PER_DAY=3)
    def test_rows_owed_side_by_side_are_judged_again_when_they_leave(self) -> None:
        """FACTS 21: counting first and writing after is no limit."""
        with mock.patch("ticketing.services.requester_mail._automatic") as counted:
            counted.return_value.count.return_value = 0
            for _ in range(8):
                self.opened()
        self.deliver()
        self.assertEqual(len(mail.outbox), 3)

    @override_settings(REQUESTER_MAIL_PER_DAY=3)
    def test_the_next_day_and_a_verified_address_are_free_again(self) -> None:
        """The cap protects strangers, not people we know."""
        for _ in range(5):
            self.opened()
        with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1), tick=False):
            self.opened()
        self.assertEqual(Notification.objects.filter(state=NotificationState.PENDING).count(), 4)
        RequesterAddress.objects.update(is_verified=True)
        for _ in range(5):
            self.opened()
        self.assertEqual(Notification.objects.filter(state=NotificationState.PENDING).count(), 9)


class ConversationTests(RequesterMailCase):
    """Answers, news, and the request to rate."""

    def test_a_public_answer_is_sent_and_a_note_is_not(self) -> None:
        """T13: internal notes stay inside."""
        ticket = self.opened(channel=Channel.WEB)
        Notification.objects.all().delete()
        self.reply(ticket, "Internal <secret>", public=False)
        self.reply(ticket)
        self.assertEqual(self.deliver(), 1)
        message = mail.outbox[0]
        self.assertIn("restart", str(message.body))
        self.assertIn("<strong>restart</strong>", str(message.alternatives[0][0]))  # type: ignore[attr-defined]
        self.assertNotIn("Auto-Submitted", message.extra_headers)

    def test_who_writes_german_is_answered_in_german(self) -> None:
        """Subject, body and foot of every kind; an unknown language and one not spoken here are English."""
        ticket = self.opened()
        Ticket.objects.filter(pk=ticket.pk).update(language="de")
        self.reply(ticket)
        self.deliver()
        ticket.refresh_from_db()
        status_change(ticket=ticket, status="resolved", actor=self.world.actor(self.world.lead))
        self.deliver()
        name = ticket.reference
        self.assertEqual(
            sorted(message.subject for message in mail.outbox),
            sorted(
                f"{name}: {words}"
                for words in (
                    "Ihre Anfrage ist eingegangen",
                    "Antwort auf Ihre Anfrage",
                    "Gelöst",
                    "Wie war unsere Antwort?",
                )
            ),
        )
        words = "\n".join(
            f"{message.body}{message.alternatives[0][0]}"  # type: ignore[attr-defined]
            for message in mail.outbox
        )
        self.assertIn("hat jetzt den Status Gelöst.", words)
        self.assertIn('lang="de"', words)
        for english in ("Hello", "Category", "A person", "Stop automatic", "Rate the answer", "{{"):
            self.assertNotIn(english, words)

    def test_other_languages_are_answered_in_english(self) -> None:
        """The language of the site."""
        for language in ("", "fr"):
            ticket = self.opened(requester=self.requester(f"{language or 'x'}@example.org"))
            Ticket.objects.filter(pk=ticket.pk).update(language=language)
            self.deliver()
            self.assertIn("we have your request", mail.outbox[-1].subject)

    def test_all_mails_of_a_ticket_are_one_thread(self) -> None:
        """T13: references lead to one first mail, and to the requester's own."""
        ticket = self.opened()
        Message.objects.update(email_message_id="<theirs@example.org>")
        self.reply(ticket)
        self.deliver()
        ids = {message.extra_headers["Message-ID"] for message in mail.outbox}
        self.assertEqual(len(ids), 2)
        for message in mail.outbox:
            self.assertEqual(message.extra_headers["In-Reply-To"], "<theirs@example.org>")
            self.assertEqual(
                message.extra_headers["References"], f"{thread_root(ticket)} <theirs@example.org>"
            )

    def test_a_resolution_is_told_and_rated_later(self) -> None:
        """T13: the request to rate waits, and falls away when the ticket is opened again."""
        ticket = self.opened()
        Notification.objects.all().delete()
        lead = self.world.actor(self.world.lead)
        status_change(ticket=ticket, status="resolved", actor=lead)
        rating = Notification.objects.get(kind="requester.rating")
        self.assertGreater(rating.next_at, timezone.now() + timedelta(hours=23))
        self.assertEqual(notifications_deliver(now=timezone.now()), 1)
        self.assertIn("is resolved", mail.outbox[0].subject)
        status_change(ticket=ticket, status="open", actor=lead)
        self.assertEqual(self.deliver(), 0)
        rating.refresh_from_db()
        self.assertEqual(rating.state, NotificationState.SKIPPED)
        status_change(ticket=ticket, status="resolved", actor=lead)
        self.deliver()
        link = re.search(r"/portal/rate/\S+", str(mail.outbox[-1].body))
        assert link is not None
        self.assertContains(self.client.get(link.group()), ticket.reference)

    def test_one_resolution_is_rated_once_and_never_by_who_has_rated(self) -> None:
        """T11, T13: resolved, opened and resolved again within the wait is one request."""
        ticket, lead = self.opened(), self.world.actor(self.world.lead)
        Notification.objects.all().delete()
        for status in ("resolved", "open", "resolved"):
            status_change(ticket=ticket, status=status, actor=lead)
        self.deliver()
        rated = Notification.objects.filter(kind="requester.rating").order_by("pk")
        states = [row.state for row in rated]
        self.assertEqual(states, [NotificationState.SKIPPED, NotificationState.SENT])
        TicketFeedback.objects.create(ticket=ticket, rating=5, source="link")
        status_change(ticket=ticket, status="open", actor=lead)
        status_change(ticket=ticket, status="resolved", actor=lead)
        self.deliver()
        latest = Notification.objects.filter(kind="requester.rating").latest("pk")
        self.assertEqual(latest.state, NotificationState.SKIPPED)

    def test_taking_back_a_reopening_tells_nothing_and_asks_to_rate_once(self) -> None:
        """T9, T13: the requester was told of the resolution already; an undo is no news."""
        ticket, lead = self.opened(), self.world.actor(self.world.lead)
        Notification.objects.all().delete()
        status_change(ticket=ticket, status="resolved", actor=lead)
        notifications_deliver(now=timezone.now())
        rows = Ticket.objects.filter(pk=ticket.pk)
        done = tickets_change(tickets=rows, change=BulkChange(status="open"), actor=lead)
        assert done.action is not None
        bulk_undo(action=done.action, tickets=rows, actor=lead)
        self.deliver()
        sent = Notification.objects.filter(state=NotificationState.SENT).order_by("pk")
        self.assertEqual([row.kind for row in sent], ["requester.status", "requester.rating"])

    def test_the_clients_own_words_are_used_and_hold_no_code(self) -> None:
        """T13: per-client templates with placeholders from a list."""
        template = RequesterMailTemplate(
            client=self.world.client_a, kind=RequesterMail.ACKNOWLEDGEMENT,
            subject="[{{ reference }}] Danke", body="Wir haben *{{ category }}*. {{next_steps}}",
        )  # fmt: skip
        template.full_clean()
        template.save()
        ticket = self.opened()
        self.deliver()
        self.assertEqual(mail.outbox[0].subject, f"[{ticket.reference}] Danke")
        Ticket.objects.filter(pk=self.opened().pk).update(language="de")
        self.deliver()
        self.assertIn("*being sorted*", str(mail.outbox[1].body))  # one language, which the client chose
        for body in (
            "{% load x %}",
            "{{ settings.SECRET_KEY }}",
            "{{ reference|upper }}",
            "{{ body }}",
            "{# x #}",
        ):
            template.body = body
            with self.subTest(body=body), self.assertRaises(ValidationError):
                template.full_clean()

    def test_a_value_is_not_read_as_a_placeholder(self) -> None:
        """A category named like one stays text."""
        filled = RequesterMailTemplate.fill("{{ category }}", {"category": "{{ reply }}", "reply": "secret"})
        self.assertEqual(filled, "{{ reply }}")


class LinkTests(RequesterMailCase):
    """Signed links."""

    def test_opening_the_link_changes_nothing_and_a_post_stops_the_mails(self) -> None:
        """T13: opt-out, also by the mail program itself (RFC 8058), and answers of people still go out."""
        ticket = self.opened()
        address = f"/mail/stop/{stop_token(requester=ticket.requester)}"
        self.assertContains(self.client.get(address), "Stop automatic mails?")
        ticket.requester.refresh_from_db()
        self.assertIsNone(ticket.requester.mail_stopped_at)
        done = self.client.post(address, {"List-Unsubscribe": "One-Click"})
        self.assertContains(done, "Automatic mails are stopped")
        self.assertEqual(self.deliver(), 0)
        self.opened()
        self.reply(ticket)
        self.assertEqual(self.deliver(), 1)
        self.client.post(address, {"do": "resume"})
        ticket.requester.refresh_from_db()
        self.assertIsNone(ticket.requester.mail_stopped_at)

    def test_a_forged_link_is_nothing(self) -> None:
        """A token of another purpose is none either."""
        ticket = self.opened()
        for token in ("x", stop_token(requester=ticket.requester) + "x", feedback_token(ticket=ticket)):
            self.assertEqual(self.client.post(f"/mail/stop/{token}").status_code, 404)

    def test_the_link_to_rate_expires(self) -> None:
        """FACTS: e-mailed links that never expire. Thirty days."""
        ticket = self.opened()
        token = feedback_token(ticket=ticket)
        self.assertEqual(feedback_ticket(token=token), ticket)
        with time_machine.travel(timezone.now() + timedelta(days=31), tick=False):
            self.assertIsNone(feedback_ticket(token=token))
        self.assertIsNone(feedback_ticket(token=stop_token(requester=ticket.requester)))
