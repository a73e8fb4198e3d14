"""`POST classify/file`: one file becomes a triaged ticket in one call (API.md “Classify”, I1)."""

from __future__ import annotations

from unittest import mock

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase

from ingest.parsers.result import ParsedFile, ParserBusy
from ingest.services.file_tickets import subject_of
from ingest.tests.parsers.support import docx, paragraph, pdf, read
from ingest.tests.support import as_key, as_user, make_client, make_key, make_user
from teams.choices import Group, Scope
from ticketing.models import Attachment, Ticket

PATH = "/api/v1/classify/file"
MAIL = b"From: Ines <ines@example.org>\nSubject: VPN drops\n\nThe VPN disconnects every ten minutes.\n"


class ClassifyFileTests(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        cls.owner = make_client("alpha")
        cls.key = make_key(cls.owner, Scope.CLASSIFY)

    def post(self, content: bytes, name: str = "mail.txt", **data: object):
        form = {"file": SimpleUploadedFile(name, content), "user_id": "u-17", **data}
        return as_key(self.key).post(PATH, form, format="multipart")

    def test_it_opens_and_triages_a_ticket(self) -> None:
        """API.md: every field of the contract, the ticket stored with its file read."""
        answer = self.post(MAIL, priority="critical")
        assert answer.status_code == 201
        data = answer.json()
        names = "ticket_id category confidence severity suggested_assignee team needs_review file_id"
        names += " processing_time created_at engine category_name next_steps"
        assert set(names.split()) <= set(data)
        ticket = Ticket.objects.get(reference=data["ticket_id"])
        assert (ticket.subject, ticket.channel, ticket.priority) == ("VPN drops", "file", "urgent")
        assert ticket.requester.external_id == "u-17"
        assert data["category"] == "network"
        row = Attachment.objects.get(uuid=data["file_id"])
        assert (row.ticket, row.status, row.text) == (ticket, "parsed", ticket.body)

    def test_a_refused_file_leaves_nothing_behind(self) -> None:
        """API.md: 415, 413 and 422, each with its code."""
        for name, content, status, code in (
            ("a.exe", b"x", 415, "unsupported_type"),
            ("a.pdf", b"no pdf", 415, "type_mismatch"),
            ("a.docx", docx(paragraph("x"), {"word/vbaProject.bin": b"x"}), 415, "macro"),
            ("a.pdf", pdf("x", password="y"), 422, "encrypted"),
            ("a.json", b"{", 422, "malformed"),
            ("a.txt", b"", 422, "file_empty"),
            ("a.docx", docx("<w:p/>"), 422, "no_text"),
        ):
            answer = self.post(content, name)
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), name
        with self.settings(MAX_UPLOAD_BYTES=5):
            assert self.post(MAIL).status_code == 413
        assert not Ticket.objects.exists()
        assert not Attachment.objects.exists()

    def test_a_busy_machine_asks_to_come_back(self) -> None:
        """API.md: 503 with Retry-After, nothing stored."""
        with mock.patch("ingest.services.file_tickets.parse_file", side_effect=ParserBusy("busy")):
            caller = as_key(self.key)
            caller.raise_request_exception = False
            form = {"file": SimpleUploadedFile("a.txt", MAIL), "user_id": "u"}
            answer = caller.post(PATH, form, format="multipart")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        assert not Attachment.objects.exists()

    def test_strangers_and_requesters_may_not(self) -> None:
        """A2: staff and keys with the scope only."""
        form = {"file": SimpleUploadedFile("a.txt", MAIL), "user_id": "u"}
        requester = as_user(make_user("rita", Group.REQUESTERS, self.owner))
        assert requester.post(PATH, form, format="multipart").status_code == 403
        other = as_key(make_key(self.owner, Scope.FILES))
        assert other.post(PATH, form, format="multipart").status_code == 403
        assert self.post(MAIL, client="beta").status_code == 404


class SubjectTests(TestCase):
    def test_it_takes_the_subject_a_file_names(self) -> None:
        """C28: mail saved as text, table, payload, form."""
        csv = b"id,subject,comment\n1,Slow queries,please look\n"
        for data, name, subject in (
            (MAIL, "a.txt", "VPN drops"),
            (csv, "a.csv", "Slow queries"),
            (b'{"form": "x", "subject": "Save button"}', "a.json", "Save button"),
            (b"<i><short_description>Host down</short_description></i>", "a.xml", "Host down"),
            (docx(paragraph("Dock loses screens") + paragraph("more")), "a.docx", "Dock loses screens"),
            (b"2026-03-02 INFO start\n2026-03-02 ERROR disk full\n", "a.log", "2026-03-02 ERROR disk full"),
        ):
            assert subject_of(read(data, name)) == subject, name
        assert subject_of(ParsedFile(kind="txt", text="hello")) == ""
