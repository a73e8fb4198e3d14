"""Stored files are read once, outside transactions, and refusals are kept with their reason (I1)."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

from django.test import TestCase
from django.utils import timezone

from classifier.services.execution import run_process
from ingest.parsers.result import ParsedFile, ParserBusy, Segment
from ingest.services.reading import attachment_parse, files_due, read_result
from ingest.services.uploads import Upload, upload_store
from ingest.tasks import parse_file, sweep_files
from ingest.tests.support import SYSTEM, make_client, make_ticket, make_user
from teams.choices import Group
from ticketing.choices import AttachmentStatus
from ticketing.models import Attachment
from ticketing.services.attachments import READ_ATTEMPTS, attachment_claim


class ReadingTests(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        cls.owner = make_client("alpha")

    def store(self, name: str = "a.log", content: bytes = b"ERROR Disk full\nline two\n") -> Attachment:
        return upload_store(client=self.owner, upload=Upload(name=name, content=content), actor=SYSTEM)

    def test_it_keeps_text_positions_and_signals(self) -> None:
        """I1: text with positions, and a log's levels as features."""
        row = self.store()
        assert attachment_parse(attachment_id=row.pk)
        row.refresh_from_db()
        assert (row.status, row.kind, row.text) == ("parsed", "log", "ERROR Disk full\nline two")
        assert [row.text[s["start"] : s["end"]] for s in row.segments] == ["ERROR Disk full", "line two"]
        assert {key.lower(): n for key, n in row.features["levels"].items()} == {"error": 1}
        assert row.lease_token is None

    def test_names_that_no_database_can_hold_are_cleaned(self) -> None:
        """I1: zero bytes and half characters in a file's own names cost no reading."""
        row = self.store("a.json", b'{"a\\u0000b\\ud800": "x", "title": "t\\u0000\\udfff"}')
        assert attachment_parse(attachment_id=row.pk)
        row.refresh_from_db()
        assert (row.status, row.segments[0]["label"], row.features["title"]) == ("parsed", "ab?", "t?")

    def test_it_keeps_the_reason_of_a_refusal(self) -> None:
        """I1: a mismatching file is rejected for good, in a sentence."""
        row = self.store("invoice.pdf", b"this is no PDF at all")
        assert attachment_parse(attachment_id=row.pk)
        row.refresh_from_db()
        assert (row.status, row.error_code) == ("rejected", "type_mismatch")
        assert row.error.endswith(".")
        assert not attachment_parse(attachment_id=row.pk)

    def test_a_second_message_changes_nothing(self) -> None:
        """STYLE 11: at-least-once, one effect."""
        row = self.store()
        parse_file(row.pk)
        with mock.patch("ingest.services.reading.parse_file") as parser:
            parse_file(row.pk)
        parser.assert_not_called()

    def test_a_held_file_is_left_to_its_holder(self) -> None:
        """STYLE 11: the claim is a conditional update."""
        row = self.store()
        assert attachment_claim(attachment_id=row.pk, now=timezone.now()) is not None
        assert not attachment_parse(attachment_id=row.pk)

    def test_storage_in_trouble_means_another_try_and_then_a_person(self) -> None:
        """STYLE 11: back-off, then a final state somebody can see."""
        row = self.store()
        with mock.patch("ingest.services.reading.default_storage.open", side_effect=OSError("down")):
            for _ in range(READ_ATTEMPTS):
                assert not attachment_parse(attachment_id=row.pk)
        row.refresh_from_db()
        assert (row.status, row.error_code) == ("failed", "unavailable")

    def test_a_starved_parser_means_another_try(self) -> None:
        """STYLE 11: a sound file is not refused because the machine was busy."""
        row = self.store()
        with mock.patch("ingest.services.reading.parse_file", side_effect=ParserBusy("busy")):
            assert not attachment_parse(attachment_id=row.pk)
        assert attachment_parse(attachment_id=row.pk)

    def test_a_file_that_kills_its_reader_is_given_up(self) -> None:
        """STYLE 11: attempts that die without a word are counted too."""
        row = self.store()
        now = timezone.now()
        for attempt in range(READ_ATTEMPTS):
            assert attachment_claim(attachment_id=row.pk, now=now + timedelta(hours=attempt)) is not None
        Attachment.objects.filter(pk=row.pk).update(lease_until=now - timedelta(seconds=1))
        assert not attachment_parse(attachment_id=row.pk)
        row.refresh_from_db()
        assert row.status == AttachmentStatus.FAILED

    def test_a_lost_lease_throws_the_result_away(self) -> None:
        """FACTS 6: only the holder of the lease writes."""
        row = self.store()

        def lose(content: bytes, name: str) -> ParsedFile:
            Attachment.objects.filter(pk=row.pk).update(lease_token=None)
            return ParsedFile(kind="log", text="late")

        with mock.patch("ingest.services.reading.parse_file", lose):
            assert not attachment_parse(attachment_id=row.pk)
        row.refresh_from_db()
        assert (row.status, row.text) == ("pending", "")

    def test_positions_follow_a_text_that_loses_its_leading_space(self) -> None:
        """I1: positions stay true to the stored text."""
        parsed = ParsedFile(kind="txt", text="\n\n  one\ntwo", segments=[Segment(4, 7, "line", 3)])
        result = read_result(parsed)
        first = result.segments[0]
        assert result.text[first["start"] : first["end"]] == "one"


class ResumeTests(TestCase):
    def test_triage_goes_on_when_the_last_file_is_read(self) -> None:
        """C1: a run waits for its ticket's files, and no longer than they need."""
        owner = make_client("alpha")
        user = make_user("rita", Group.REQUESTERS, owner)
        files = tuple(
            upload_store(client=owner, upload=Upload(name="a.txt", content=b"VPN down"), actor=SYSTEM)
            for _ in range(2)
        )
        ticket = make_ticket(owner, user, attachments=files)
        run = ticket.runs.get()
        assert not run_process(run_id=run.pk)
        run.refresh_from_db()
        assert (run.state, run.attempts) == ("pending", 0)
        with mock.patch("classifier.tasks.triage.apply_async") as nudge:
            parse_file(files[0].pk)
            nudge.assert_not_called()
            parse_file(files[1].pk)
        assert nudge.call_args.kwargs["args"] == (run.pk,)
        assert run_process(run_id=run.pk)


class SweepTests(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        cls.owner = make_client("alpha")

    def test_it_finds_what_the_broker_lost(self) -> None:
        """STYLE 11: fresh files are left to their nudge, older ones and dead leases are nudged again."""
        fresh, lost, dead, held = (
            upload_store(client=self.owner, upload=Upload(name="a.txt", content=b"x"), actor=SYSTEM)
            for _ in range(4)
        )
        now = timezone.now()
        rows = Attachment.objects.filter(pk__in=[lost.pk, dead.pk, held.pk])
        rows.update(created_at=now - timedelta(minutes=1), next_at=now - timedelta(minutes=1))
        Attachment.objects.filter(pk=dead.pk).update(lease_until=now - timedelta(seconds=1))
        Attachment.objects.filter(pk=held.pk).update(lease_until=now + timedelta(minutes=1))
        assert set(files_due(now=now)) == {lost.pk, dead.pk}
        with mock.patch("ingest.tasks.parse_file.apply_async") as nudge:
            assert sweep_files() == 2
        assert nudge.call_count == 2
        assert fresh.pk not in [call.kwargs["args"][0] for call in nudge.call_args_list]
