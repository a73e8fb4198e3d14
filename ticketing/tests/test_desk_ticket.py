"""The ticket page: what it shows, what can be done on it, and to whom it does not exist (T2, T5, C3)."""

from __future__ import annotations

from datetime import timedelta

from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import TestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from ticketing.models import Attachment, Ticket
from ticketing.services.attachments import ReadResult, attachment_store
from ticketing.services.collision import presence_note
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.tickets import status_change
from ticketing.tests.world import World

QUERY_BUDGET = 45
POSTS = ("reply", "note", "status", "assign", "confirm")
CLASSIFIER_POSTS = ("draft", "retriage")


class TicketPageTest(TestCase):
    """T5, C3: the page and its actions."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def setUp(self) -> None:
        self.client.force_login(self.world.agent)
        self.ticket = self.world.triage(self.world.ticket())

    def url(self, name: str = "ticket", ticket: Ticket | None = None) -> str:
        space = "triage" if name in CLASSIFIER_POSTS else "desk"
        return reverse(f"{space}:{name}", args=[(ticket or self.ticket).uuid])

    def post(self, name: str, **data: object) -> str:
        response = self.client.post(self.url(name), data, follow=True, headers={"referer": self.url()})
        self.ticket.refresh_from_db()
        return " ".join(str(message) for message in response.context["messages"])

    def test_it_shows_conversation_decisions_and_allowed_statuses(self) -> None:
        """T5, C3: what the text says, what triage thinks, what may happen next."""
        page = self.client.get(self.url())
        self.assertContains(page, "The VPN drops after the update.")
        self.assertEqual(
            [row.field for row in page.context["open_decisions"]], ["category", "severity", "team"]
        )
        category = page.context["decisions"][0]
        self.assertEqual(
            (category.value_label, category.state, category.source), ("Network", "suggested", "local")
        )
        self.assertEqual(category.alternatives[0].label, "Hardware")
        statuses = {choice.value for choice in page.context["statuses"]}
        self.assertEqual(statuses, {"new", "open", "pending", "on_hold", "resolved", "closed"})

    def test_only_allowed_transitions_are_offered(self) -> None:
        """T2: a resolved ticket can be opened or closed, nothing else."""
        status_change(ticket=self.ticket, status="resolved", actor=self.world.actor(self.world.lead))
        page = self.client.get(self.url())
        self.assertEqual(
            {choice.value for choice in page.context["statuses"]}, {"resolved", "open", "closed"}
        )

    def test_a_forbidden_transition_is_a_clear_error(self) -> None:
        """T2: the sentence names both statuses; nothing changes."""
        status_change(ticket=self.ticket, status="closed", actor=self.world.actor(self.world.lead))
        text = self.post("status", status="open")
        self.assertIn("“Closed” cannot become “Open”", text)
        self.assertEqual(self.ticket.status, "closed")

    def test_a_reply_is_sent_and_the_ticket_moves(self) -> None:
        """T5, T2: public message with a file, then the status that was chosen."""
        file = SimpleUploadedFile("screen.png", b"\x89PNG")
        self.post("reply", body="Please **restart**.", then="pending", files=[file])
        message = self.ticket.messages.get(is_first=False)
        self.assertEqual((message.is_public, message.author_user), (True, self.world.agent))
        self.assertIn("<strong>restart</strong>", message.html)
        attachment = message.attachments.get()
        self.assertEqual((attachment.name, attachment.status), ("screen.png", "parsed"))
        self.assertEqual(self.ticket.status, "pending")

    def test_a_note_stays_among_colleagues(self) -> None:
        """T5: neither the note nor its file is public."""
        self.post("note", body="Call him.", files=[SimpleUploadedFile("a.txt", b"x")])
        message = self.ticket.messages.get(is_first=False)
        self.assertFalse(message.is_public)
        self.assertFalse(message.attachments.get().is_public)
        self.assertIsNone(self.ticket.first_response_at)

    @override_settings(MAX_UPLOAD_BYTES=10)
    def test_a_refused_file_loses_no_typed_word(self) -> None:
        """I2: the text comes back with the reason; nothing was sent."""
        files = [SimpleUploadedFile("big.txt", b"x" * 11), SimpleUploadedFile("empty.txt", b"")]
        response = self.client.post(self.url("reply"), {"body": "A long answer.", "files": files})
        self.assertContains(response, "A long answer.", status_code=422)
        self.assertContains(response, "“big.txt” is larger than", status_code=422)
        self.assertContains(response, "“empty.txt” is empty.", status_code=422)
        self.assertEqual(self.ticket.messages.count(), 1)
        self.assertFalse(Attachment.objects.exists())

    def test_a_decision_is_accepted_or_corrected(self) -> None:
        """C3: the person's value stands and is marked as such."""
        self.post("confirm", field="severity", value="high")
        self.post("confirm", field="category", value="hardware")
        states = dict(self.ticket.decisions.values_list("field", "state"))
        self.assertEqual((states["severity"], states["category"]), ("confirmed", "corrected"))
        self.assertEqual((self.ticket.category.slug, self.ticket.severity), ("hardware", "high"))

    def test_an_unknown_value_changes_nothing(self) -> None:
        """C3: there is no such category."""
        self.assertIn("There is no category", self.post("confirm", field="category", value="nonsense"))
        self.assertIsNone(self.ticket.category)

    def test_assigning_picks_a_person_and_refuses_outsiders(self) -> None:
        """T7: the team's next person gets it; somebody outside the team does not."""
        self.post("assign", team=self.world.network.pk)
        self.assertEqual((self.ticket.team, self.ticket.assignee), (self.world.network, self.world.agent))
        self.assertIn("not a member", self.post("assign", assignee=self.world.lead.pk))
        self.assertEqual(self.ticket.assignee, self.world.agent)
        self.post("assign", assignee="")
        self.assertIsNone(self.ticket.assignee)

    def test_handing_away_leads_back_to_the_list(self) -> None:
        """R3: a ticket that is no longer visible is not shown once more."""
        response = self.client.post(self.url("assign"), {"team": self.world.hardware.pk})
        self.ticket.refresh_from_db()
        if self.ticket.assignee_id != self.world.agent.pk:
            self.assertRedirects(response, reverse("desk:queue"))

    def test_actions_keep_the_view(self) -> None:
        """T9: after an action the list beside the ticket is the one it came from."""
        response = self.client.post(self.url("status") + "?review=yes", {"status": "open"})
        self.assertRedirects(response, self.url() + "?review=yes")
        page = self.client.get(self.url() + "?review=yes")
        self.assertEqual(page.context["view"]["name"], "Needs review")

    def test_the_number_of_queries_does_not_grow_with_the_conversation(self) -> None:
        """Style 9: constant with 3 and with 30 messages."""
        agent = self.world.actor(self.world.agent)
        counts = []
        for wanted in (3, 30):
            while self.ticket.messages.count() < wanted:
                message_add(ticket=self.ticket, new=NewMessage(body="Again."), actor=agent)
            with CaptureQueriesContext(connection) as captured:
                self.client.get(self.url())
            counts.append(len(captured))
        self.assertEqual(counts[0], counts[1])
        self.assertLessEqual(counts[1], QUERY_BUDGET)


class FileTest(TestCase):
    """I2: files are served after a permission check only."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def store(self, result: ReadResult | None = None) -> Attachment:
        ticket = self.world.ticket()
        agent = self.world.actor(self.world.agent)
        attachment = attachment_store(
            client=ticket.client,
            name="page.html",
            content=b"<script>1</script>",
            content_type="text/html",
            actor=agent,
            result=result,
        )
        message_add(ticket=ticket, new=NewMessage(body="See file.", attachments=(attachment,)), actor=agent)
        return attachment

    def test_it_is_a_download_no_browser_interprets(self) -> None:
        """I2: attachment, octet-stream, nosniff, whatever the sender said."""
        self.client.force_login(self.world.agent)
        response = self.client.get(reverse("desk:file", args=[self.store().uuid]))
        self.assertEqual(b"".join(response.streaming_content), b"<script>1</script>")
        self.assertIn("attachment", response["Content-Disposition"])
        self.assertEqual(response["Content-Type"], "application/octet-stream")
        self.assertEqual(response["X-Content-Type-Options"], "nosniff")

    def test_strangers_and_refused_files_get_404(self) -> None:
        """T10, I1: another client's lead, a requester on the desk, and a refused file."""
        url = reverse("desk:file", args=[self.store().uuid])
        for user in (self.world.stranger, self.world.requester):
            self.client.force_login(user)
            self.assertEqual(self.client.get(url).status_code, 404)
        self.client.force_login(self.world.agent)
        refused = self.store(ReadResult(status="rejected", error="No."))
        self.assertEqual(self.client.get(reverse("desk:file", args=[refused.uuid])).status_code, 404)


class StrangerTest(TestCase):
    """T10, R3: to people without rights nothing of the desk exists."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.ticket = cls.world.triage(cls.world.ticket())

    def urls(self) -> list[str]:
        names = [f"desk:{name}" for name in POSTS] + [f"triage:{name}" for name in CLASSIFIER_POSTS]
        return [reverse(name, args=[self.ticket.uuid]) for name in names]

    def snapshot(self) -> tuple[object, ...]:
        row = Ticket.objects.get(pk=self.ticket.pk)
        return row.version, row.status, row.messages.count(), row.events.count(), row.drafts.count()

    def test_strangers_and_requesters_get_404_and_change_nothing(self) -> None:
        """T10: neither page nor action, for another client's lead and for requesters."""
        before = self.snapshot()
        data = {
            "body": "x",
            "status": "closed",
            "team": "",
            "field": "severity",
            "value": "low",
            "action": "new",
        }
        for user in (self.world.stranger, self.world.requester, self.world.other_requester):
            self.client.force_login(user)
            page = reverse("desk:ticket", args=[self.ticket.uuid])
            self.assertEqual(self.client.get(page).status_code, 404)
            for url in self.urls():
                with self.subTest(user=user.username, url=url):
                    self.assertEqual(self.client.post(url, data).status_code, 404)
        self.assertEqual(self.snapshot(), before)

    def test_nobody_logged_in_is_sent_to_the_log_in(self) -> None:
        """R3: anonymous people see no page and change nothing."""
        before = self.snapshot()
        for url in self.urls():
            response = self.client.post(url, {"status": "closed"})
            self.assertEqual(response.status_code, 302)
            self.assertIn(reverse("login"), response["Location"])
        self.assertEqual(self.snapshot(), before)

    def test_reading_an_action_changes_nothing(self) -> None:
        """Style 4: actions answer 405 to GET."""
        self.client.force_login(self.world.lead)
        for url in self.urls():
            self.assertEqual(self.client.get(url).status_code, 405)


class BelongingTest(TestCase):
    """T8: merge, split, links and incidents on the desk."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def setUp(self) -> None:
        self.client.force_login(self.world.agent)
        self.ticket, self.other = self.world.ticket("Printer jams"), self.world.ticket("Printer broken")

    def url(self, name: str, *more: object) -> str:
        return reverse(f"desk:{name}", args=[self.ticket.uuid, *more])

    def test_merging_leads_to_the_ticket_that_stays_and_can_be_taken_back(self) -> None:
        """T8: found by its reference, merged, redirected, undone."""
        page = self.client.get(self.url("merge"), {"q": self.other.reference})
        self.assertEqual([row.pk for row in page.context["candidates"]], [self.other.pk])
        done = self.client.post(self.url("merge"), {"into": self.other.reference, "follow": "on"})
        self.assertRedirects(done, self.other.get_absolute_url())
        moved = self.client.get(self.ticket.get_absolute_url())
        self.assertRedirects(moved, self.other.get_absolute_url())
        page = self.client.get(self.other.get_absolute_url())
        self.assertEqual([row.reference for row in page.context["merged"]], [self.ticket.reference])
        stayed = self.client.get(self.ticket.get_absolute_url(), {"stay": "1"})
        self.assertContains(stayed, "Take the merge back")
        self.client.post(self.url("unmerge"))
        self.ticket.refresh_from_db()
        self.assertEqual((self.ticket.status, self.ticket.merged_into), ("new", None))

    def test_a_ticket_that_cannot_take_it_in_is_said_on_the_page(self) -> None:
        """T8: foreign and unknown look the same."""
        foreign = self.world.ticket("Foreign", client=self.world.client_b, user=self.world.stranger)
        for ref in (foreign.reference, "SW-999999"):
            page = self.client.post(self.url("merge"), {"into": ref})
            self.assertContains(page, "There is no such ticket.", status_code=422)
        self.assertContains(self.client.post(self.url("merge"), {}), "Choose a ticket", status_code=422)

    def test_a_message_is_split_off(self) -> None:
        """T8: the button stands on messages that can become a ticket."""
        actor = self.world.actor(self.world.requester)
        message = message_add(ticket=self.ticket, new=NewMessage(body="Also the toner"), actor=actor)
        page = self.client.get(self.ticket.get_absolute_url())
        self.assertEqual([row.can_split for row in page.context["conversation"]], [False, True])
        self.client.post(self.url("split"), {"message": message.uuid})
        message.refresh_from_db()
        self.assertNotEqual(message.ticket, self.ticket)

    def test_an_incident_is_resolved_with_its_parts(self) -> None:
        """T8: parent and children; one that cannot be resolved stops no other."""
        self.client.post(self.url("link"), {"kind": "parent", "to": self.other.reference})
        page = self.client.get(self.ticket.get_absolute_url())
        self.assertEqual([row.pk for row in page.context["children"]], [self.other.pk])
        self.client.post(self.url("resolve-all"))
        self.ticket.refresh_from_db()
        self.other.refresh_from_db()
        self.assertEqual((self.ticket.status, self.other.status), ("resolved", "resolved"))

    def test_links_are_made_turned_and_removed(self) -> None:
        """T8: child is parent said from the other side, and a circle is refused."""
        self.client.post(self.url("link"), {"kind": "child", "to": self.other.reference})
        link = self.other.links_out.get()
        self.assertEqual((link.kind, link.target), ("parent", self.ticket))
        again = self.client.post(
            self.url("link"), {"kind": "parent", "to": self.other.reference}, follow=True
        )
        self.assertContains(again, "is the parent of")
        self.client.post(self.url("link-answer", link.pk), {"state": "dismissed"})
        link.refresh_from_db()
        self.assertEqual(link.state, "dismissed")


class PresenceTest(TestCase):
    """T9: nobody answers what a colleague is answering."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def setUp(self) -> None:
        cache.clear()
        self.ticket = self.world.ticket()
        self.url = reverse("desk:collision", args=[self.ticket.uuid])

    def said(self, user: object, **data: object) -> str:
        self.client.force_login(user)
        return self.client.post(self.url, data, headers={"HX-Request": "true"}).content.decode()

    def test_the_other_person_is_named_and_oneself_is_not(self) -> None:
        """T9: looking, then replying, across logins as across workers."""
        self.assertNotIn("this ticket", self.said(self.world.agent))
        self.assertIn("Agent is looking at this ticket.", self.said(self.world.lead))
        self.assertIn("Lead is looking at this ticket.", self.said(self.world.agent, replying="1"))
        self.assertIn("Agent is replying to this ticket.", self.said(self.world.lead))

    def test_without_script_the_page_says_it_on_load(self) -> None:
        """T9: works without script."""
        self.said(self.world.agent, replying="1")
        self.client.force_login(self.world.lead)
        self.assertContains(
            self.client.get(self.ticket.get_absolute_url()), "Agent is replying to this ticket."
        )

    def test_who_is_silent_for_three_polls_has_left(self) -> None:
        """T9: a closed browser blocks nobody."""
        actor, lead = self.world.actor(self.world.agent), self.world.actor(self.world.lead)
        now = timezone.now()
        presence_note(ticket=self.ticket, actor=actor, is_replying=True, now=now)
        later = now + timedelta(seconds=46)
        self.assertEqual(presence_note(ticket=self.ticket, actor=lead, is_replying=False, now=later), [])

    def test_the_preview_shows_the_newest_messages(self) -> None:
        """T9: a quick look from the list."""
        for number in range(4):
            new = NewMessage(body=f"Message {number}")
            message_add(ticket=self.ticket, new=new, actor=self.world.actor(self.world.lead))
        self.client.force_login(self.world.agent)
        page = self.client.get(reverse("desk:preview", args=[self.ticket.uuid]))
        self.assertContains(page, "Message 3")
        self.assertNotContains(page, "Message 0")
        self.assertContains(page, "2 earlier messages")
