"""The chat over pages and API: plain form, stream, files, ticket, limits (C22)."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase, override_settings
from django.urls import reverse
from rest_framework.test import APIClient

from classifier.models import ChatConvo, ChatMessage
from common.actors import system_actor
from ingest.services.chat_stream import pieces
from ingest.tests.support import as_key
from teams.choices import Scope
from teams.services.keys import api_key_issue
from ticketing.models import Article, Attachment, Ticket
from ticketing.tests.world import World

CHAT = reverse("portal:chat")
VPN = "The VPN drops after the update"
STREAM = {"Accept": "text/event-stream"}


def events_of(response: Any) -> list[tuple[str, dict[str, Any]]]:
    """Names and data of a stream."""
    blocks = b"".join(response.streaming_content).decode().strip().split("\n\n")
    found = []
    for block in blocks:
        name, data = block.split("\n", 1)
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


class ChatPages(TestCase):
    """The world with one public and one internal article."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.article = Article.objects.create(
            client=cls.world.client_a, slug="vpn", title="The VPN drops", visibility="public",
            body="Import the profile again.", is_published=True,
        )  # fmt: skip
        Article.objects.create(
            client=cls.world.client_a, slug="inside", title="The VPN drops: for staff", visibility="internal",
            body="Restart vpn-gw.", is_published=True,
        )  # fmt: skip

    def setUp(self) -> None:
        self.client.force_login(self.world.requester)


class PageTests(ChatPages):
    """With and without script."""

    def test_the_introduction_says_what_is_searched_and_what_is_not(self) -> None:
        """C22: nobody takes silence for "there is no such ticket"."""
        self.assertContains(self.client.get(CHAT), "It does not search tickets of others.")
        self.client.force_login(self.world.agent)
        desk = self.client.get(reverse("assistant:start"))
        self.assertContains(desk, "It does not search open tickets")

    def test_a_plain_form_asks_and_shows_the_answer(self) -> None:
        """C22: no script needed; the post redirects to the conversation."""
        response = self.client.post(CHAT, {"message": VPN})
        convo = ChatConvo.objects.get()
        self.assertRedirects(response, reverse("portal:chat-convo", args=[convo.uuid]) + "#last")
        page = self.client.get(reverse("portal:chat-convo", args=[convo.uuid]))
        self.assertContains(page, reverse("portal:article", args=[self.article.uuid]))
        self.assertNotContains(page, "for staff")
        self.assertContains(page, "Turn into a ticket")

    def test_the_answer_is_streamed_after_it_was_checked(self) -> None:
        """C22: convo, status, the sentences, then the rendered entry."""
        response = self.client.post(CHAT, {"message": VPN}, headers=STREAM)
        self.assertEqual(response["Content-Type"], "text/event-stream; charset=utf-8")
        events = events_of(response)
        names = [name for name, _ in events]
        self.assertEqual(names[:2], ["convo", "status"])
        self.assertEqual(names[-1], "done")
        answer = ChatMessage.objects.get(role="assistant")
        self.assertEqual("".join(data["text"] for name, data in events if name == "delta"), answer.body)
        self.assertIn("The VPN drops", events[-1][1]["html"])
        self.assertEqual(events[0][1]["url"], reverse("portal:chat-convo", args=[answer.convo.uuid]))

    def test_what_was_typed_is_escaped(self) -> None:
        """A2: neither question nor title is mark-up."""
        self.client.post(CHAT, {"message": "<script>alert(1)</script> VPN drops"})
        page = self.client.get(reverse("portal:chat-convo", args=[ChatConvo.objects.get().uuid]))
        self.assertNotContains(page, "<script>alert")
        self.assertContains(page, "&lt;script&gt;alert")

    def test_a_file_is_read_before_the_answer(self) -> None:
        """C22: its words count as the question's."""
        file = SimpleUploadedFile("trouble.txt", b"The VPN drops after the update")
        self.client.post(CHAT, {"message": "What does this mean?", "files": [file]})
        self.assertEqual(Attachment.objects.get().status, "parsed")
        self.assertIn("The VPN drops", ChatMessage.objects.get(role="assistant").body)

    def test_a_refused_question_keeps_its_words(self) -> None:
        """C22: a wrong file and too many questions are said, with and without script."""
        bad = SimpleUploadedFile("virus.exe", b"MZ")
        page = self.client.post(CHAT, {"message": "My typed words", "files": [bad]})
        self.assertContains(page, "My typed words", status_code=422)
        self.assertContains(page, "“virus.exe”", status_code=422)
        with override_settings(CHAT_QUESTIONS_PER_MINUTE=0):
            response = self.client.post(CHAT, {"message": VPN}, headers=STREAM)
        self.assertEqual((response.status_code, response.json()["error"]["code"]), (429, "throttled"))
        self.assertFalse(ChatConvo.objects.exists() or Attachment.objects.exists())

    def test_a_failure_in_the_stream_is_said(self) -> None:
        """C22: headers have left; the reader hears of it all the same."""
        with patch("ingest.services.chat_stream.chat_answer_stages", side_effect=RuntimeError("broken")):
            events = events_of(self.client.post(CHAT, {"message": VPN}, headers=STREAM))
        self.assertEqual(events[-1][0], "error")
        self.assertNotIn("broken", str(events))

    def test_one_click_makes_a_triaged_ticket_once(self) -> None:
        """C22: with the file and everything said; a second click leads to the same receipt."""
        file = SimpleUploadedFile("log.txt", b"error 809")
        self.client.post(CHAT, {"message": VPN, "files": [file]})
        url = reverse("portal:chat-ticket", args=[ChatConvo.objects.get().uuid])
        for _ in range(2):
            response = self.client.post(url)
            ticket = Ticket.objects.get()
            self.assertRedirects(response, reverse("portal:submitted", args=[ticket.uuid]))
        self.assertIsNotNone(ticket.triaged_at)
        self.assertEqual([row.name for row in ticket.attachments.all()], ["log.txt"])

    def test_the_desk_has_its_own_assistant(self) -> None:
        """C22: agents hear of internal articles; the portal stays the requester's view for the same one."""
        self.client.force_login(self.world.agent)
        start = reverse("assistant:start")
        self.assertEqual(self.client.get(start).status_code, 200)
        self.client.post(start, {"message": "vpn drops staff"})
        desk = ChatConvo.objects.get()
        page = self.client.get(reverse("assistant:convo", args=[desk.uuid]))
        self.assertContains(page, "The VPN drops: for staff")
        self.assertEqual(self.client.get(reverse("portal:chat-convo", args=[desk.uuid])).status_code, 404)
        self.assertNotContains(self.client.get(CHAT), "vpn drops staff")

    def test_the_assistant_may_be_asked_about_a_ticket(self) -> None:
        """C22: within what the agent may see."""
        ticket = self.world.ticket("VPN drops")
        self.client.force_login(self.world.agent)
        page = self.client.get(reverse("assistant:start"), {"ticket": ticket.reference})
        self.assertContains(page, ticket.reference)
        foreign = self.world.ticket("Foreign", client=self.world.client_b, user=self.world.stranger)
        missing = self.client.get(reverse("assistant:start"), {"ticket": foreign.reference})
        self.assertEqual(missing.status_code, 404)

    def test_pages_take_few_queries(self) -> None:
        """A page of a long conversation costs as much as one of a short one."""
        self.client.post(CHAT, {"message": VPN})
        convo = ChatConvo.objects.get()
        url = reverse("portal:chat-convo", args=[convo.uuid])
        with self.assertNumQueries(BUDGET):
            self.client.get(url)
        for _ in range(9):
            self.client.post(url, {"message": VPN})
        with self.assertNumQueries(BUDGET):
            self.client.get(url)


BUDGET = 8


class ApiTests(ChatPages):
    """``POST chat`` and its kin."""

    def setUp(self) -> None:
        self.api = APIClient()
        self.api.force_authenticate(self.world.requester)

    def ask(self, **body: Any) -> Any:
        """``POST chat``."""
        return self.api.post("/api/v1/chat", body, format="json")

    def test_the_answer_has_the_contracts_shape(self) -> None:
        """C22: convo, reply, sources, suggested ticket; then history and ticket."""
        answer = self.ask(message=VPN)
        self.assertEqual(answer.status_code, 200)
        data = answer.json()
        self.assertLessEqual({"convo", "reply", "sources", "suggested_ticket"}, data.keys())
        self.assertEqual(data["suggested_ticket"]["subject"], VPN)
        self.assertEqual(data["sources"][0]["title"], "The VPN drops")
        again = self.ask(message="And at home?", convo=data["convo"]).json()
        self.assertEqual(again["convo"], data["convo"])
        listed = self.api.get("/api/v1/chat").json()["results"]
        self.assertEqual([row["id"] for row in listed], [data["convo"]])
        detail = self.api.get(f"/api/v1/chat/{data['convo']}").json()
        self.assertEqual([row["role"] for row in detail["messages"]], ["user", "assistant"] * 2)
        opened = self.api.post(f"/api/v1/chat/{data['convo']}/ticket")
        self.assertEqual((opened.status_code, opened.json()["channel"]), (201, "chat"))
        second = self.api.post(f"/api/v1/chat/{data['convo']}/ticket")
        self.assertEqual(second.json()["reference"], opened.json()["reference"])

    def test_the_reply_is_streamed_where_that_is_asked_for(self) -> None:
        """C22: the last event holds the JSON answer."""
        response = self.api.post("/api/v1/chat", {"message": VPN}, format="json", headers=STREAM)
        events = events_of(response)
        self.assertEqual(events[-1][0], "done")
        self.assertLessEqual({"convo", "reply", "sources", "suggested_ticket"}, events[-1][1].keys())

    def test_errors_before_a_stream_have_their_status(self) -> None:
        """A2: a validation error is 400 in either form."""
        self.assertEqual(self.ask(message="  ").status_code, 400)
        response = self.api.post("/api/v1/chat", {}, format="json", headers=STREAM)
        self.assertEqual(response.status_code, 400)
        self.assertTrue(response.content.decode().startswith("event: error\ndata: {"))

    def test_a_repeated_question_is_asked_once(self) -> None:
        """A2: Idempotency-Key."""
        for _ in range(2):
            response = self.api.post(
                "/api/v1/chat", {"message": VPN}, format="json", headers={"Idempotency-Key": "k"}
            )
        self.assertEqual(response["Idempotent-Replayed"], "true")
        self.assertEqual(ChatMessage.objects.asked().count(), 1)

    def test_a_stored_file_is_waited_for(self) -> None:
        """C22: uploaded before, read before the answer."""
        file = SimpleUploadedFile("trouble.txt", b"The VPN drops after the update")
        stored = self.api.post("/api/v1/files/upload", {"file": file}, format="multipart").json()
        answer = self.ask(message="What is this?", attachments=[stored["file_id"]]).json()
        self.assertIn("The VPN drops", answer["reply"])
        self.assertEqual(Attachment.objects.get().status, "parsed")

    def test_a_file_that_cannot_be_read_is_named(self) -> None:
        """C22: the answer does not pretend to know what is in it."""
        file = SimpleUploadedFile("scan.pdf", b"no PDF at all")
        stored = self.api.post("/api/v1/files/upload", {"file": file}, format="multipart").json()
        answer = self.ask(message=VPN, attachments=[stored["file_id"]]).json()
        self.assertIn("I could not read “scan.pdf”", answer["reply"])
        self.assertIn("The VPN drops", answer["reply"])

    def test_a_key_asks_for_staff_and_needs_its_scope(self) -> None:
        """A2: within the key's client; history belongs to the key."""
        key = api_key_issue(
            client=self.world.client_a, name="k", scopes=[Scope.TICKETS_READ], actor=system_actor()
        )
        answer = as_key(key).post("/api/v1/chat", {"message": "vpn drops staff"}, format="json")
        self.assertIn("for staff", str(answer.json()["sources"]))
        self.assertEqual(self.api.get("/api/v1/chat").json()["results"], [])
        other = api_key_issue(
            client=self.world.client_a, name="f", scopes=[Scope.FILES], actor=system_actor()
        )
        self.assertEqual(as_key(other).post("/api/v1/chat", {"message": "x"}).status_code, 403)

    def test_a_text_in_pieces_is_the_text(self) -> None:
        """C22: nothing is lost or added by streaming."""
        for text in ("One. Two! Three?\n\nFour", "No end", "", "SW-12 “x.y” is open. Done.\n\n\n"):
            self.assertEqual("".join(pieces(text)), text)
