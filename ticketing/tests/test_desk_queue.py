"""The desk's queue: what is listed, filtered, searched, and changed in bulk (T9)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from ticketing.models import BulkAction, Macro, Message, Ticket
from ticketing.services.assignments import ticket_assign
from ticketing.services.audit import chain_verify
from ticketing.services.merging import ticket_merge
from ticketing.services.tickets import TicketChanges, next_due_set, status_change, ticket_update
from ticketing.tests.world import World

QUEUE = reverse("desk:queue")
BUDGETS = json.loads((Path(__file__).parent / "query_budgets.json").read_text())
QUERY_BUDGET = BUDGETS["desk.queue"]


class QueueTest(TestCase):
    """T9, O6: lists."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def setUp(self) -> None:
        self.client.force_login(self.world.agent)

    def subjects(self, query: str = "") -> set[str]:
        response = self.client.get(QUEUE + query)
        self.assertEqual(response.status_code, 200)
        return {ticket.subject for ticket in response.context["tickets"]}

    def test_it_lists_visible_open_tickets_by_default(self) -> None:
        """T9: open and waiting, of the agent's teams, unassigned or own; nothing of other clients."""
        self.world.ticket("Mine to see")
        foreign_team = self.world.ticket("Other team")
        lead = self.world.actor(self.world.lead)
        ticket_assign(ticket=foreign_team, team=self.world.hardware, assignee=None, actor=lead)
        done = self.world.ticket("Done")
        status_change(ticket=done, status="resolved", actor=lead)
        self.world.ticket("Foreign", client=self.world.client_b, user=self.world.stranger)
        self.assertEqual(self.subjects(), {"Mine to see"})
        self.assertEqual(self.subjects("?status=resolved"), {"Done"})
        self.assertEqual(self.subjects("?status=all"), {"Mine to see", "Done"})

    def test_every_filter_narrows_the_list(self) -> None:
        """T9: filters are in the address."""
        plain = self.world.ticket("Plain")
        sorted_one = self.world.triage(self.world.ticket("Sorted"), state="applied", confidence=0.95)
        self.world.triage(self.world.ticket("Unsure"))
        agent = self.world.actor(self.world.agent)
        ticket_assign(ticket=plain, team=None, assignee=self.world.agent, actor=agent)
        late = timezone.now() - timedelta(hours=1)
        next_due_set(ticket_id=sorted_one.pk, next_due_at=late)
        self.assertEqual(self.subjects("?severity=high"), {"Sorted"})
        self.assertEqual(self.subjects("?category=network"), {"Sorted"})
        self.assertEqual(self.subjects("?team=network_team"), {"Sorted"})
        self.assertEqual(self.subjects("?review=yes"), {"Unsure"})
        self.assertEqual(self.subjects("?sla=breached"), {"Sorted"})
        self.assertEqual(self.subjects("?channel=api"), set())
        self.assertIn("Plain", self.subjects("?who=me"))
        self.assertNotIn("Plain", self.subjects("?who=none"))

    def test_a_value_that_does_not_exist_filters_nothing(self) -> None:
        """T9: a broken address still shows the list."""
        self.world.ticket("Plain")
        self.assertEqual(self.subjects("?severity=nonsense&team=%27&page=x&sort=zz"), {"Plain"})

    def test_search_finds_words_and_references_within_reach_only(self) -> None:
        """T9: full-text search never reaches beyond what the actor sees."""
        ticket = self.world.ticket("Zebra printer jams", body="Paper stuck")
        self.world.ticket("Zebra elsewhere", client=self.world.client_b, user=self.world.stranger)
        self.assertEqual(self.subjects("?q=zebra"), {"Zebra printer jams"})
        self.assertEqual(self.subjects(f"?q={ticket.reference}"), {"Zebra printer jams"})
        self.assertEqual(self.subjects("?q=giraffe"), set())

    def test_a_number_leads_to_its_ticket_whatever_became_of_it(self) -> None:
        """T9: a caller quotes the number of a merged ticket; one of another client stays unknown."""
        source, target = self.world.ticket("Printer again"), self.world.ticket("Printer")
        ticket_merge(source=source, target=target, actor=self.world.actor(self.world.lead))
        found = self.client.get(f"{QUEUE}?q= {source.reference.lower()} ")
        self.assertRedirects(found, reverse("desk:ticket", args=[source.uuid]), fetch_redirect_response=False)
        foreign = self.world.ticket("Elsewhere", client=self.world.client_b, user=self.world.stranger)
        self.assertEqual(self.client.get(f"{QUEUE}?q={foreign.reference}").status_code, 200)

    def test_a_chip_leads_to_the_view_without_it(self) -> None:
        """T9: each filter in force can be taken off alone."""
        response = self.client.get(QUEUE + "?severity=high&who=none")
        chips = {chip.label: chip.remove_url for chip in response.context["filters"]}
        self.assertEqual(chips, {"Severity": f"{QUEUE}?who=none", "Assignee": f"{QUEUE}?severity=high"})

    def test_the_number_of_queries_does_not_grow_with_the_list(self) -> None:
        """Style 9: constant with 3 and with 30 rows."""
        counts = []
        for wanted in (3, 30):
            while Ticket.objects.count() < wanted:
                self.world.triage(self.world.ticket(f"Ticket {Ticket.objects.count()}"))
            self.client.get(QUEUE)
            with CaptureQueriesContext(connection) as captured:
                self.client.get(QUEUE)
            counts.append(len(captured))
        self.assertEqual(counts[0], counts[1])
        self.assertLessEqual(counts[1], QUERY_BUDGET)

    def test_pages_are_bounded(self) -> None:
        """Style 6: a list never shows everything at once."""
        for number in range(51):
            self.world.ticket(f"Ticket {number}")
        first = self.client.get(QUEUE)
        self.assertEqual(len(first.context["tickets"]), 50)
        second = self.client.get(first.context["page"].next_url)
        self.assertEqual(len(second.context["tickets"]), 1)


class BulkTest(TestCase):
    """T9: bulk actions."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def setUp(self) -> None:
        self.client.force_login(self.world.agent)

    def post(self, *tickets: Ticket, **values: object) -> str:
        data = {"tickets": [str(ticket.uuid) for ticket in tickets], "next": QUEUE, "confirm": "1", **values}
        response = self.client.post(reverse("desk:bulk"), data, follow=True)
        return " ".join(str(message) for message in response.context["messages"])

    def test_it_changes_status_team_and_person(self) -> None:
        """T9: all that was chosen happens to each ticket."""
        tickets = [self.world.ticket("One"), self.world.ticket("Two")]
        text = self.post(*tickets, status="pending", team=self.world.network.pk, assignee=self.world.agent.pk)
        self.assertIn("2 tickets changed", text)
        for ticket in tickets:
            ticket.refresh_from_db()
            self.assertEqual(
                (ticket.status, ticket.team, ticket.assignee),
                ("pending", self.world.network, self.world.agent),
            )

    def test_one_that_cannot_change_does_not_stop_the_others(self) -> None:
        """T9: a forbidden transition is named and the rest goes on."""
        closed, fine = self.world.ticket("Closed"), self.world.ticket("Fine")
        status_change(ticket=closed, status="closed", actor=self.world.actor(self.world.lead))
        text = self.post(closed, fine, status="resolved")
        fine.refresh_from_db()
        closed.refresh_from_db()
        self.assertEqual((fine.status, closed.status), ("resolved", "closed"))
        self.assertIn("1 ticket changed", text)
        action = BulkAction.objects.get()
        self.assertEqual(list(action.failures), [closed.reference])
        self.assertIn("cannot become", action.failures[closed.reference])

    def test_a_foreign_ticket_is_refused_and_stays(self) -> None:
        """T10: a ticket of another client cannot be slipped into the selection."""
        foreign = self.world.ticket("Foreign", client=self.world.client_b, user=self.world.stranger)
        text = self.post(foreign, status="closed")
        foreign.refresh_from_db()
        self.assertEqual(foreign.status, "new")
        self.assertIn("no longer there", text)

    def test_nothing_selected_or_chosen_is_said(self) -> None:
        """T9: an empty gesture changes nothing and says so."""
        self.assertIn("Select at least one ticket", self.post(status="closed"))
        self.assertIn("Choose what to change", self.post(self.world.ticket("One")))

    def test_nothing_happens_before_it_is_confirmed(self) -> None:
        """T9: first the count, what would happen, and what could not."""
        closed, fine = self.world.ticket("Closed"), self.world.ticket("Fine")
        status_change(ticket=closed, status="closed", actor=self.world.actor(self.world.lead))
        data = {"tickets": [closed.uuid, fine.uuid], "next": QUEUE, "status": "resolved", "tag": "batch"}
        page = self.client.post(reverse("desk:bulk"), data)
        self.assertEqual((page.context["will"], page.context["stay"]), (1, 1))
        self.assertContains(page, "set the status to “Resolved”")
        self.assertContains(page, "cannot become")
        fine.refresh_from_db()
        self.assertEqual(fine.status, "new")

    def test_undo_puts_back_what_nobody_has_changed_since(self) -> None:
        """T9: status with its times, team, person, priority and tags; a later change is respected."""
        lead = self.world.actor(self.world.lead)
        first, second = self.world.ticket("One"), self.world.ticket("Two")
        self.post(first, second, status="closed", team=self.world.network.pk, priority="urgent", tag="batch")
        first.refresh_from_db()
        self.assertEqual((first.status, first.priority, first.team), ("closed", "urgent", self.world.network))
        ticket_update(ticket=second, changes=TicketChanges(priority="low"), actor=lead)
        action = BulkAction.objects.get()
        url = reverse("desk:bulk-undo", args=[action.uuid])
        page = self.client.post(url, follow=True)
        self.assertContains(page, "It has been changed since")
        for ticket in (first, second):
            ticket.refresh_from_db()
        self.assertEqual((first.status, first.priority, first.team), ("new", "normal", None))
        self.assertEqual((first.closed_at, first.resolved_at, first.tags.count()), (None, None, 0))
        self.assertEqual((second.status, second.priority), ("closed", "low"))
        self.assertIsNone(chain_verify(ticket=first))
        self.assertEqual(self.client.post(url).status_code, 409)

    def test_somebody_elses_action_is_not_there(self) -> None:
        """T10: a report and its undo belong to who did it."""
        self.post(self.world.ticket("One"), status="pending")
        action = BulkAction.objects.get()
        self.client.force_login(self.world.lead)
        self.assertEqual(self.client.get(reverse("desk:bulk-done", args=[action.uuid])).status_code, 404)
        self.assertEqual(self.client.post(reverse("desk:bulk-undo", args=[action.uuid])).status_code, 404)

    def test_a_whole_view_is_meant_by_its_filters(self) -> None:
        """T9: everything of the view, not only what stands on the page."""
        tickets = [self.world.ticket(f"Ticket {number}") for number in range(3)]
        self.world.triage(tickets[0], state="applied", confidence=0.9)
        data = {"everything": "1", "next": QUEUE + "?severity=high", "status": "pending"}
        page = self.client.post(reverse("desk:bulk"), data)
        self.assertEqual([row["ticket"].pk for row in page.context["rows"]], [tickets[0].pk])

    def test_a_macro_writes_to_each_requester_in_its_own_words(self) -> None:
        """T9: macros in bulk; the confirmation warns that messages stay sent."""
        macro = Macro.objects.create(
            client=self.world.client_a, owner=self.world.agent, name="Ask", body="About {{ ticket.subject }}",
            status="pending",
        )  # fmt: skip
        tickets = [self.world.ticket("One"), self.world.ticket("Two")]
        data = {"tickets": [row.uuid for row in tickets], "macro": macro.uuid, "next": QUEUE}
        self.assertContains(self.client.post(reverse("desk:bulk"), data), "cannot be taken back")
        self.client.post(reverse("desk:bulk"), {**data, "confirm": "1"})
        bodies = sorted(Message.objects.filter(is_first=False).values_list("body", flat=True))
        self.assertEqual(bodies, ["About One", "About Two"])
        self.assertEqual(set(Ticket.objects.values_list("status", flat=True)), {"pending"})

    def test_it_leads_nowhere_outside(self) -> None:
        """O3: no open redirect."""
        response = self.client.post(reverse("desk:bulk"), {"next": "https://evil.example/"})
        self.assertRedirects(response, QUEUE, fetch_redirect_response=False)

    def test_reading_changes_nothing(self) -> None:
        """Style 4: no change on GET."""
        self.assertEqual(self.client.get(reverse("desk:bulk")).status_code, 405)
