"""Hostile words through every door, then every page: they stay words (C20, T5, I2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.apps import apps
from django.contrib import admin
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, models, transaction
from django.test import Client as Browser
from django.test import TestCase, override_settings
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from ingest.models import ImportJob
from ingest.services.imports import import_run
from ingest.services.reading import attachment_parse
from teams.choices import Group, NotificationState
from teams.models import Client, Notification, User
from teams.services.notifications import notifications_deliver
from tests import test_access_matrix as matrix
from tests.attacks import ATTACKS, LONG, MARK, SHORT, live_marks
from ticketing.models import (
    Article,
    Attachment,
    Macro,
    Requester,
    SavedView,
    Ticket,
    TicketFeedback,
)
from ticketing.services.tickets import status_change
from ticketing.tests.world import make_user

pytestmark = pytest.mark.once

DOMAIN = {"ticketing", "classifier", "sla", "teams", "ingest"}
FILE = f"{SHORT.replace('/', '')}.txt"
SHEET = f'Ticket ID,Subject,Description,Status,"{SHORT.replace(chr(34), chr(34) * 2)}"\n'
# Their shape is code's own: a regular expression, an address of a program, a key of a table.
NOT_WORDS = {
    "password", "username", "pattern", "base_url", "caller", "hash", "commitment", "salt", "path", "digest",
    "prefix", "file", "storage_key", "state", "status", "kind", "channel", "language", "time_zone", "query",
    "source", "engine", "model_key", "correlation_id", "email", "address", "message_id", "actor_kind",
    "phrase_key", "object_id", "fingerprint", "rule", "step", "task", "key", "external_id", "schema",
    "html",  # made of the body by the sanitizer; what the doors left there is looked at
}  # fmt: skip


def saturate() -> int:
    """Put the hostile words into every text of every row that people can reach; returns how many columns.

    Beyond what the doors let in today: a page must not rest on what a form once refused.
    """
    count = 0
    for model in apps.get_models():
        if model._meta.app_label not in DOMAIN or model.__name__.startswith("Historical"):
            continue
        for field in model._meta.concrete_fields:
            if not _is_text(field):
                continue
            most = field.max_length or len(LONG)
            text = LONG if most >= len(LONG) else SHORT
            if most < len(SHORT):
                continue
            try:
                with transaction.atomic():
                    count += bool(model._default_manager.update(**{field.name: text}))
            except IntegrityError:  # unique with another column: it cannot be the same in two rows
                continue
    return count


def _is_text(field: Any) -> bool:
    free = isinstance(field, (models.CharField, models.TextField)) and not field.choices
    plain = not isinstance(field, (models.SlugField, models.EmailField, models.URLField))
    return bool(free and plain and not field.unique and field.name not in NOT_WORDS and field.editable)


class Doors:
    """What a stranger, a requester, an agent and a lead can write, each by its own way in."""

    def __init__(self, secret: matrix.Secret) -> None:
        self.secret, self.world = secret, secret.world

    def browser(self, user: User) -> Browser:
        """A browser of somebody."""
        browser = Browser()
        browser.force_login(user)
        return browser

    def requester(self) -> Ticket:
        """Portal form with a file, a reply, the chat, and the rating of the answer."""
        browser, world = self.browser(self.world.requester), self.world
        file = SimpleUploadedFile(FILE, LONG.encode(), "text/plain")
        browser.post(reverse("portal:home"), {"subject": SHORT * 3, "body": LONG, "files": [file]})
        ticket = Ticket.objects.latest("pk")
        for row in Attachment.objects.all():
            attachment_parse(attachment_id=row.pk)
        browser.post(reverse("portal:reply", args=[ticket.uuid]), {"body": LONG})
        browser.post(reverse("portal:chat"), {"message": LONG[:3_900]})
        status_change(ticket=ticket, status="resolved", actor=world.actor(world.lead))
        browser.post(reverse("portal:rate-own", args=[ticket.uuid]), {"rating": 1, "comment": LONG[:1_900]})
        assert TicketFeedback.objects.filter(ticket=ticket).exists()
        return ticket

    def program(self) -> Ticket:
        """The API: subject, body, the requester's name and address, tags, metadata."""
        api = APIClient()
        api.force_authenticate(self.world.lead)
        body = {
            "subject": SHORT, "body": LONG, "tags": [SHORT], "metadata": {SHORT: LONG},
            "requester": {"name": SHORT, "email": "eve@example.org", "external_id": SHORT},
        }  # fmt: skip
        answer = api.post("/api/v1/tickets", body, format="json")
        assert answer.status_code == 201, answer.content[:500]
        return Ticket.objects.latest("pk")

    def agent(self, ticket: Ticket) -> None:
        """Reply, note, tags, macro, saved view."""
        browser, client = self.browser(self.world.lead), self.world.client_a.pk
        place = [ticket.uuid]
        browser.post(
            reverse("desk:reply", args=place), {"body": LONG, "files": [SimpleUploadedFile(FILE, b"x")]}
        )
        browser.post(reverse("desk:note", args=place), {"body": LONG})
        browser.post(reverse("desk:tags", args=place), {"tags": SHORT})
        own = {"name": SHORT, "scope": "everyone", "client": client}
        browser.post(reverse("desk:macro-new"), {**own, "body": ATTACKS[1] + LONG.replace("{{7*7}}", "")})
        browser.post(reverse("desk:view-new"), {**own, "query": f"?q={SHORT}"})

    def lead(self) -> None:
        """An import sheet, an article."""
        browser = self.browser(self.world.lead)
        line = ",".join('"' + LONG.replace('"', '""') + '"' for _cell in range(5))
        sheet = SimpleUploadedFile(FILE.replace(".txt", ".csv"), (SHEET + line).encode(), "text/csv")
        data = {"client": self.world.client_a.pk, "file": sheet}
        assert browser.post(reverse("imports:overview"), data).status_code == 302
        job = ImportJob.objects.latest("pk")
        chosen = {key: str(place) for key, place in job.mapping.items()}
        for step in ({"step": "check", "system": SHORT, "triage": "none", **chosen}, {"step": "write"}):
            browser.post(reverse("imports:step", args=[job.uuid]), step)
            import_run(job_id=job.pk)
        Article.objects.create(
            client=self.world.client_a, slug="attack", title=SHORT, body=LONG, is_published=True,
            visibility="public",
        )  # fmt: skip


@override_settings(REQUESTER_MAIL_ENABLED=True)
class StoredAttacksTest(TestCase):
    """Every door, every page, every mail."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.enterClassContext(mock.patch("tests.test_access_matrix.MARK", SHORT))
        cls.secret = matrix.Secret()
        world = cls.secret.world
        User.objects.filter(pk=world.lead.pk).update(is_staff=True)
        cls.root = make_user("root", Group.ADMINISTRATORS, world.client_a)
        User.objects.filter(pk=cls.root.pk).update(is_superuser=True, is_staff=True)
        cls.root.refresh_from_db()
        cls.doors = Doors(cls.secret)
        cls.by_requester, cls.by_program = cls.doors.requester(), cls.doors.program()
        cls.doors.agent(cls.by_program)
        cls.doors.lead()

    def pages(self) -> Iterator[str]:
        """Every address of the project that shows something, those of the admin included."""
        existing = set(matrix.routes())
        yield from sorted(matrix.COLLECTIONS & existing)
        yield from (
            matrix.AccessMatrixTests.filled(name, fill(self.secret)) for name, fill in matrix.OBJECTS.items()
        )
        for ticket in (self.by_requester, self.by_program):
            yield f"desk/tickets/{ticket.uuid}"
            yield f"portal/tickets/{ticket.uuid}"
            yield f"portal/tickets/{ticket.uuid}/received"
        for article in Article.objects.all():
            yield f"desk/articles/{article.uuid}"
            yield f"portal/articles/{article.uuid}"
        for job in ImportJob.objects.all():
            yield f"admin/imports/{job.uuid}"

    def back_office(self) -> Iterator[str]:
        """Lists, forms, histories and deletions of every model in the admin."""
        yield "admin/"
        yield "admin/search/?s=pwn9"
        for model in admin.site._registry:
            base = f"admin/{model._meta.app_label}/{model._meta.model_name}/"
            yield base
            yield f"{base}add/"
            for key in model._default_manager.values_list("pk", flat=True)[:2]:
                yield from (f"{base}{key}/change/", f"{base}{key}/history/", f"{base}{key}/delete/")

    def check(self, user: User, path: str) -> int:
        """One page as one person: whole, without anything alive of ours, under the strict policy."""
        browser = Browser(raise_request_exception=False)
        browser.force_login(user)
        response: Any = browser.get(f"/{path}", follow=False)
        with self.subTest(path=path, user=user.username):
            self.assertLess(response.status_code, 500)
            if "text/html" not in response.headers.get("Content-Type", ""):
                return 0
            self.assertEqual(live_marks(response.content.decode()), [])
            policy = response.headers["Content-Security-Policy"]
            self.assertIn("default-src 'self'", policy)
            self.assertNotIn("http", policy.replace("http-equiv", ""), "Another host is allowed.")
            if not path.startswith(("admin/", "api/v1/docs")):
                self.assertNotIn("unsafe-", policy)
        return int(response.status_code == 200 and MARK in response.content.decode())

    def visit(self) -> None:
        """Every page as each of those who may see it."""
        world = self.secret.world
        seen = sum(
            self.check(user, path)
            for path in self.pages()
            for user in ((world.lead, world.requester) if path.startswith("portal") else (world.lead,))
        )
        self.assertGreater(seen, 40, "The pages must show the words, else nothing is proved.")
        shown = sum(self.check(self.root, path) for path in self.back_office())
        self.assertGreater(shown, 40, "So must those of the admin.")

    @pytest.mark.timeout(400)  # five hundred pages with long texts
    def test_what_people_write_stays_words_on_every_page(self) -> None:
        """T5: what came through the doors as it was kept, then any other text of any row as well.

        The second is wider than the doors of today: categories, teams, targets, rules, prompts, alerts,
        custom fields and whatever comes later.
        """
        for model in (Macro, SavedView, Article, Requester):
            name = "title" if model is Article else "name"
            found = model._default_manager.filter(**{f"{name}__contains": MARK})  # type: ignore[attr-defined]
            self.assertTrue(found.exists(), model)
        self.assertGreater(saturate(), 60)
        self.visit()

    def test_mails_hold_no_mark_up_and_no_header_of_a_stranger(self) -> None:
        """T13, S5: names and subjects with line breaks make no header; bodies are escaped."""
        requester = self.by_program.requester
        Requester.objects.filter(pk=requester.pk).update(name=f"Eve {SHORT}\r\nBcc: all@example.org")
        Ticket.objects.filter(pk=self.by_program.pk).update(subject=f"{SHORT}\r\nBcc: all@example.org\n\nx")
        Client.objects.update(name=f"{SHORT}\nBcc: all@example.org")
        mail.outbox.clear()
        self.doors.agent(Ticket.objects.get(pk=self.by_program.pk))
        Notification.objects.filter(state=NotificationState.PENDING).update(next_at=timezone.now())
        notifications_deliver(now=timezone.now())
        self.assertTrue(mail.outbox)
        for sent in mail.outbox:
            message = sent.message()
            self.assertNotIn("bcc", {name.lower() for name in message.keys()})  # noqa: SIM118
            self.assertLessEqual(set(sent.recipients()), {"eve@example.org", "rita@example.org"})
            for part in message.walk():
                if part.get_content_type() == "text/html":
                    self.assertEqual(live_marks(part.get_payload(decode=True).decode()), [])

    def test_a_file_is_handed_out_as_a_file(self) -> None:
        """I2: never shown in place, its name no header of its own."""
        file = Attachment.objects.filter(ticket=self.by_requester).latest("pk")
        response = self.doors.browser(self.secret.world.lead).get(reverse("desk:file", args=[file.uuid]))
        self.assertTrue(response["Content-Disposition"].startswith("attachment"))
        self.assertEqual(response["X-Content-Type-Options"], "nosniff")
        self.assertNotIn("html", response["Content-Type"])

    def test_a_dead_look_would_be_noticed(self) -> None:
        """The test above is worth something: each attack is seen where it is alive."""
        self.assertEqual(live_marks(f"<p>{json.dumps(MARK)}</p>"), [])
        for attack in ATTACKS[:6]:
            self.assertTrue(live_marks(f"<input value=\"{attack}\"><p title='{attack}'>{attack}</p>"), attack)
        self.assertTrue(live_marks(f'<a href=" java\nscript:{MARK}">x</a>'))
        self.assertTrue(live_marks(f"{MARK}49"))
