"""What an agent does, by keyboard alone, and the rows it leaves behind."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

from django.urls import reverse
from playwright.sync_api import Page, expect

from classifier.models import ResponseDraft
from classifier.services.drafts import draft_make
from teams.models import User
from tests.browser.keyboard import KeyboardTestCase
from ticketing.models import BulkAction, Macro, Message, Ticket, TicketExport
from ticketing.tests.world import World

BODY = "document.querySelector('[data-composer-body]').value"


class AgentJourneyTest(KeyboardTestCase):
    """T2, T5, T8, T9, T12, C16: the desk without a mouse."""

    def setUp(self) -> None:
        super().setUp()
        self.world = World()
        self.ticket = self.world.triage(self.world.ticket(), state="applied", confidence=0.9)

    def queue(self, user: User | None = None) -> Page:
        """The desk's list."""
        return self.open(reverse("desk:queue"), user=user or self.world.agent)

    def opened(self, user: User | None = None) -> Page:
        """The first ticket of the list, opened with j and Enter."""
        page = self.queue(user)
        self.press(page, "j")
        with self.go(page):
            pass
        return page

    def again(self, ticket: Ticket | None = None) -> Ticket:
        """The ticket as it stands in the database."""
        return Ticket.objects.get(pk=(ticket or self.ticket).pk)

    def test_take_insert_the_draft_send_resolve(self) -> None:
        """C16, T2, T5: four steps from the list to a resolved ticket."""
        Ticket.objects.update(assignee=None)
        draft = draft_make(ticket=self.again(), tone="friendly", actor=self.world.actor(self.world.lead))
        page = self.opened()
        self.press(page, "a")
        page.keyboard.type("Agent")
        self.assertIsNone(self.again().assignee, "A step in the list is no choice.")
        with self.go(page):
            pass
        self.assertEqual(self.again().assignee, self.world.agent)
        self.press(page, "d")
        self.assertEqual(page.evaluate(BODY), draft.content)
        self.assertTrue(page.evaluate("document.activeElement.matches('[data-composer-body]')"))
        self.press(page, "Control+End")
        page.keyboard.type("\nAsk for the new profile.")
        self.choose(page, "select[name=then]", "Then resolve")
        self.follow(page, "[data-send]")
        self.says(page, "Your reply is on its way.")
        ticket = self.again()
        sent = Message.objects.get(ticket=ticket, author_kind="agent")
        self.assertEqual(
            (ticket.status, sent.is_public, sent.author_user), ("resolved", True, self.world.agent)
        )
        self.assertTrue(sent.body.endswith("Ask for the new profile."))
        draft.refresh_from_db()
        self.assertEqual((draft.state, draft.decided_by), ("edited", self.world.agent))
        self.assertIsNotNone(ticket.first_response_at)

    def test_focus_stays_when_the_suggestion_is_replaced(self) -> None:
        """Another tone and a dismissal leave the person where they were, not at the top of the page."""
        draft_make(ticket=self.ticket, tone="friendly", actor=self.world.actor(self.world.lead))
        page = self.opened()
        self.choose(page, "select[name=tone]", "Formal")
        self.assertEqual(ResponseDraft.objects.get(state="proposed").tone, "friendly")
        with page.expect_response(re.compile("/draft")):
            self.press(page, "Enter")
        expect(page.locator("select[name=tone]")).to_have_value("formal")
        expect(page.locator("select[name=tone]")).to_be_focused()
        self.tab_to(page, "[aria-label='Dismiss the draft']")
        self.press(page, "Enter")
        expect(page.get_by_role("button", name="Suggest a reply")).to_be_focused()
        self.assertFalse(ResponseDraft.objects.filter(state="proposed").exists())

    def test_merge_and_take_it_back(self) -> None:
        """T8: the conversation moves and comes back."""
        other = self.world.ticket("VPN drops again", body="It still drops.")
        page = self.open(reverse("desk:ticket", args=[other.uuid]), user=self.world.lead)
        with self.go(page, "m"):
            pass
        self.tab_to(page, "input[name=into]")
        self.press(page, "Space")
        self.follow(page, "form[method=post] .card__foot button")
        self.says(page, f"{other.reference} is now part of {self.ticket.reference}. To undo")
        self.assertEqual(self.again(other).merged_into, self.ticket)
        self.assertEqual((self.again(other).status_category, other.messages.count()), ("closed", 0))
        self.follow(page, f"[title='Take the merge of {other.reference} back']")
        self.says(page, "The merge is taken back.")
        back = self.again(other)
        self.assertEqual((back.merged_into, back.status_category, back.messages.count()), (None, "open", 1))
        self.assertEqual(self.ticket.messages.count(), 1)

    def test_close_many_after_a_look_and_undo(self) -> None:
        """T9: the count comes first, and everything can be put back."""
        for number in range(3):
            self.world.triage(self.world.ticket(f"VPN {number}"), state="applied")
        page = self.queue(self.world.lead)
        for _row in range(3):
            self.press(page, "j", "x")
        self.choose(page, "select[name=status]", "Closed")
        self.tab_to(page, "[data-bulk-apply]")
        self.assertIn("3 tickets", page.locator("[data-bulk-apply]").inner_text())
        with self.go(page):
            pass
        self.says(page, "3 tickets will change")
        self.assertFalse(Ticket.objects.filter(status="closed").exists(), "Looking changes nothing.")
        self.follow(page, ".card__foot button")
        self.says(page, "3 tickets changed")
        self.assertEqual(Ticket.objects.filter(status="closed").count(), 3)
        self.follow(page, "form[action*=undo] button")
        self.assertFalse(Ticket.objects.filter(status="closed").exists())
        self.assertIsNotNone(BulkAction.objects.get().undone_at)

    def test_a_macro_fills_the_message_once_and_changes_fields_when_sent(self) -> None:
        """T9: walking through the list takes nothing; Enter takes one."""
        common: dict[str, Any] = {"client": self.world.client_a, "scope": "everyone"}
        Macro.objects.create(name="Ask for a log", body="Please send the log.", **common)
        Macro.objects.create(
            name="Restart", body="Hello {{ requester.first_name }}, please restart.", status="pending",
            add_tags=["restart"], **common,
        )  # fmt: skip
        page = self.opened()
        self.press(page, "c")
        self.assertTrue(page.evaluate("document.activeElement.matches('[data-macro-pick]')"))
        self.press(page, "ArrowDown", "ArrowDown")
        self.assertEqual(page.evaluate(BODY), "")
        self.press(page, "Enter")
        expect(page.locator("[data-composer-body]")).to_have_value("Hello Rita, please restart.")
        self.assertTrue(page.evaluate("document.activeElement.matches('[data-composer-body]')"))
        self.assertEqual(self.again().status, "new", "Nothing happens before it is sent.")
        with self.go(page, "Control+Enter"):
            pass
        ticket = self.again()
        self.assertEqual((ticket.status, [tag.name for tag in ticket.tags.all()]), ("pending", ["restart"]))
        self.assertEqual(ticket.messages.get(author_kind="agent").body, "Hello Rita, please restart.")

    def test_export_of_a_filtered_list(self) -> None:
        """T12: the file holds the tickets of the filter and no others, and it is recorded."""
        self.world.triage(self.world.ticket("=1+1 laptop"), category="hardware", state="applied")
        page = self.queue(self.world.lead)
        self.choose(page, "select[name=category]", "Hardware")
        with self.go(page):
            pass
        self.assertIn("category=hardware", page.url)
        self.tab_to(page, "details.menu:has([href*=export]) summary")
        self.press(page, "Enter")
        self.tab_to(page, "[href*='format=csv']")
        with page.expect_download() as coming:
            self.press(page, "Enter")
        file = coming.value
        self.assertRegex(file.suggested_filename, r"^tickets-\d{4}-\d\d-\d\d\.csv$")
        lines = list(csv.DictReader(Path(file.path()).read_text("utf-8-sig").splitlines()))
        self.assertEqual([(row["Subject"], row["Category"]) for row in lines], [("'=1+1 laptop", "hardware")])
        kept = TicketExport.objects.get()
        self.assertEqual((kept.actor_label, kept.rows), (self.world.lead.display_name, 1))
