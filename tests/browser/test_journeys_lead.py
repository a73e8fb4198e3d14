"""What a lead does, by keyboard alone, and the rows it leaves behind."""

from __future__ import annotations

import time
from typing import Any

from django.urls import reverse
from playwright.sync_api import Page, Route, expect

from classifier.models import LabelledExample, ReviewItem
from classifier.services.reviews import review_item_open
from tests.browser.keyboard import KeyboardTestCase
from ticketing.tests.world import World

ITEMS = 10
QUICK_S = 0.15  # between two keys of somebody who is in a hurry


class ReviewJourneyTest(KeyboardTestCase):
    """C4: ten items with ten keys; no answer is lost, none is given to an item nobody has seen."""

    def setUp(self) -> None:
        super().setUp()
        self.world = World()
        for number in range(ITEMS):
            ticket = self.world.triage(self.world.ticket(f"VPN drops, case {number}"))
            review_item_open(ticket=ticket, run=None, reasons=["Unsure."], urgency=ITEMS - number)

    def queue(self) -> Page:
        """The review page of the lead, with the next items fetched."""
        page = self.open(reverse("review:queue"), user=self.world.lead)
        page.wait_for_load_state("networkidle")
        return page

    def shown(self, page: Page) -> str:
        """The subject in front of the lead; empty while the next item is on its way."""
        busy = "document.querySelector('[data-review]').hasAttribute('aria-busy')"
        return "" if page.evaluate(busy) else page.locator(".review__subject, .empty h2").first.inner_text()

    def states(self) -> list[str]:
        """What became of the items, in their order."""
        return list(ReviewItem.objects.order_by("-urgency").values_list("state", flat=True))

    def test_ten_quick_enters_accept_ten(self) -> None:
        """As fast as a person hits the key; each item was in front of the lead when it was accepted."""
        page, seen = self.queue(), []
        for _item in range(ITEMS):
            page.wait_for_selector("[data-review]:not([aria-busy]) [data-subject]")
            seen.append(self.shown(page))
            self.press(page, "Enter")
            time.sleep(QUICK_S)
        self.says(page, "Nothing waits for review")
        self.assertEqual(seen, [f"VPN drops, case {number}" for number in range(ITEMS)])
        self.assertEqual(self.states(), ["accepted"] * ITEMS)
        answered = ReviewItem.objects.order_by("reviewed_at").values_list("ticket__subject", flat=True)
        self.assertEqual(list(answered), seen)
        self.assertEqual(LabelledExample.objects.count(), ITEMS)

    def test_on_a_slow_line_nothing_is_lost_and_nothing_decided_unseen(self) -> None:
        """Keys pressed while no item is in sight decide nothing; those pressed on one are kept."""
        page = self.queue()

        def slowly(route: Route) -> None:
            time.sleep(0.4)
            route.continue_()

        page.route("**/admin/review/**", slowly)
        accepted = []
        for _key in range(14):
            subject = self.shown(page)
            self.press(page, "Enter")
            if subject.startswith("VPN"):
                accepted.append(subject)
        deadline = time.monotonic() + 20
        while self.states().count("accepted") < len(set(accepted)) and time.monotonic() < deadline:
            page.wait_for_timeout(200)
        done = ReviewItem.objects.filter(state="accepted").values_list("ticket__subject", flat=True)
        self.assertEqual(set(done), set(accepted))

    def test_correct_undo_and_a_held_key(self) -> None:
        """A number corrects, u takes the answer back, a key held down accepts one item."""
        page = self.queue()
        first = ReviewItem.objects.order_by("-urgency").first()
        assert first is not None
        self.press(page, "2", "Enter")
        expect(page.locator("[data-count]")).to_contain_text("1 of 10 done")
        first.refresh_from_db()
        self.assertEqual((first.state, first.ticket.category.slug), ("corrected", "hardware"))
        with self.go(page, "u"):
            pass
        first.refresh_from_db()
        self.assertEqual((first.state, self.shown(page)), ("open", "VPN drops, case 0"))
        page.keyboard.down("Enter")
        for _repeat in range(5):
            page.keyboard.down("Enter")  # a second "down" without "up" is a repeat
        page.keyboard.up("Enter")
        expect(page.locator("[data-count]")).to_contain_text("1 of 10 done")
        self.assertEqual(self.states().count("accepted"), 1)

    def test_a_refused_answer_comes_back(self) -> None:
        """An answer that does not arrive is said to be lost, and its item is asked again."""
        page = self.queue()

        def broken(route: Route, _request: Any = None) -> None:
            route.abort()

        page.route("**/answer", broken)
        self.press(page, "Enter")
        self.says(page, "The item comes again.")
        page.unroute("**/answer")
        self.assertEqual(self.shown(page), "VPN drops, case 1")
        self.press(page, "Enter")
        expect(page.locator("[data-subject]")).to_have_text("VPN drops, case 0")
        self.press(page, "Enter")
        expect(page.locator("[data-count]")).to_contain_text("2 of 10 done")
        self.assertEqual(self.states()[:3], ["accepted", "accepted", "open"])

    def test_undo_of_a_lost_answer_takes_no_older_one_back(self) -> None:
        """What was meant never arrived; the answer before it stands."""
        page = self.queue()
        self.press(page, "Enter")
        expect(page.locator("[data-count]")).to_contain_text("1 of 10 done")

        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        page.route("**/answer", hold)
        with page.expect_request("**/answer"):
            self.press(page, "Enter", "u")
        held[0].abort()
        self.says(page, "The item comes again.")
        page.wait_for_timeout(500)
        self.assertEqual(self.states()[:2], ["accepted", "open"])

    def test_undo_while_the_last_answer_is_on_its_way(self) -> None:
        """The form that takes back is whole, though the answered one is switched off."""
        ReviewItem.objects.filter(urgency__lt=ITEMS).delete()
        page = self.queue()

        def slowly(route: Route) -> None:
            time.sleep(0.4)
            route.continue_()

        page.route("**/answer", slowly)
        with page.expect_navigation():
            self.press(page, "Enter", "u")
        self.says(page, "is taken back")
        self.assertEqual(self.states(), ["open"])

    def test_a_double_click_accepts_one(self) -> None:
        """The second click falls on an item that came in between and that nobody has read."""
        page = self.queue()
        button = page.locator("[data-accept]").bounding_box()
        assert button is not None
        page.mouse.dblclick(button["x"] + 5, button["y"] + 5, delay=60)
        expect(page.locator("[data-count]")).to_contain_text("1 of 10 done")
        page.wait_for_timeout(500)
        self.assertEqual(self.states().count("accepted"), 1)

    def test_a_silent_server_and_a_ticket_out_of_sight(self) -> None:
        """No answer is waited for without end, and an item that is gone does not come again."""
        page = self.queue()
        page.clock.install()
        page.route("**/answer", lambda _route: None)
        self.press(page, "Enter")
        page.clock.fast_forward(25_000)
        self.says(page, "The item comes again.")
        page.unroute("**/answer")
        page.route("**/answer", lambda route: route.fulfill(status=404, body="Not found"))
        self.press(page, "Enter")
        self.says(page, "no longer there for you")
        expect(page.locator("[data-subject]")).to_have_text("VPN drops, case 0")
