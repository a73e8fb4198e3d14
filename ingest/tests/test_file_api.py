"""Upload, look at and download files through the API (I1, I2, API.md “Files”)."""

from __future__ import annotations

from unittest import mock

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import TestCase, override_settings
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from common.actors import Actor
from ingest.services.uploads import Upload, upload_store
from ingest.tests.support import (
    SYSTEM,
    as_key,
    as_user,
    key_actor,
    make_client,
    make_key,
    make_ticket,
    make_user,
)
from teams.choices import Group, Scope
from teams.selectors import actor_for_user
from ticketing.models import Attachment

UPLOAD = "/api/v1/files/upload"
TEXT = b"The printer on floor 3 is jammed.\n"


def a_file(name: str = "note.txt", content: bytes = TEXT) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="text/html")


class FileApiCase(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        cls.client_a = make_client("alpha")
        cls.client_b = make_client("beta")
        cls.requester = make_user("rita", Group.REQUESTERS, cls.client_a)
        cls.colleague = make_user("carl", Group.REQUESTERS, cls.client_a)
        cls.agent = make_user("anna", Group.AGENTS, cls.client_a)
        cls.lead = make_user("lena", Group.LEADS, cls.client_a)
        cls.stranger = make_user("sven", Group.LEADS, cls.client_b)
        cls.key = make_key(cls.client_a)
        cls.stranger_key = make_key(cls.client_b)

    def upload(self, caller: APIClient, file: SimpleUploadedFile | None = None, **data: object):
        return caller.post(UPLOAD, {"file": file or a_file(), **data}, format="multipart")

    def stored(self, actor: Actor, name: str = "note.txt") -> Attachment:
        return upload_store(client=self.client_a, upload=Upload(name=name, content=TEXT), actor=actor)


class UploadTests(FileApiCase):
    def test_it_accepts_a_file_and_reads_it_in_the_background(self) -> None:
        """I1: the answer does not wait for the parser, the nudge follows the commit."""
        with (
            mock.patch("ingest.receivers.parse_file.apply_async") as nudge,
            self.captureOnCommitCallbacks(execute=True),
        ):
            answer = self.upload(as_user(self.requester))
        assert answer.status_code == 202
        row = Attachment.objects.get(uuid=answer.json()["file_id"])
        assert answer.json() == {"file_id": str(row.uuid), "status": "pending"}
        assert nudge.call_args.kwargs["args"] == (row.pk,)
        assert (row.client, row.uploaded_by, row.size) == (self.client_a, self.requester, len(TEXT))
        assert "note" not in row.file.name

    def test_it_refuses_an_unsupported_type_at_once(self) -> None:
        """I1: 415 by the extension alone, nothing stored."""
        for name in ("a.exe", "a.html", "a.docm", "noextension"):
            answer = self.upload(as_user(self.requester), a_file(name))
            assert answer.status_code == 415, name
            assert answer.json()["error"]["message"].endswith(".")
        assert not Attachment.objects.exists()

    @override_settings(MAX_UPLOAD_BYTES=10)
    def test_it_refuses_a_file_over_the_limit(self) -> None:
        """I1: 413."""
        answer = self.upload(as_user(self.requester))
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "file_too_large")

    def test_it_refuses_an_empty_file(self) -> None:
        """I1: 422."""
        answer = self.upload(as_user(self.requester), a_file(content=b""))
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "file_empty")

    def test_it_asks_for_the_file(self) -> None:
        """A3: the field at fault is named."""
        answer = as_user(self.requester).post(UPLOAD, {}, format="multipart")
        assert answer.status_code == 400
        assert "file" in answer.json()["error"]["fields"]

    def test_it_wants_a_login_and_a_scope(self) -> None:
        """A2: 401 without, 403 with a key that may not."""
        assert self.upload(APIClient()).status_code == 401
        other = make_key(self.client_a, Scope.TICKETS_READ)
        assert self.upload(as_key(other)).status_code == 403

    def test_it_hides_clients_out_of_reach(self) -> None:
        """A1: a client the caller may not see does not exist."""
        assert self.upload(as_user(self.lead), client="beta").status_code == 404
        assert self.upload(as_user(self.lead), client="alpha").status_code == 202

    def test_it_answers_a_repeated_key_with_the_first_answer(self) -> None:
        """A2: the same Idempotency-Key stores one file."""
        caller = as_user(self.requester)
        first = caller.post(UPLOAD, {"file": a_file()}, format="multipart", headers={"Idempotency-Key": "k1"})
        again = caller.post(UPLOAD, {"file": a_file()}, format="multipart", headers={"Idempotency-Key": "k1"})
        other = caller.post(
            UPLOAD, {"file": a_file(content=b"x")}, format="multipart", headers={"Idempotency-Key": "k1"}
        )
        assert first.json() == again.json()
        assert again.headers["Idempotent-Replayed"] == "true"
        assert other.status_code == 422
        assert Attachment.objects.count() == 1

    def test_presigning_needs_an_object_store(self) -> None:
        """I2: a clear conflict on local storage."""
        body = {"name": "a.pdf", "content_type": "application/pdf", "size": 10}
        answer = as_user(self.lead).post("/api/v1/files/presign", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "storage_local")
        assert not Attachment.objects.exists()


class VisibilityTests(FileApiCase):
    def status_of(self, caller: APIClient, row: Attachment) -> tuple[int, int]:
        path = f"/api/v1/files/{row.uuid}"
        return caller.get(path).status_code, caller.get(f"{path}/download").status_code

    def test_a_loose_file_is_its_uploaders_and_the_leads(self) -> None:
        """I2: nobody else knows that it is there."""
        row = self.stored(actor_for_user(self.requester))
        for user in (self.requester, self.lead):
            assert self.status_of(as_user(user), row) == (200, 200)
        assert self.status_of(as_key(self.key), row) == (200, 200)
        for user in (self.colleague, self.agent, self.stranger):
            assert self.status_of(as_user(user), row) == (404, 404)
        assert self.status_of(as_key(self.stranger_key), row) == (404, 404)
        assert self.status_of(APIClient(), row) == (401, 401)

    def test_an_attached_file_follows_its_ticket(self) -> None:
        """I2: the requester and the desk see it, a colleague does not."""
        row = self.stored(actor_for_user(self.requester))
        make_ticket(self.client_a, self.requester, attachments=(row,))
        for user in (self.requester, self.agent, self.lead):
            assert self.status_of(as_user(user), row) == (200, 200)
        for user in (self.colleague, self.stranger):
            assert self.status_of(as_user(user), row) == (404, 404)

    def test_a_requester_never_sees_an_internal_file(self) -> None:
        """I2, T5: attachments of internal notes stay inside."""
        row = self.stored(actor_for_user(self.agent))
        make_ticket(self.client_a, self.requester, attachments=(row,))
        Attachment.objects.filter(pk=row.pk).update(is_public=False)
        assert self.status_of(as_user(self.requester), row) == (404, 404)
        assert self.status_of(as_user(self.agent), row) == (200, 200)


class DetailTests(FileApiCase):
    def test_it_shows_every_field_of_the_contract(self) -> None:
        """API.md: the names are fixed."""
        row = self.stored(key_actor(self.key))
        data = as_key(self.key).get(f"/api/v1/files/{row.uuid}").json()
        names = {
            "file_id",
            "name",
            "content_type",
            "size",
            "sha256",
            "status",
            "error",
            "pages",
            "text_preview",
        }
        assert names <= set(data)
        assert (data["status"], data["size"], data["error"]) == ("pending", len(TEXT), "")

    def test_a_long_text_is_shown_by_its_beginning(self) -> None:
        """API.md: a preview, found in a constant number of queries, without loading the whole text."""
        row = self.stored(SYSTEM)
        Attachment.objects.filter(pk=row.pk).update(text="x" * 50_000, status="parsed")
        caller = as_key(self.key)
        with CaptureQueriesContext(connection) as queries:
            data = caller.get(f"/api/v1/files/{row.uuid}").json()
        assert data["text_preview"] == "x" * 2_000
        selects = [q["sql"] for q in queries if 'FROM "ticketing_attachment"' in q["sql"]]
        assert len(selects) == 1
        assert '"segments"' not in selects[0]

    def test_it_answers_404_for_what_is_not_there(self) -> None:
        """A1."""
        path = "/api/v1/files/00000000-0000-4000-8000-000000000000"
        assert as_user(self.lead).get(path).status_code == 404

    def test_a_download_is_saved_and_never_shown(self) -> None:
        """I2: whatever the sender claims, a browser gets octets with a name."""
        row = upload_store(
            client=self.client_a,
            upload=Upload(name="Übel.xml", content=b"<script>alert(1)</script>", content_type="text/html"),
            actor=SYSTEM,
        )
        answer = as_user(self.lead).get(f"/api/v1/files/{row.uuid}/download")
        assert b"".join(answer.streaming_content) == b"<script>alert(1)</script>"
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]

    def test_a_file_lost_from_storage_is_not_found(self) -> None:
        """A3: no server error."""
        row = self.stored(SYSTEM)
        row.file.storage.delete(row.file.name)
        assert as_user(self.lead).get(f"/api/v1/files/{row.uuid}/download").status_code == 404
