"""Imports in the back office and over the API (T12)."""

from __future__ import annotations

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase
from django.urls import reverse
from rest_framework.test import APIClient

from common.actors import system_actor
from ingest.models import ImportJob
from ingest.services.imports import import_run
from ingest.services.uploads import Upload, upload_store
from ingest.tests.test_imports import ROWS, sheet
from teams.choices import Scope
from teams.models import User
from teams.services.keys import api_key_issue
from ticketing.models import Ticket
from ticketing.tests.world import World

OVERVIEW = reverse("imports:overview")


class PagesTest(TestCase):
    """T12: from the upload to the list, without a script."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        User.objects.filter(pk=cls.world.lead.pk).update(is_staff=True)

    def setUp(self) -> None:
        self.client.force_login(self.world.lead)

    def upload(self, upload: Upload) -> ImportJob:
        file = SimpleUploadedFile(upload.name, upload.content, "text/csv")
        answer = self.client.post(OVERVIEW, {"client": self.world.client_a.pk, "file": file})
        self.assertEqual(answer.status_code, 302, answer.content[:2000])
        return ImportJob.objects.latest("pk")

    def step(self, job: ImportJob, step: str, **more: object) -> str:
        url = reverse("imports:step", args=[job.uuid])
        self.assertEqual(self.client.post(url, {"step": step, **more}).status_code, 302)
        waiting = self.page(job)
        self.assertIn('http-equiv="refresh"', waiting)
        import_run(job_id=job.pk)
        return self.page(job)

    def page(self, job: ImportJob) -> str:
        return self.client.get(reverse("imports:detail", args=[job.uuid])).content.decode()

    def test_the_whole_way(self) -> None:
        """T12: mapping, dry run, report, import, list, undo."""
        job = self.upload(sheet([*ROWS, ["OLD-9", "", "=cmd", "B", "=Sleeping", "", "", ""]]))
        page = self.page(job)
        self.assertIn("Ticket ID: OLD-1, OLD-2, OLD-3", page)
        chosen = {key: str(place) for key, place in job.mapping.items()}
        checked = self.step(job, "check", system="old desk", triage="none", day_first="1", **chosen)
        self.assertIn("Import 3 tickets", checked)
        self.assertIn("This status is not known.", checked)
        self.assertInHTML('<span class="word">=Sleeping <small>1</small></span>', checked)
        self.assertIn("these rows are left out", checked)
        self.assertFalse(Ticket.objects.exists())
        report = self.client.get(reverse("imports:problems", args=[job.uuid])).content.decode("utf-8-sig")
        self.assertIn("5,Status,'=Sleeping,This status is not known.", report)
        done = self.step(job, "write")
        self.assertIn("Show the tickets", done)
        job.refresh_from_db()
        url = f"{reverse('admin:ticketing_ticket_changelist')}?batch={job.batch.uuid}"
        self.world.ticket("Not of the import")
        shown = self.client.get(url)
        self.assertEqual(shown.status_code, 200)
        self.assertEqual(len(shown.context["cl"].result_list), 3)
        self.assertIn("3 tickets were taken back", self.step(job, "undo"))
        self.assertEqual(Ticket.objects.count(), 1)

    def test_a_file_at_fault_is_named(self) -> None:
        """T12: the page says what is wrong with a file."""
        file = SimpleUploadedFile("x.pdf", b"%PDF-1.4")
        answer = self.client.post(OVERVIEW, {"client": self.world.client_a.pk, "file": file})
        self.assertContains(answer, "Send a CSV file or an Excel workbook", status_code=422)

    def test_the_lists_of_other_clients_are_not_offered(self) -> None:
        """T10: a lead imports into own clients only."""
        file = SimpleUploadedFile("a.csv", sheet(ROWS).content)
        answer = self.client.post(OVERVIEW, {"client": self.world.client_b.pk, "file": file})
        self.assertEqual(answer.status_code, 422)
        self.assertNotIn("Client B", self.client.get(OVERVIEW).content.decode())
        self.client.force_login(self.world.agent)
        self.assertEqual(self.client.get(OVERVIEW).status_code, 404)


class ApiTest(TestCase):
    """API.md: imports."""

    def test_a_key_imports_a_stored_file(self) -> None:
        """T12, A2: 202, then the state; the same key of idempotency starts it once."""
        world = World()
        client = world.client_a
        issued = api_key_issue(client=client, name="k", scopes=list(Scope.values), actor=system_actor())
        actor = world.actor(world.lead)
        content = sheet([*ROWS, ["OLD-9", "", "S", "B", "Sleeping", "", "", ""]])
        stored = upload_store(client=client, upload=content, actor=actor)
        api = APIClient()
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {issued.secret}")
        body = {"kind": "tickets", "file_id": str(stored.uuid)}
        first = api.post("/api/v1/imports", body, headers={"Idempotency-Key": "once"})
        self.assertEqual(first.status_code, 202, first.content)
        again = api.post("/api/v1/imports", body, headers={"Idempotency-Key": "once"})
        self.assertEqual(again.json(), first.json())
        job = ImportJob.objects.get()
        import_run(job_id=job.pk)
        answer = api.get(f"/api/v1/imports/{first.json()['import_id']}").json()
        self.assertEqual(answer["status"], "completed")
        self.assertEqual(
            (answer["rows_total"], answer["rows_ok"], answer["rows_failed"], answer["progress"]),
            (4, 3, 1, 1.0),
        )
        self.assertIn(b"Sleeping", api.get(answer["errors_url"]).content)
        self.assertEqual(api.post("/api/v1/imports", {**body, "kind": "poems"}).status_code, 400)
        api.force_authenticate(world.agent)
        self.assertIn(api.post("/api/v1/imports", body).status_code, {403, 404})
